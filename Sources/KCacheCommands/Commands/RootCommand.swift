import ArgumentParser
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheSystem

struct RootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "root",
        abstract: "Keeps root filesystems to build in: create, list, push, pull, remove.",
        discussion: HelpText.flowing(
            """
            A root is the file system of a distribution with the tools of a build in it. Two machines that build in
            the same root have the same toolchain, whatever they run themselves.

            Example:

              kcache root create trixie debootstrap:trixie
              kcache make --root trixie -j8 && kcache push --root trixie desk
              kcache root push trixie desk

            and on the other machine

              kcache root pull trixie desk
              kcache pull --root trixie desk && kcache make --root trixie
            """),
        subcommands: [Create.self, List.self, Push.self, Pull.self, Remove.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a root from a folder, a tarball, or by debootstrap.",
            discussion: HelpText.flowing(
                """
                All files become yours and get one old time; devices, set-id bits, empty folders and what can't be
                read stay out, and are named. FROM is not changed, and not needed any more afterwards.

                Examples:

                  kcache root create trixie debootstrap:trixie
                  kcache root create fedora fedora.tar.xz
                  kcache root create lab /srv/roots/lab
                """))
        @OptionGroup var global: GlobalOptions
        @Argument(help: "What to call it.") var name: String
        @Argument(help: "A folder, a tarball as tar unpacks it, or debootstrap:SUITE.") var from: String

        func run() throws {
            let invocation = Invocation.current()
            let source = try RootSource(from, path: invocation.absolute(from))
            let global = global
            let made = try invocation.roots().create(name, from: source) { global.note($0, invocation) }
            try RootText.show(made, global, invocation)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the roots of this machine.",
            discussion: HelpText.flowing(
                """
                The digest is over paths, contents, execute bits and links. Those of a store are in `kcache list`.

                Example:

                  kcache root list
                """))
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let invocation = Invocation.current()
            let roots = try invocation.roots().list()
            if global.format == .json {
                invocation.console.print(try JSONText.of(roots.map { RootResult($0) }))
                return
            }
            let rows = roots.map {
                [$0.name, $0.digest.short, SnapshotText.grouped(UInt64($0.files)), "\($0.size)"]
            }
            for line in TextTable.lines(["root", "digest", "files", "size"], rows) {
                invocation.console.print(line)
            }
        }
    }

    struct Push: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts a root into the local store, and into STORE.",
            discussion: HelpText.flowing(
                """
                Example:

                  kcache root push trixie desk
                """))
        @OptionGroup var global: GlobalOptions
        @Argument(help: "Its name here.") var name: String
        @Argument(help: "Another store: a folder, an address, or a name.") var store: String?

        func run() throws {
            let invocation = Invocation.current()
            let stores = try StoreChoice(global, invocation, named: store)
            let local = try Store.open(at: stores.local, mode: .createIfMissing)
            var exchange = RootExchange(library: try invocation.roots(), store: local)
            let global = global
            let progress = ProgressLine(console: invocation.console, quiet: global.quiet)
            exchange.progress = progress.sink
            exchange.waiting = { global.note($0, invocation) }
            if let key = try ConfigurationFile.read(invocation)?.signing.key {
                exchange.sign = try SigningSettings.signer(invocation.home(key), invocation)
            }
            let pushed = try exchange.push(name)
            var place = local.place
            var (alreadyThere, stored) = (pushed.alreadyThere, pushed.storedBytes)
            if let other = stores.other {
                let target = try other.open(.createIfMissing)
                let summary = try SnapshotSending(from: local, to: target).send(
                    pushed.id, progress: progress.sink, waiting: { global.note($0, invocation) })
                (place, alreadyThere, stored) = (target.place, summary.alreadyThere, summary.storedBytes)
            }
            if global.format == .json {
                invocation.console.print(
                    try JSONText.of(RootResult(pushed.root, snapshot: pushed.id, alreadyThere: alreadyThere)))
            } else if !global.quiet {
                let root = "root \(pushed.root.name) (\(pushed.root.digest.short))"
                invocation.console.print(
                    alreadyThere
                        ? "nothing new: \(place) has the \(root), snapshot \(pushed.id.short)"
                        : "snapshot \(pushed.id.short)  \(root): stored \(stored) in \(place)")
            }
        }
    }

    struct Pull: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Brings a root from the local store, or from STORE.",
            discussion: HelpText.flowing(
                """
                Its programs will run with your rights, in namespaces in which they reach the tree and nothing else:
                pull roots from stores whose writers you would let build your kernel.

                Examples:

                  kcache root pull trixie desk
                  kcache root pull trixie desk --as trixie-desk
                """))
        @OptionGroup var global: GlobalOptions
        @OptionGroup var signatures: SignatureOptions
        @Argument(help: "Its name there, or the start of its snapshot's number.") var name: String
        @Argument(help: "Another store: a folder, an address, or a name.") var store: String?
        @Option(name: .customLong("as"), help: ArgumentHelp("What to call it here.", valueName: "name"))
        var localName: String?

        func run() throws {
            let invocation = Invocation.current()
            let (store, near) = try StoreChoice(global, invocation, named: store).openForReading()
            var exchange = RootExchange(library: try invocation.roots(), store: store, near: near)
            let signing = try ConfigurationFile.read(invocation)?.signing ?? SigningSettings()
            exchange.trust = signing.trust(
                store: store.place, option: signatures.requireSignature, acceptsOlder: signatures.acceptOlder,
                invocation)
            let global = global
            exchange.progress = ProgressLine(console: invocation.console, quiet: global.quiet).sink
            exchange.waiting = { global.note($0, invocation) }
            let made = try exchange.pull(name, as: localName) { id, header, warning in
                if global.format == .text, !global.quiet {
                    invocation.console.print("snapshot \(id.short)  \(SnapshotText.title(header))")
                }
                if let warning { global.note(quoteForPeople(Array(warning.utf8)), invocation) }
            }
            try RootText.show(made, global, invocation)
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes a root from this machine.",
            discussion: HelpText.flowing(
                """
                A build that runs in it fails. One in a store stays: `kcache forget` removes that.

                Example:

                  kcache root remove trixie
                """))
        @OptionGroup var global: GlobalOptions
        @Argument(help: "Its name.") var name: String

        func run() throws {
            let invocation = Invocation.current()
            try invocation.roots().remove(name)
            if global.format == .json {
                invocation.console.print(try JSONText.of(["removed": name]))
            } else if !global.quiet {
                invocation.console.print("removed the root \(name)")
            }
        }
    }
}

