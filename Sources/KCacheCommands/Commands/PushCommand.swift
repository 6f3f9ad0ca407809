import ArgumentParser
import KCacheCore
import KCacheKbuild
import KCacheRemote
import KCacheStore

struct PushCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Takes a snapshot of this built tree into the local store, and to STORE.",
        discussion: HelpText.flowing(
            """
            Sources and outputs go in, each content once. Private keys, editors' files, packages and
            intermediates that no later step reads stay out, and are named. A tree whose build was
            interrupted is refused, unless --partial is given.

            Signed with an ssh key (ssh-keygen, or the agent), the snapshot tells others who made it: see
            `kcache pull --require-signature`.

            Examples:

              cd linux && make -j8 && kcache push --name nightly
              kcache push ssh://desk
              kcache push --sign=~/.ssh/id_ed25519.pub team
              kcache push --root trixie      a tree that kcache make --root trixie has built
              kcache push -C /lib/modules/$(uname -r)/build M=$PWD      modules outside of the kernel
            """))

    @OptionGroup var global: GlobalOptions
    @OptionGroup var inRoot: RootOptions
    @Argument(
        help: ArgumentHelp(
            """
            Another store: a folder, an address as ssh://HOST/PATH, or a name from `kcache store list`; O=DIR and \
            M=DIR as for make.
            """,
            valueName: "[store] [O=DIR] [M=DIR]")
    )
    var destinations: [String] = []
    @Option(name: .long, help: "A name for the snapshot; a later one of the same name stands before it.")
    var name: String = ""
    @Flag(name: .long, help: "Store no source content; only checkouts that have the sources can be warmed.")
    var withoutSources = false
    @Flag(name: .long, help: "Take a tree whose build was interrupted or failed as well.")
    var partial = false
    @Flag(
        inversion: .prefixedNo,
        help: "Sign the snapshot. Default: if the setting signing.key names a key; --sign=FILE names it here."
    )
    var sign: Bool?
    @Option(
        name: .long,
        help: ArgumentHelp("Sign with this key: its private file, or its public one.", valueName: "file"))
    var signKey: String?
    @Flag(name: .long, help: "Say what would be stored, and store nothing.")
    var dryRun = false

    func validate() throws {
        guard destinations.count(where: { !GlobalOptions.isPlaceWord($0) }) <= 1 else {
            throw ValidationError("push takes one store")
        }
        guard name.utf8.count <= 200, !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw ValidationError("--name: at most 200 bytes, without control characters")
        }
    }

    /// `--sign=FILE` as the parser knows it: a flag of its takes no value.
    static func arguments(_ words: [String]) -> [String] {
        guard words.first == configuration.commandName else { return words }
        return words.map { word in
            word.hasPrefix("--sign=") ? "--sign-key=" + word.dropFirst("--sign=".count) : word
        }
    }

    func run() throws {
        let invocation = Invocation.current()
        var destinations = destinations
        let words = try GlobalOptions.placeWords(in: &destinations)
        let stores = try StoreChoice(global, invocation, named: destinations.first)
        let progress = ProgressLine(console: invocation.console, quiet: global.quiet)
        let store = try Store.open(at: stores.local, mode: .createIfMissing)
        let report = try KbuildPusher(host: try inRoot.host(invocation), store: store)
            .push(try request(invocation, words, progress))
        var results = [PushResult(report, store: store.place)]
        let isShown = global.format == .text && !global.quiet
        if isShown { render(report, store.place, invocation) }
        if let other = stores.other, let id = report.id {
            let target = try other.open(.createIfMissing)
            let summary = try SnapshotSending(from: store, to: target).send(
                id, progress: progress.sink, waiting: waiting(invocation))
            results.append(PushResult(report, summary, store: target.place, traffic: target.traffic))
            if isShown { render(summary, target, invocation) }
        }
        if global.format == .json { invocation.console.print(try JSONText.of(results)) }
    }

    private func request(_ invocation: Invocation, _ words: [String], _ progress: ProgressLine) throws
        -> KbuildPusher.Request
    {
        var request = KbuildPusher.Request(try global.treePlace(invocation, words: words))
        request.name = name
        request.withoutSources = withoutSources
        request.partial = partial
        request.dryRun = dryRun
        request.sign = try signer(invocation)
        request.progress = progress.sink
        request.waiting = waiting(invocation)
        return request
    }

    private func waiting(_ invocation: Invocation) -> @Sendable (String) -> Void {
        let global = global
        return { global.note($0, invocation) }
    }

    private func render(_ summary: SnapshotTransfer.Summary, _ target: Store, _ invocation: Invocation) {
        let console = invocation.console
        if summary.alreadyThere {
            console.print("nothing new: \(target.place) has the snapshot")
        } else {
            console.print("stored \(summary.storedBytes) in \(target.place)")
        }
        if let traffic = target.traffic { console.print(SnapshotText.line(traffic)) }
    }

    /// Nil where nobody signs.
    private func signer(_ invocation: Invocation) throws -> (@Sendable (SnapshotID) throws -> SshSignature)? {
        if sign == false { return nil }
        if let signKey {
            let key = signKey.hasPrefix("~/") ? invocation.home(signKey) : invocation.absolute(signKey)
            return try SigningSettings.signer(key, invocation)
        }
        if let key = try ConfigurationFile.read(invocation)?.signing.key {
            return try SigningSettings.signer(invocation.home(key), invocation)
        }
        guard sign == true else { return nil }
        throw SettingsError("--sign has no key: write --sign=FILE, or set signing.key (kcache config --help)")
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
        if let key = report.signedBy { console.print("signed with \(key)") }
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
    let signingKey: String?
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
    /// Over the connection to a store elsewhere.
    let bytesSent: UInt64?
    let bytesReceived: UInt64?

    struct LeftOut: Encodable {
        let path: String
        let reason: String
    }

    /// `summary` is what came of sending it to another store than the local one.
    init(
        _ report: KbuildPusher.Report, _ summary: SnapshotTransfer.Summary? = nil, store: String,
        traffic: Traffic? = nil
    ) {
        self.store = store
        snapshot = report.id?.description
        alreadyThere = summary?.alreadyThere ?? report.alreadyThere
        (bytesSent, bytesReceived) = (traffic?.sent.value, traffic?.received.value)
        signingKey = report.signedBy
        (sources, outputs) = (report.header.sourceCount, report.header.outputCount)
        (sourceBytes, outputBytes) = (report.header.sourceBytes.value, report.header.outputBytes.value)
        (newBytes, storedBytes) = (report.newBytes.value, (summary?.storedBytes ?? report.storedBytes).value)
        (filesRead, bytesRead) = (report.filesRead, report.bytesRead.value)
        lateSources = report.lateSources
        leftOut = report.leftOut.map { LeftOut(path: $0.path.description, reason: $0.reason) }
        remarks = report.remarks
    }
}
