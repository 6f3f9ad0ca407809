import ArgumentParser
import KCacheRemote
import KCacheStore
import KCacheSystem
import SystemPackage

struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Names stores, and tries them: add, list, remove, test.",
        discussion: HelpText.flowing(
            """
            Example:

              kcache store add desk ssh://desk
              kcache push desk
            """),
        subcommands: [Add.self, List.self, Remove.self, Test.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a store a name; makes it where none is.",
            discussion: HelpText.flowing(
                """
                Names stand in stores.toml beside config.toml. ssh is the user's own, with its configuration, keys
                and agent. --install copies this program to ~/.local/bin/kcache of a machine that has none (or to
                where --program says), if it runs there; one that is there is never replaced.

                Examples:

                  kcache store add team /srv/kcache
                  kcache store add desk ssh://desk --install
                  kcache store add lab  ssh://me@lab.example:2222/srv/kcache --ssh "ssh -J gate.example"
                """))
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The name.") var name: String
        @Argument(help: "A folder, ssh://[USER@]HOST[:PORT][/PATH] or [USER@]HOST:PATH.") var store: String
        @Option(
            name: .long, help: ArgumentHelp("The ssh program and options to reach it.", valueName: "words"))
        var ssh: String?
        @Option(name: .long, help: ArgumentHelp("The kcache at the far end.", valueName: "path"))
        var program: String?
        @Flag(name: .long, help: "Copy this kcache to the far end if there is none.")
        var install = false
        @Option(
            name: .long,
            help: ArgumentHelp("At most so many bytes in a second over the connection.", valueName: "bytes"))
        var limitRate: Int?

        func validate() throws {
            guard limitRate.map({ $0 > 0 }) ?? true else {
                throw ValidationError("--limit-rate: a number of bytes above zero")
            }
        }

        func run() throws {
            let invocation = Invocation.current()
            let registry = StoreRegistry(invocation)
            var named = StoreRegistry.NamedStore(
                name: name, url: store, ssh: ssh, program: program, limitRate: limitRate)
            // A folder's name alone is a folder here: names of names would be riddles.
            if !(try registry.isAddress(store)) {
                guard ssh == nil, program == nil, limitRate == nil, !install else {
                    throw SettingsError(
                        "--ssh, --program, --install and --limit-rate are for stores on other machines",
                        status: 2)
                }
                named.url = invocation.absolute(store).string
            }
            try registry.checkNew(name)
            let reference = try registry.reference(named)
            let installation = try installing(reference, invocation)
            let opened = try reference.open(.createIfMissing)
            // Says at once what is wrong there.
            _ = try opened.welcome()
            named.url = reference.place
            try registry.add(named)
            if global.format == .json {
                invocation.console.print(try JSONText.of(AddedStore(named, installation)))
            } else {
                if let installation { invocation.console.print(Self.line(installation)) }
                invocation.console.print("\(name) is \(named.url)")
            }
        }

        /// Nil where nobody asked for it.
        private func installing(_ reference: StoreReference, _ invocation: Invocation) throws
            -> FarInstaller.Outcome?
        {
            guard install, let transport = reference.transport else { return nil }
            let global = global
            let host = transport.address.destination
            let installer = FarInstaller(transport, machine: HostIdentity.current().machine) { size in
                global.note("copying this kcache (\(size)) to \(host)", invocation)
            }
            return try installer.install(try OwnProgram.open())
        }

        private static func line(_ outcome: FarInstaller.Outcome) -> String {
            switch outcome {
            case .present(let path, let version):
                "nothing was copied: kcache \(version) is there, \(path)"
            case .installed(let path, let version, let size):
                "copied kcache \(version) (\(size)) there, to \(path)"
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the named stores.",
            discussion: HelpText.flowing(
                """
                Example:

                  kcache store list --format json
                """))
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let invocation = Invocation.current()
            let stores = try StoreRegistry(invocation).all()
            if global.format == .json {
                invocation.console.print(try JSONText.of(stores))
            } else {
                for line in TextTable.lines(["name", "store"], stores.map { [$0.name, $0.url] }) {
                    invocation.console.print(line)
                }
            }
        }
    }

    struct Test: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tries a store: reaches it, says what may be done there and how long the way is.",
            discussion: HelpText.flowing(
                """
                Example:

                  kcache store test desk
                """))
        @OptionGroup var global: GlobalOptions
        @Argument(help: "A name, folder or address.") var store: String

        func run() throws {
            let invocation = Invocation.current()
            let result = try StoreTest(try StoreRegistry(invocation).resolve(store))
            if global.format == .json {
                invocation.console.print(try JSONText.of(result))
            } else {
                for line in result.lines { invocation.console.print(line) }
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forgets a store's name; the store itself stays.",
            discussion: HelpText.flowing(
                """
                Example:

                  kcache store remove team
                """))
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The name.") var name: String

        func run() throws {
            let invocation = Invocation.current()
            try StoreRegistry(invocation).remove(name)
            if global.format == .json {
                invocation.console.print(try JSONText.of(["removed": name]))
            } else {
                invocation.console.print("\(name) is no name of a store any more; its content is untouched")
            }
        }
    }
}

/// `store add --format json`.
private struct AddedStore: Encodable {
    let name: String
    let url: String
    let ssh: String?
    let program: String?
    let limitRate: Int?
    /// The kcache at the far end, and whether this call has put it there; nil without `--install`.
    let farProgram: String?
    let installed: Bool?

    init(_ store: StoreRegistry.NamedStore, _ outcome: FarInstaller.Outcome?) {
        (name, url, ssh) = (store.name, store.url, store.ssh)
        (program, limitRate) = (store.program, store.limitRate)
        switch outcome {
        case .present(let path, _): (farProgram, installed) = (path, false)
        case .installed(let path, _, _): (farProgram, installed) = (path, true)
        case nil: (farProgram, installed) = (nil, nil)
        }
    }
}
