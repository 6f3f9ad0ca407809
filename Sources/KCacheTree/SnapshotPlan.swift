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

    /// - Parameter earlier: the tree's previous stat index, for `isBackdated`.
    package init(_ local: LocalTree, earlier: StatIndex) {
        entries = local.entries()
        for (i, file) in local.listing.files.enumerated() {
            if case .leftOut(let reason) = local.contents.outcomes[i] { leftOut.append((file.path, reason)) }
        }
        let outputs = entries.lazy.filter { $0.role == .output }.map(\.order)
        let oldest = outputs.min() ?? .max
        let newest = outputs.max() ?? .max
        for i in entries.indices where entries[i].role != .output {
            if Self.isBackdated(entries[i], local, earlier, newestOutput: newest) {
                entries[i].order = newest == .max ? .max : newest + 1
                lateSources += 1
            } else if entries[i].order > newest {
                lateSources += 1
            } else if entries[i].order <= oldest {
                entries[i].order = 0
            }
        }
    }

    /// True for a source that got other content since the last push with a time before that change: a file
    /// moved or copied into place with its old time. make can't see it; here it counts as new.
    private static func isBackdated(
        _ entry: SnapshotEntry, _ local: LocalTree, _ earlier: StatIndex, newestOutput: Int64
    ) -> Bool {
        guard entry.order <= newestOutput, let record = earlier.record(of: entry.path),
            record.kind != entry.kind,
            let status = local.listing[entry.path]?.status
        else { return false }
        return status.ctime > newestOutput && status.ctime - status.mtime > 1_000_000_000
    }
}
