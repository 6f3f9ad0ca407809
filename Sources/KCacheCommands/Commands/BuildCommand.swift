import ArgumentParser
import Glibc
import KCacheBuild
import KCacheCore
import KCacheKbuild
import KCacheRemote
import KCacheStore
import KCacheSystem
import SystemPackage

struct BuildCommand: ParsableCommand {
    static let name = "build"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Builds this tree on another machine, then warms it here.",
        discussion: HelpText.flowing(
            """
            Sends what HOST lacks of this tree's sources and of .config; runs make there, with all its processors
            unless -j says otherwise, in a workspace that stays warm; shows what it prints; and fetches what was
            built, so that make here has nothing left to do. Ends as make ended there. Ctrl-C ends both.

            HOST needs kcache and a toolchain like the one here, and no kernel source. This command's own options
            come first; everything from the first word on that is none of them is make's.

            Examples:

              kcache build --on desk
              kcache build --on me@desk -j16 W=1 bzImage modules
              kcache build --on desk --list
            """))

    @OptionGroup var global: GlobalOptions
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The machine that builds: [USER@]HOST, ssh://…, or a store's name.", valueName: "host"))
    var on: String?
    @Option(
        name: .long, help: ArgumentHelp("The compiler, here and there: make's CC=NAME.", valueName: "name"))
    var cc: String?
    @Flag(name: .long, help: "Build even if the toolchains differ and make here could use nothing of it.")
    var anyToolchain = false
    @Flag(name: .long, help: "List the workspaces: this machine's, or with --on that one's.")
    var list = false
    @Flag(name: .long, help: "Remove workspaces: all that nobody builds in, or those that are named.")
    var clean = false
    @Flag(name: .long, help: .hidden)
    var tidy = false
    @Argument(help: ArgumentHelp("Make's words, or the names of workspaces.", valueName: "word"))
    var words: [String] = []

    /// Marks where make's words begin, since the parser would take them for its own.
    static func arguments(_ words: [String]) -> [String] {
        guard words.first == name else { return words }
        var i = 1
        while i < words.count {
            let word = words[i]
            if word == "--" { return words }
            if ["--on", "--cc", "-C", "--format", "--store"].contains(word) {
                i += 2
            } else if ["--any-toolchain", "--list", "--clean", "--tidy", "--quiet", "-q", "--help", "-h"]
                .contains(word)
                || ["--on=", "--cc=", "--format=", "--store="].contains(where: { word.hasPrefix($0) })
            {
                i += 1
            } else {
                return words[..<i] + ["--"] + words[i...]
            }
        }
        return words
    }

    func validate() throws {
        guard on != nil || list || clean || tidy else {
            throw ValidationError("build needs --on HOST; to build here, run kcache make")
        }
        guard !(list && clean) else { throw ValidationError("--list and --clean: give one of the two") }
        guard !list || words.isEmpty else { throw ValidationError("--list takes no words") }
        if clean, let word = words.first(where: { !WorkspaceFolder.isName($0) }) {
            throw ValidationError("\(word) is no workspace: `kcache build --list` has the names")
        }
    }

    func run() throws {
        let invocation = Invocation.current()
        if let on, list || clean { try runThere(on, invocation) }
        let folder = WorkspaceFolder(cache: try invocation.cacheFolder())
        if tidy { return try folder.tidy(now: WallClock.system.now()) }
        if list { return try printWorkspaces(folder, invocation) }
        if clean { return try cleanWorkspaces(folder, invocation) }
        try build(invocation)
    }

    // MARK: Building

    private func build(_ invocation: Invocation) throws {
        guard let on else { return }
        let tree = global.treePath(invocation)
        let words = try BuildWords(
            (cc.map { ["CC=\($0)"] } ?? []) + self.words, environment: invocation.environment, directory: tree
        )
        var request = RemoteBuild.Request(tree: tree, words: words)
        request.acceptsAnyToolchain = anyToolchain
        if let window = TerminalWindow.ofOutput {
            request.terminal = .init(
                columns: window.columns, rows: window.rows, type: invocation.environment["TERM"] ?? "dumb")
        }
        request.progress = ProgressLine(console: invocation.console, quiet: global.quiet).sink
        let global = global
        request.waiting = { global.note($0, invocation) }
        request.note = { global.note("kcache: \(on): \($0)", invocation) }
        request.show = { bytes, isError in
            let channel = isError ? ByteChannel.standardError : ByteChannel.standardOutput
            // Nobody looks any more; with this process the far make ends.
            do throws(SystemError) { try channel.write(bytes) } catch { Glibc.exit(1) }
        }
        let reference = try StoreRegistry(invocation).builder(on)
        let report = try RemoteBuild(host: try invocation.host(), far: try reference.open(.createIfMissing))
            .run(request)
        render(report, on, invocation)
        if report.status != 0 { throw ExitCode(Int32(clamping: report.status)) }
    }

    private func render(_ report: RemoteBuild.Report, _ on: String, _ invocation: Invocation) {
        for remark in report.push.remarks { global.note("kcache: \(remark)", invocation) }
        if let pull = report.pull {
            for line in pull.announcement.toolchain + pull.announcement.remarks + pull.remarks {
                global.note("kcache: \(quoteForPeople(Array(line.utf8)))", invocation)
            }
            let stale = pull.invalidated.isEmpty ? "" : ", \(pull.invalidated.count) left for make"
            global.note(
                "kcache: wrote \(SnapshotText.count(UInt64(pull.written), "file")) (\(pull.writtenBytes))\(stale)",
                invocation)
        }
        if let traffic = report.traffic { global.note("kcache: \(SnapshotText.line(traffic))", invocation) }
    }

    // MARK: Workspaces

    /// Runs this command over there, with this process's output; ends as it ends.
    private func runThere(_ on: String, _ invocation: Invocation) throws -> Never {
        guard let transport = try StoreRegistry(invocation).builder(on).transport else {
            throw SettingsError("no way to \(on)")
        }
        var command = [Self.name, list ? "--list" : "--clean"]
        if global.format == .json { command.append("--format=json") }
        let words = transport.command(running: command + self.words)
        guard let name = words.first,
            let program = ExecutableLookup.find(name, path: invocation.environment["PATH"] ?? "")
        else { throw SettingsError("cannot start ssh to reach \(on): install OpenSSH's client") }
        let ending = try ForegroundProcess(
            program: program, arguments: words.map { Array($0.utf8) },
            environment: ProcessStrings.environment()
        ).run()
        ending.endProcess()
    }

    private func printWorkspaces(_ folder: WorkspaceFolder, _ invocation: Invocation) throws {
        let rows = try folder.workspaces().map { workspace in
            WorkspaceRow(
                name: workspace.name, lastUsed: try workspace.lastUsed() / 1_000_000_000,
                tree: workspace.origin, path: workspace.treePath.string)
        }
        if global.format == .json { return invocation.console.print(try JSONText.of(rows)) }
        let texts = rows.map {
            [$0.name, SnapshotText.time($0.lastUsed), quoteForPeople(Array($0.tree.utf8)), $0.path]
        }
        for line in TextTable.lines(["name", "last used", "for", "folder"], texts) {
            invocation.console.print(line)
        }
    }

    private func cleanWorkspaces(_ folder: WorkspaceFolder, _ invocation: Invocation) throws {
        let all = try folder.workspaces()
        if let missing = words.first(where: { word in !all.contains { $0.name == word } }) {
            throw SettingsError("there is no workspace \(missing): `kcache build --list` has the names")
        }
        var removed: [String] = []
        for workspace in all where words.isEmpty || words.contains(workspace.name) {
            if try folder.remove(workspace) {
                removed.append(workspace.name)
            } else {
                global.note("\(workspace.name) is being built in, and stays", invocation)
            }
        }
        if global.format == .json {
            invocation.console.print(try JSONText.of(["removed": removed]))
        } else {
            for name in removed { invocation.console.print("removed \(name)") }
        }
        try folder.tidy(now: WallClock.system.now())
    }
}

/// `build --list --format json`.
private struct WorkspaceRow: Encodable {
    let name: String
    /// Seconds since 1970.
    let lastUsed: Int64
    /// Whose tree it follows.
    let tree: String
    let path: String
}
