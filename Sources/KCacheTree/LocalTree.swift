package import KCacheCore
package import KCacheSystem

/// A tree as it stands: its files, what each is, and what each holds.
package struct LocalTree: Sendable {
    package let root: Directory
    package let listing: TreeListing
    /// Parallel to the listing.
    package let roles: [PathRole]
    package let contents: TreeContents

    package init(root: Directory, listing: TreeListing, roles: [PathRole], contents: TreeContents) {
        (self.root, self.listing, self.roles, self.contents) = (root, listing, roles, contents)
    }

    /// The tree's entries as a snapshot has them, sorted; orders are modification times as they are.
    package func entries() -> [SnapshotEntry] {
        var entries: [SnapshotEntry] = []
        entries.reserveCapacity(listing.files.count)
        for (i, file) in listing.files.enumerated() {
            guard let role = roles[i].role, let item = contents.item(i),
                ReservedName.occurring(in: file.path) == nil
            else { continue }
            entries.append(
                SnapshotEntry(
                    path: file.path, role: role, kind: item.kind, holdsTreePath: item.holdsTreePath,
                    order: item.status.mtime))
        }
        return entries
    }
}
