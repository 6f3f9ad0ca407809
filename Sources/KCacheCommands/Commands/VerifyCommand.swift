import ArgumentParser
import KCacheCore
import KCacheStore

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Reads every byte of the store and checks it; exits with 1 if anything is damaged or lost.",
        discussion: HelpText.flowing(
            """
            Example:

              kcache verify --store /srv/kcache
            """))

    @OptionGroup var global: GlobalOptions

    func run() throws {
        let invocation = Invocation.current()
        let store = try global.openStore(invocation)
        let global = global
        let report = try store.verify(
            waiting: { global.note("waiting for a kcache gc of \(store.place)", invocation) })
        if global.format == .json {
            invocation.console.print(try JSONText.of(VerifyResult(report)))
        } else {
            for problem in report.problems { invocation.console.print(problem) }
            for note in report.notes { global.note(note, invocation) }
            let judgement = report.isSound ? "sound" : "\(report.problems.count) problems"
            invocation.console.print(
                "\(store.place): \(judgement); \(SnapshotText.count(UInt64(report.snapshots), "snapshot")), "
                    + "\(SnapshotText.count(UInt64(report.packs), "pack")), "
                    + "\(SnapshotText.count(UInt64(report.chunks), "chunk")), \(report.bytes)")
        }
        if !report.isSound { throw ExitCode(1) }
    }
}

/// `verify --format json`.
private struct VerifyResult: Encodable {
    let sound: Bool
    let problems: [String]
    let notes: [String]
    let snapshots: Int
    let packs: Int
    let chunks: Int
    let bytes: UInt64

    init(_ report: VerifyReport) {
        (sound, problems, notes) = (report.isSound, report.problems, report.notes)
        (snapshots, packs, chunks, bytes) = (
            report.snapshots, report.packs, report.chunks, report.bytes.value
        )
    }
}
