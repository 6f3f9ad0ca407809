import ArgumentParser
import KCacheCore
import KCacheStore

struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract:
            "Counts what the store holds: bytes by kind, before and after compression, and per snapshot.",
        discussion: HelpText.flowing(
            """
            Example:

              kcache stats --format json
            """))

    @OptionGroup var global: GlobalOptions

    func run() throws {
        let invocation = Invocation.current()
        let store = try global.openStore(invocation)
        let global = global
        let statistics = try store.statistics(
            waiting: { global.note("waiting for a kcache gc of \(store.place)", invocation) })
        let trees = statistics.snapshots.reduce(ByteCount.zero) { $0 + $1.entry.size }
        if global.format == .json {
            invocation.console.print(
                try JSONText.of(StatsResult(statistics, trees: trees, place: store.place)))
            return
        }
        let console = invocation.console
        console.print(store.place)
        console.print(
            "\(SnapshotText.count(UInt64(statistics.snapshots.count), "snapshot")) of \(trees) in trees: "
                + "\(statistics.raw) of distinct content, \(statistics.stored) stored")
        var rows: [[String]] = statistics.kinds.map { kind in
            ["\(kind.kind)", SnapshotText.grouped(UInt64(kind.packs)), "\(kind.raw)", "\(kind.stored)"]
        }
        rows.append(["index", "", "", "\(statistics.indexBytes)"])
        rows.append(["records", "", "", "\(statistics.recordBytes)"])
        for line in TextTable.lines(["kind", "packs", "content", "stored"], rows) { console.print(line) }
        if !statistics.snapshots.isEmpty {
            console.print("")
            let rows = statistics.snapshots.map { shown in
                [
                    shown.entry.id.short, SnapshotText.title(shown.entry.header), "\(shown.total)",
                    "\(shown.unique)",
                ]
            }
            for line in TextTable.lines(["snapshot", "tree", "content", "only here"], rows) {
                console.print(line)
            }
        }
        for problem in statistics.problems { global.note(problem, invocation) }
    }
}

/// `stats --format json`.
private struct StatsResult: Encodable {
    let store: String
    let treeBytes: UInt64
    let contentBytes: UInt64
    let storedBytes: UInt64
    let packs: Int
    let chunks: Int
    let kinds: [Kind]
    let snapshots: [PerSnapshot]
    let problems: [String]

    struct Kind: Encodable {
        let kind: String
        let packs: Int
        let contentBytes: UInt64
        let storedBytes: UInt64
    }

    struct PerSnapshot: Encodable {
        let snapshot: String
        let name: String
        let contentBytes: UInt64
        let uniqueBytes: UInt64
    }

    init(_ statistics: StoreStatistics, trees: ByteCount, place: String) {
        store = place
        treeBytes = trees.value
        (contentBytes, storedBytes) = (statistics.raw.value, statistics.stored.value)
        (packs, chunks, problems) = (statistics.packs, statistics.chunks, statistics.problems)
        kinds = statistics.kinds.map {
            Kind(
                kind: "\($0.kind)", packs: $0.packs, contentBytes: $0.raw.value, storedBytes: $0.stored.value)
        }
        snapshots = statistics.snapshots.map {
            PerSnapshot(
                snapshot: $0.entry.id.description, name: $0.entry.header.name, contentBytes: $0.total.value,
                uniqueBytes: $0.unique.value)
        }
    }
}
