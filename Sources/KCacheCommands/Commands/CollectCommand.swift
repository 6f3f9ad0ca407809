import ArgumentParser
import KCacheCore
import KCacheStore

struct CollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract:
            "Frees what no snapshot holds; with --max-size, forgets the least recently used ones first.",
        discussion: HelpText.flowing(
            """
            Examples:

              kcache gc
              kcache gc --max-size 20G
            """))

    @OptionGroup var global: GlobalOptions
    @Option(
        name: .long,
        help: ArgumentHelp("Shrink the store to about this: 500M, 20G, 10GiB.", valueName: "size"))
    var maxSize: String?
    @Flag(name: .long, help: "Say what would go, and remove nothing.")
    var dryRun = false

    func validate() throws {
        if let maxSize, ByteCount(text: maxSize) == nil {
            throw ValidationError("--max-size: \"\(maxSize)\" is no size; write it like 500M, 20G or 10GiB")
        }
    }

    func run() throws {
        let invocation = Invocation.current()
        let store = try global.openStore(invocation)
        let global = global
        let summary = try store.collect(
            GarbageOptions(maxSize: maxSize.flatMap { ByteCount(text: $0) }, dryRun: dryRun),
            waiting: { global.note("waiting for other kcache processes in \(store.place)", invocation) })
        if !dryRun { global.noteForgotten(summary.forgotten.map(\.id), in: store, invocation) }
        if global.format == .json {
            invocation.console.print(try JSONText.of(GarbageResult(summary, dryRun: dryRun)))
            return
        }
        let (would, verb) = dryRun ? ("would ", "free") : ("", "freed")
        for entry in summary.forgotten {
            invocation.console.print(
                "\(would)\(dryRun ? "forget" : "forgot") \(entry.id.short)  \(SnapshotText.title(entry.header)), "
                    + "last used \(SnapshotText.time(entry.lastUsed))")
        }
        invocation.console.print(
            "\(would)\(verb) \(summary.freed): \(summary.sizeBefore) before, \(summary.sizeAfter) after")
        for note in summary.notes { global.note(note, invocation) }
    }
}

/// `gc --format json`.
private struct GarbageResult: Encodable {
    let dryRun: Bool
    let forgotten: [String]
    let removedPacks: Int
    let rewrittenPacks: Int
    let removedTemporaries: Int
    let bytesBefore: UInt64
    let bytesAfter: UInt64
    let notes: [String]

    init(_ summary: GarbageSummary, dryRun: Bool) {
        self.dryRun = dryRun
        forgotten = summary.forgotten.map(\.id.description)
        (removedPacks, rewrittenPacks) = (summary.removedPacks, summary.rewrittenPacks)
        removedTemporaries = summary.removedTemporaries
        (bytesBefore, bytesAfter) = (summary.sizeBefore.value, summary.sizeAfter.value)
        notes = summary.notes
    }
}
