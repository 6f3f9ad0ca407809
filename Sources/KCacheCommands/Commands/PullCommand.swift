import ArgumentParser
import KCacheCore
import KCacheKbuild
import KCacheRemote
import KCacheStore
import KCacheTree

struct PullCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Warms this tree, or an empty directory, from the best snapshot or from that one.",
        discussion: HelpText.flowing(
            """
            In a tree that has the sources, the outputs are written and everything of yours stays: sources
            and .config that differ from the snapshot count as edits made after the build, and plain `make`
            then compiles just what depends on them. An empty directory gets the whole tree.

            Examples:

              kcache pull                    the best snapshot of the local store
              kcache pull nightly            the newest one of that name
              kcache pull /srv/kcache        the best one of another store
              kcache pull ssh://desk         the best one of another machine
              kcache pull --root trixie      for builds with kcache make --root trixie
              kcache pull --require-signature
              kcache pull O=../build         outputs apart from the sources, as with make O=
              kcache pull -C /lib/modules/$(uname -r)/build M=$PWD      modules outside of the kernel
              kcache pull --only install && make install modules_install

            --only install reads and writes no more than those two goals of make need, so that a new kernel
            can boot early; a later pull brings the rest, and `kcache make` does so by itself. Until then
            every output counts as old for make, and the tree is not pushed.
            """))

    @OptionGroup var global: GlobalOptions
    @OptionGroup var inRoot: RootOptions
    @OptionGroup var signatures: SignatureOptions
    @Argument(
        help: ArgumentHelp(
            """
            A store (a folder, an address as ssh://HOST/PATH, or a name from `kcache store list`) and a snapshot \
            (its name, or the start of its number), or one of the two; O=DIR and M=DIR as for make.
            """, valueName: "[store] [snapshot] [O=DIR] [M=DIR]"))
    var from: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp("Of the outputs only what make reads for: install.", valueName: "part"))
    var only: Part?
    @Flag(
        name: .long,
        help: "Leave objects to make that name the tree's path in their debug information.")
    var strict = false
    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "Have make make programs of the build that can't be started here.")
    var programs = true
    @Flag(name: .long, help: "Say what would be done, and do nothing.")
    var dryRun = false
    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "Wait for the disk, so that the tree survives a power cut right after the pull.")
    var sync = true
    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "Make outputs from others, instead of reading them. Default: where the store is far away.")
    var derive: Bool?

    func validate() throws {
        guard from.count(where: { !GlobalOptions.isPlaceWord($0) }) <= 2 else {
            throw ValidationError("pull takes a store and a snapshot, no more")
        }
    }

    func run() throws {
        let invocation = Invocation.current()
        var from = from
        let words = try GlobalOptions.placeWords(in: &from)
        let (named, snapshot) = try split(from, invocation)
        let stores = try StoreChoice(global, invocation, named: named)
        let (store, near) = try stores.openForReading()
        // The tree is looked at meanwhile.
        store.reach()
        var request = KbuildPuller.Request(try global.treePlace(invocation, words: words))
        request.snapshot = snapshot
        request.dryRun = dryRun
        request.sync = sync
        request.strict = strict
        request.makesPrograms = programs
        let signing = try ConfigurationFile.read(invocation)?.signing ?? SigningSettings()
        request.trust = signing.trust(
            store: store.place, option: signatures.requireSignature, acceptsOlder: signatures.acceptOlder,
            invocation)
        request.derive = derive
        request.only = only.map { .init($0) }
        request.storeName = stores.name
        request.progress = ProgressLine(console: invocation.console, quiet: global.quiet).sink
        let global = global
        request.waiting = { global.note($0, invocation) }
        request.announce = { announcement in
            if global.format == .text, !global.quiet { Self.announce(announcement, global, invocation) }
        }
        request.remark = { if global.format == .text { global.note("note: \($0)", invocation) } }
        let report = try KbuildPuller(host: try inRoot.host(invocation), store: store, near: near).pull(
            request)
        store.rememberLine()
        if global.format == .json {
            let result = PullResult(report, store: store.place, traffic: store.traffic, dryRun: dryRun)
            invocation.console.print(try JSONText.of(result))
        } else if !global.quiet {
            render(report, invocation)
            if let traffic = store.traffic { invocation.console.print(SnapshotText.line(traffic)) }
        }
    }

    /// What can be pulled alone.
    enum Part: String, ExpressibleByArgument, CaseIterable { case install }

    /// One argument is a store if it is a folder, an address or a store's name, else a snapshot.
    private func split(_ from: [String], _ invocation: Invocation) throws -> (
        store: String?, snapshot: String?
    ) {
        if from.count == 2 { return (from[0], from[1]) }
        guard let only = from.first else { return (nil, nil) }
        return try StoreRegistry(invocation).isStore(only) ? (only, nil) : (nil, only)
    }

    private static func announce(
        _ announcement: KbuildPuller.Announcement, _ global: GlobalOptions, _ invocation: Invocation
    ) {
        let reason = announcement.reason.map { ": \($0)" } ?? ""
        invocation.console.print(
            "snapshot \(announcement.id.short)  \(SnapshotText.title(announcement.header))\(reason)")
        if let signer = announcement.signature.signer {
            invocation.console.print("signed by \(quoteForPeople(Array("\(signer)".utf8)))")
        }
        let remarks = announcement.warnings + announcement.remarks
        for line in announcement.toolchain + announcement.pins + remarks {
            // They quote the snapshot, which may hold anything.
            invocation.console.diagnostic("note: \(quoteForPeople(Array(line.utf8)))")
        }
    }

    private func render(_ report: KbuildPuller.Report, _ invocation: Invocation) {
        let console = invocation.console
        let verb = dryRun ? "would write" : "wrote"
        let kept =
            report.kept > 0
            ? ", \(SnapshotText.count(UInt64(report.kept), "output")) \(report.kept == 1 ? "was" : "were") right already"
            : ""
        console.print(
            "\(verb) \(SnapshotText.count(UInt64(report.written), "file")) (\(report.writtenBytes))\(kept)")
        if report.thrift != Thrift.Summary() {
            console.print(
                "read \(report.bytesRead), \(SnapshotText.count(UInt64(report.thrift.derived.count), "file")) "
                    + "derived; spared \(report.thrift.spared)")
        }
        if report.only != nil {
            renderPart(report, invocation)
            return
        }
        let remarks: [(one: String, more: String, paths: [TreePath])] = [
            ("could not be derived and was read", "could not be derived and were read", report.thrift.failed),
            (
                "differs here and stays: make will build what depends on it",
                "differ here and stay: make will build what depends on them", report.changed
            ),
            ("is not in the snapshot", "are not in the snapshot", report.added),
            ("of the snapshot is missing here", "of the snapshot are missing here", report.missing),
            (
                "stands where the snapshot has an output, may be yours, and stays",
                "stand where the snapshot has outputs, may be yours, and stay", report.conflicts
            ),
            (
                "of another build was here; make remakes it if it is still wanted",
                "of another build were here; make remakes those that it still wants", report.leftovers
            ),
            (
                "could not be told fresh and is left to make", "could not be told fresh and are left to make",
                report.invalidated
            ),
        ]
        for (one, more, paths) in remarks { note(paths, paths.count == 1 ? one : more, invocation) }
        if report.fromTheFuture > 0 {
            global.note(
                "\(SnapshotText.count(UInt64(report.fromTheFuture), "source")) had times in the future; they are now's",
                invocation)
        }
        for remark in report.remarks { global.note(remark, invocation) }
    }

    /// Of a pull of a part nothing is to be built: what differs here is not in what will be installed.
    private func renderPart(_ report: KbuildPuller.Report, _ invocation: Invocation) {
        if !dryRun {
            invocation.console.print(
                "make install modules_install has what it reads; kcache pull brings the rest")
        }
        let differing = report.changed + report.added + report.missing
        note(
            differing.sorted(), "differ here: the kernel that is installed was built without that", invocation
        )
        note(report.leftovers, "of another build are here: make will make them anew", invocation)
        for remark in report.remarks { global.note(remark, invocation) }
    }

    private func note(_ paths: [TreePath], _ text: String, _ invocation: Invocation) {
        guard !paths.isEmpty else { return }
        let shown = paths.prefix(3).map(\.description).joined(separator: ", ")
        let dots = paths.count > 3 ? ", …" : ""
        global.note("\(SnapshotText.count(UInt64(paths.count), "file")) \(text): \(shown)\(dots)", invocation)
    }
}

