package import KCacheCore
import KCacheSystem

/// The entries of a snapshot, made from what a tree holds; pure.
package struct SnapshotPlan: Sendable {
    /// Sorted by path.
    package private(set) var entries: [SnapshotEntry]
    /// Files that hold something that stays home, with the reason.
    package private(set) var leftOut: [(path: TreePath, reason: String)] = []
    /// Sources that are newer than every output: make would rebuild what depends on them.
    package private(set) var lateSources = 0
    /// Sources whose content changed with an old time; the stat index remembers them.
    package private(set) var backdated: Set<TreePath> = []

    /// - Parameter earlier: the tree's previous stat index, for `isBackdated`.
    package init(_ local: LocalTree, earlier: StatIndex) {
        entries = local.entries()
        for (i, file) in local.listing.files.enumerated() {
            if case .leftOut(let reason) = local.contents.outcomes[i] { leftOut.append((file.path, reason)) }
        }
        let outputs = entries.lazy.filter { $0.role == .output }.map(\.order)
        let oldest = outputs.min() ?? .max
        let newest = outputs.max() ?? .max
        let made = Set(outputs)
        for i in entries.indices where entries[i].role != .output {
            if let change = Self.hiddenChange(entries[i], local, earlier, made) {
                // Outputs that are newer than the change were made from it. The others were not, and of one with the
                // same time nobody knows: clocks have ticks.
                backdated.insert(entries[i].path)
                entries[i].order = max(entries[i].order, min(change, newest == .max ? .max - 1 : newest) + 1)
            }
            if entries[i].order > newest {
                lateSources += 1
            } else if entries[i].order <= oldest {
                entries[i].order = 0
            }
        }
        Self.rank(&entries)
    }

    /// Makes places in an order of times: only the order means anything elsewhere, and small numbers store well.
    ///
    /// Zero stays, and the stamp of outputs that make would remake keeps its value among the others.
    private static func rank(_ entries: inout [SnapshotEntry]) {
        let times = Set(entries.lazy.map(\.order)).subtracting([0, FreshnessPlan.staleTime]).sorted()
        let older = Int64(times.count { $0 < FreshnessPlan.staleTime })
        var ranks: [Int64: Int64] = [0: 0, FreshnessPlan.staleTime: FreshnessPlan.staleTime]
        for (i, time) in times.enumerated() {
            let place = Int64(i) - older
            ranks[time] = FreshnessPlan.staleTime + (place < 0 ? place : place + 1)
        }
        for i in entries.indices { entries[i].order = ranks[entries[i].order] ?? entries[i].order }
    }

    /// When a source got other content in a way that its time does not tell, since the last push or before an earlier
    /// one that saw it; make can't see it, here it counts as new. Either its time lies before that: a file moved or
    /// copied into place with its old one. Or the filesystem counts whole seconds, and some output is of the same.
    private static func hiddenChange(
        _ entry: SnapshotEntry, _ local: LocalTree, _ earlier: StatIndex, _ made: Set<Int64>
    ) -> Int64? {
        guard let record = earlier.record(of: entry.path),
            record.kind != entry.kind || record.isBackdated,
            let status = local.listing[entry.path]?.status
        else { return nil }
        if status.ctime - status.mtime > 1_000_000_000 { return status.ctime }
        // In an image of fixed times nobody knows when.
        if status.mtime == record.mtime, record.kind != entry.kind, status.ctime == status.mtime {
            return .max
        }
        let isWhole = status.ctime % 1_000_000_000 == 0 && status.mtime % 1_000_000_000 == 0
        return isWhole && made.contains(status.mtime) ? status.mtime : nil
    }
}
