import ArgumentParser
import KCacheBuild
import KCacheServer
import KCacheStore
import KCacheSystem
import SystemPackage

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves a store to a kcache at the other end of ssh.",
        discussion: HelpText.flowing(
            """
            ssh starts this at the far end of `kcache push ssh://HOST/PATH`. Nobody has to start it by hand; but
            the line of a key in ~/.ssh/authorized_keys can fix what that key may do, whatever the client asks for.

            Example:

              restrict,command="kcache serve --stdio --read-only /srv/kcache" ssh-ed25519 AAAA… laptop
            """))

    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Speak over standard input and output.")
    var stdio = false
    @Flag(name: .long, help: "Let the client read, and nothing else.")
    var readOnly = false
    @Flag(name: .long, help: "Let the client add snapshots, and neither replace nor delete anything.")
    var appendOnly = false
    @Flag(
        name: .long,
        help: "Build for the client as well (`kcache build --on`), in workspaces in this user's cache folder."
    )
    var builds = false
    @Argument(
        help: ArgumentHelp(
            "The store's folder; ~/ is this user's home. Default: the user's store.", valueName: "folder"))
    var folder: String?

    func validate() throws {
        guard stdio else { throw ValidationError("serve needs --stdio: there is no other way to speak yet") }
        guard !(readOnly && appendOnly) else {
            throw ValidationError("--read-only and --append-only: give one of the two")
        }
        guard !builds || !(readOnly || appendOnly || folder != nil || global.store != nil) else {
            throw ValidationError("--builds has a store of its own, which it reads and writes")
        }
    }

    func run() throws {
        let invocation = Invocation.current()
        var options = StoreServer.Options()
        options.access = readOnly ? .readOnly : appendOnly ? .appendOnly : .full
        options.program = "kcache \(Version.text)"
        if builds { return try serveBuilds(options, invocation) }
        let server = StoreServer(input: .standardInput, output: .standardOutput, options: options) { mode in
            let served =
                try folder.map { try reference($0, invocation) } ?? global.storeReference(invocation)
            guard let path = served.folder else {
                throw SettingsError(
                    "\(served.place) is a store elsewhere: serve takes a folder of this machine")
            }
            return try Store.open(at: path, mode: mode)
        }
        try server.run()
    }

    private func serveBuilds(_ options: StoreServer.Options, _ invocation: Invocation) throws {
        guard let program = ProcessStrings.programPath() else {
            throw SettingsError("/proc does not tell which file this program is: nothing can be built")
        }
        let folder = WorkspaceFolder(cache: try invocation.cacheFolder())
        var options = options
        options.builder = WorkspaceBuilder(folder, host: try invocation.host(), program: program)
        defer {
            // Nobody waits for it: the client has what it wanted.
            do {
                try Spawning.startApart(
                    [program.string, BuildCommand.name, "--tidy"], environment: invocation.environment)
            } catch _ {}
        }
        let server = StoreServer(input: .standardInput, output: .standardOutput, options: options) { _ in
            try folder.store()
        }
        try server.run()
    }

    private func reference(_ text: String, _ invocation: Invocation) throws -> StoreReference {
        guard text == "~" || text.hasPrefix("~/") else {
            return StoreReference(location: .folder(invocation.absolute(text)), invocation: invocation)
        }
        guard let home = invocation.environment["HOME"], home.hasPrefix("/") else {
            throw SettingsError("\(text): HOME is not set here; give the whole path")
        }
        return StoreReference(location: .folder(FilePath(home + text.dropFirst())), invocation: invocation)
    }
}