extension KbuildPuller.Part {
    fileprivate init(_ part: PullCommand.Part) {
        self =
            switch part {
            case .install: .install
            }
    }
}

/// `pull --format json`.
private struct PullResult: Encodable {
    let store: String
    let snapshot: String
    let name: String
    let reason: String?
    let dryRun: Bool
    let whole: Bool
    /// What was asked for alone.
    let only: String?
    let written: Int
    let writtenBytes: UInt64
    let readBytes: UInt64
    let derived: [String]
    let sparedBytes: UInt64
    let kept: Int
    let changed: [String]
    let added: [String]
    let missing: [String]
    let conflicts: [String]
    let leftovers: [String]
    let invalidated: [String]
    let fromTheFuture: Int
    let toolchain: [String]
    let pins: [String]
    /// Who signed, as the allowed-signers file has it.
    let signedBy: String?
    let signingKey: String?
    let remarks: [String]
    /// Over the connection to a store elsewhere.
    let bytesReceived: UInt64?
    let bytesSent: UInt64?

    init(_ report: KbuildPuller.Report, store: String, traffic: Traffic?, dryRun: Bool) {
        func text(_ paths: [TreePath]) -> [String] { paths.map(\.description) }
        self.store = store
        self.dryRun = dryRun
        (bytesReceived, bytesSent) = (traffic?.received.value, traffic?.sent.value)
        snapshot = report.announcement.id.description
        name = report.announcement.header.name
        reason = report.announcement.reason
        (whole, only) = (report.whole, report.only?.rawValue)
        (written, writtenBytes, kept) = (report.written, report.writtenBytes.value, report.kept)
        (readBytes, sparedBytes) = (report.bytesRead.value, report.thrift.spared.value)
        derived = text(report.thrift.derived)
        (changed, added, missing) = (text(report.changed), text(report.added), text(report.missing))
        (conflicts, leftovers) = (text(report.conflicts), text(report.leftovers))
        invalidated = text(report.invalidated)
        fromTheFuture = report.fromTheFuture
        (toolchain, pins) = (report.announcement.toolchain, report.announcement.pins)
        signedBy = report.announcement.signature.signer?.principal
        signingKey = report.announcement.signature.signer?.key
        remarks = report.announcement.warnings + report.announcement.remarks + report.remarks
    }
}
