package import KCacheCore
package import KCacheSystem

/// What the files of a listing hold, in the form in which a snapshot has it.
package struct TreeContents: Sendable {
    package struct Item: Sendable {
        package var kind: SnapshotEntry.Kind
        package var holdsTreePath: Bool
        /// As it was when the content was read.
        package var status: FileStatus
    }

    package enum Outcome: Sendable {
        case read(Item)
        /// For this reason: a private key was in it.
        case leftOut(String)
        /// Not asked for, or not readable where that was allowed.
        case unknown
    }

    /// One for each file of the listing.
    package var outcomes: [Outcome]
    /// Files whose bytes were read, and how many bytes.
    package var filesRead = 0
    package var bytesRead = ByteCount.zero

    package init(outcomes: [Outcome]) { self.outcomes = outcomes }

    package func item(_ index: Int) -> Item? {
        if case .read(let item) = outcomes[index] { item } else { nil }
    }

    /// The index to keep: what was read or still known, and was settled when the reading began, at `now` on the
    /// filesystem's clock. A file that changed later may have changed once more, after its bytes were read and within
    /// the same tick.
    package func statIndex(
        for listing: TreeListing, now: Int64, backdated: Set<TreePath> = []
    ) -> StatIndex {
        var records: [StatIndex.Record] = []
        records.reserveCapacity(listing.files.count)
        for (i, file) in listing.files.enumerated() {
            guard let item = item(i), StatIndex.isSettled(ctime: item.status.ctime, now: now) else {
                continue
            }
            var record = StatIndex.Record(
                path: file.path, status: item.status, kind: item.kind, holdsTreePath: item.holdsTreePath)
            record.isBackdated = backdated.contains(file.path)
            records.append(record)
        }
        return StatIndex(sorted: records)
    }
}
