package import KCacheCore
package import KCacheStore
package import KCacheSystem

/// Fills an empty folder with the entries of a snapshot that make never judges: all get one old time.
package struct FolderWriter: Sendable {
    package let root: Directory
    package let session: StoreSession
    package let rules: ContentRules
    package let progress: ProgressSink

    package init(
        root: Directory, session: StoreSession, rules: ContentRules, progress: @escaping ProgressSink
    ) {
        (self.root, self.session, self.rules, self.progress) = (root, session, rules, progress)
    }

    /// The time of every file that is written.
    package static var time: Int64 { FreshnessPlan.staleTime }

    /// Writes them all, each under a temporary name first, and waits for the disk.
    ///
    /// - Throws: `StoreError` if the store lacks something, before anything is written; `TreeError` for an entry that
    ///   can't be made here.
    package func write(_ entries: [SnapshotEntry]) throws {
        // As outputs they get the old time.
        let entries = entries.map { entry in
            var entry = entry
            entry.role = .output
            return entry
        }
        let places = Array(entries.indices)
        try ContentCheck.check(places, of: entries, session)
        try root.makeParents(of: entries.lazy.map(\.path))
        let outcome = try ContentWriter(
            placer: FilePlacer(root: root), entries: entries, session: session, rules: rules,
            progress: progress
        ).write(places)
        if let path = outcome.unmade.first {
            throw TreeError(.unusable, "the snapshot is refused: \(path) can't be made here", path: path)
        }
        try root.syncFilesystem()
    }
}
