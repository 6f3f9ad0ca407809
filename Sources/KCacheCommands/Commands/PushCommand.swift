import ArgumentParser
import KCacheCore
import KCacheKbuild
import KCacheStore
import SystemPackage

struct PushCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Takes a snapshot of this built tree into the local store, and to STORE.",
        discussion: """
            Sources and outputs go in, each content once. Private keys, editors' files, packages and
            intermediates that no later step reads stay out, and are named. A tree whose build was
            interrupted is refused, unless --partial is given.

            Example:

              cd linux && make -j8 && kcache push --name nightly
            """)

    @OptionGroup var global: GlobalOptions
    @Argument(
        help: ArgumentHelp("Another store: a folder, or a name from `kcache store list`.", valueName: "store")
    )
    var destination: String?
    @Option(name: .long, help: "A name for the snapshot; a later one of the same name stands before it.")
    var name: String = ""
    @Flag(name: .long, help: "Store no source content; only checkouts that have the sources can be warmed.")
    var withoutSources = false
    @Flag(name: .long, help: "Take a tree whose build was interrupted or failed as well.")
    var partial = false
    @Flag(name: .long, help: "Say what would be stored, and store nothing.")
    var dryRun = false

    func validate() throws {
        guard name.utf8.count <= 200, !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw ValidationError("--name: at most 200 bytes, without control characters")
        }
    }

    func run() throws {
        let invocation = Invocation.current()
        var stores = [try global.storePath(invocation)]
        if let destination {
            let other = try StoreRegistry(invocation).resolve(destination)
            if other != stores[0] { stores.append(other) }
        }
        let progress = ProgressLine(console: invocation.console, quiet: global.quiet)
        var results: [PushResult] = []
        for path in stores {
            let store = try Store.open(at: path, mode: .createIfMissing)
            var request = KbuildPusher.Request(tree: global.treePath(invocation))
            request.name = name
            request.withoutSources = withoutSources
            request.partial = partial
            request.dryRun = dryRun
            request.progress = progress.sink
            let (global, console) = (global, invocation)
            request.waiting = { global.note($0, console) }
            let report = try KbuildPusher(host: try invocation.host(), store: store).push(request)
            results.append(PushResult(report, store: path.string))
            if global.format == .text, !global.quiet { render(report, path.string, invocation) }
        }
        if global.format == .json { invocation.console.print(try JSONText.of(results)) }
    }

    private func render(_ report: KbuildPusher.Report, _ place: String, _ invocation: Invocation) {
        let header = report.header
        let what =
            "\(SnapshotText.title(header)): \(SnapshotText.count(header.sourceCount, "source")) "
            + "(\(header.sourceBytes)), \(SnapshotText.count(header.outputCount, "output")) (\(header.outputBytes))"
        let console = invocation.console
        if dryRun {
            console.print("would push \(what)")
            console.print("would store \(report.newBytes) of new content in \(place), before compression")
        } else if let id = report.id, report.alreadyThere {
            console.print("nothing new: snapshot \(id.short) in \(place) is this tree")
        } else if let id = report.id {
            console.print("snapshot \(id.short)  \(what)")
            console.print("stored \(report.storedBytes) for \(report.newBytes) of new content in \(place)")
        }
        for line in LeftOutText.lines(report.leftOut) { global.note("left out: \(line)", invocation) }
        if report.lateSources > 0 {
            global.note(
                "\(SnapshotText.count(UInt64(report.lateSources), "source")) changed after the build: what depends on "
                    + "them counts as stale in this snapshot", invocation)
        }
        for path in report.special {
            global.note("passed over: \(path) is no file, directory or link", invocation)
        }
        for remark in report.remarks { global.note(remark, invocation) }
    }
}

/// `push --format json`.
private struct PushResult: Encodable {
    let store: String
    let snapshot: String?
    let alreadyThere: Bool
    let sources: UInt64
    let outputs: UInt64
    let sourceBytes: UInt64
    let outputBytes: UInt64
    let newBytes: UInt64
    let storedBytes: UInt64
    let filesRead: Int
    let bytesRead: UInt64
    let lateSources: Int
    let leftOut: [LeftOut]
    let remarks: [String]

    struct LeftOut: Encodable {
        let path: String
        let reason: String
    }

    init(_ report: KbuildPusher.Report, store: String) {
        self.store = store
        snapshot = report.id?.description
        alreadyThere = report.alreadyThere
        (sources, outputs) = (report.header.sourceCount, report.header.outputCount)
        (sourceBytes, outputBytes) = (report.header.sourceBytes.value, report.header.outputBytes.value)
        (newBytes, storedBytes) = (report.newBytes.value, report.storedBytes.value)
        (filesRead, bytesRead) = (report.filesRead, report.bytesRead.value)
        lateSources = report.lateSources
        leftOut = report.leftOut.map { LeftOut(path: $0.path.description, reason: $0.reason) }
        remarks = report.remarks
    }
}
