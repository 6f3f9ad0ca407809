package import KCacheCore
package import KCacheSystem

/// A tree just restored, looked at once more.
package enum RestoredIndex {
    package struct Result: Sendable {
        package var index: StatIndex
        /// Sources that were edited while the pull ran: they were taken as unchanged and are not any more.
        package var edited: [TreePath]
    }

    /// Makes the stat index: of written files the snapshot's content, of untouched ones what was read before.
    ///
    /// A file of whose bytes there is any doubt (its time is not the one that it was given) gets no record. Outputs
    /// that were right before got theirs only if nobody had written to them since they were read.
    ///
    /// - Parameter compared: the filesystem's clock before the files of `local` were read.
    package static func make(
        _ plan: RestorePlan, _ local: LocalTree, _ freshness: FreshnessPlan, root: Directory, compared: Int64
    ) throws -> Result {
        let listing = try TreeScanner().scan(root)
        let now = try TimeResolution.now(in: root)
        let written = Dictionary(
            plan.writes.map { (plan.entries[$0].path, $0) }, uniquingKeysWith: { a, _ in a })
        let given = Dictionary(
            (freshness.sources + freshness.outputs).map { ($0.path, $0.mtime) },
            uniquingKeysWith: { a, _ in a })
        let kept = Set(plan.kept.lazy.map { plan.entries[$0].path })
        let unchanged = Set(plan.unchanged.map { plan.entries[$0.entry].path })
        var result = Result(index: StatIndex(), edited: [])
        var records: [StatIndex.Record] = []
        records.reserveCapacity(listing.files.count)
        var at = 0
        let before = local.listing.files
        for file in listing.files {
            while at < before.count, before[at].path < file.path { at += 1 }
            if let place = written[file.path] {
                let entry = plan.entries[place]
                guard given[file.path] == file.status.mtime,
                    StatIndex.isSettled(ctime: file.status.ctime, now: now)
                else { continue }
                records.append(
                    .init(
                        path: file.path, status: file.status, kind: entry.kind,
                        holdsTreePath: entry.holdsTreePath))
            } else if at < before.count, before[at].path == file.path, let item = local.contents.item(at) {
                // The stale stamp is also what one carries that was written to meanwhile.
                let isStamped =
                    kept.contains(file.path) && given[file.path] == file.status.mtime
                    && file.status.mtime != FreshnessPlan.staleTime
                    && file.status.isSameFile(as: item.status)
                guard isStamped || file.status.isUnchanged(since: item.status) else {
                    let touched =
                        given[file.path] == file.status.mtime && file.status.size == item.status.size
                    if unchanged.contains(file.path), try !touched || !holds(item, file.path, root) {
                        result.edited.append(file.path)
                    }
                    continue
                }
                guard StatIndex.isSettled(ctime: item.status.ctime, now: compared) else {
                    // Written to in the tick in which it was read, perhaps once more after that: no stat tells.
                    if unchanged.contains(file.path), try !holds(item, file.path, root) {
                        result.edited.append(file.path)
                    }
                    continue
                }
                guard StatIndex.isSettled(ctime: file.status.ctime, now: now) else { continue }
                records.append(
                    .init(
                        path: file.path, status: file.status, kind: item.kind,
                        holdsTreePath: item.holdsTreePath))
            }
        }
        result.index = StatIndex(sorted: records)
        return result
    }

    /// True if a file that got a time from the pull still holds what it held before: the time would hide an edit of
    /// that moment. In doubt false.
    private static func holds(_ item: TreeContents.Item, _ path: TreePath, _ root: Directory) throws -> Bool {
        switch item.kind {
        case .link(let target): return try root.readLink(path) == target
        case .file(let content, _):
            let limit = Int(clamping: content.size.value)
            guard !item.holdsTreePath, let file = try root.openFile(path) else { return false }
            do throws(SystemError) {
                return ContentCutter.content(of: try file.readAll(limit: limit)) == content
            } catch _ {
                // Longer than it was.
                return false
            }
        }
    }
}