/// How a root is shown to people.
private enum RootText {
    static func show(_ made: RootLibrary.Made, _ global: GlobalOptions, _ invocation: Invocation) throws {
        if global.format == .json {
            invocation.console.print(try JSONText.of(RootResult(made.root, alreadyThere: made.alreadyThere)))
        } else if !global.quiet {
            let files = SnapshotText.count(UInt64(made.root.files), "file")
            invocation.console.print(
                "root \(made.root.name) (\(made.root.digest.short)): \(files), \(made.root.size)"
                    + (made.alreadyThere ? "; it was here already" : ""))
        }
        for (reason, paths) in Dictionary(grouping: made.leftOut, by: \.reason).sorted(by: { $0.key < $1.key }
        ) {
            global.note(
                "left out: \(reason): \(SnapshotText.paths(paths.map(\.path).sorted(), "path"))", invocation)
        }
    }
}

/// A root in `--format json`.
private struct RootResult: Encodable {
    let name: String
    let digest: String
    let files: Int
    let bytes: UInt64
    let snapshot: String?
    let alreadyThere: Bool?

    init(_ root: RootLibrary.Listed, snapshot: SnapshotID? = nil, alreadyThere: Bool? = nil) {
        (name, digest, files, bytes) = (root.name, root.digest.hex, root.files, root.size.value)
        (self.snapshot, self.alreadyThere) = (snapshot?.description, alreadyThere)
    }
}
