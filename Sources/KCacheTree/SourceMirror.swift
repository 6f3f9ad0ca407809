package import KCacheCore
package import KCacheStore
package import KCacheSystem

/// Makes the sources of a tree those of a snapshot: for a tree that nobody edits, where builds follow the edits of
/// another one.
///
/// Files that are the same stay as they are, with their times; what differs is written, and is then newer than
/// everything that was built from it. Outputs are not touched. A kill leaves whole files, and the next run goes on.
package struct SourceMirror: Sendable {
    package let root: Directory
    package let rules: ContentRules
    package let session: StoreSession
    /// Paths that an earlier mirroring wrote: those of them that the snapshot has no more are removed. Other files
    /// that only this tree has were made by its builds. Nil: nobody knows, and all are removed.
    package let earlier: Set<TreePath>?
    package var progress: ProgressSink = { _ in }

    package struct Summary: Sendable {
        package var written: [TreePath] = []
        package var removed: [TreePath] = []
        package init() {}
    }

    package init(
        root: Directory, rules: ContentRules, session: StoreSession, earlier: Set<TreePath>?
    ) {
        (self.root, self.rules, self.session, self.earlier) = (root, rules, session, earlier)
    }

    /// - Parameters:
    ///   - entries: the snapshot's, sorted by path; its outputs are passed over.
    ///   - local: the tree as it stands.
    package func run(_ entries: [SnapshotEntry], _ local: LocalTree) throws -> Summary {
        let entries = entries.filter { $0.role != .output }
        let plan = try RestorePlan(snapshot: entries, local: local, mode: .whole)
        let differing = Set(plan.changed.map(\.path))
        var places = plan.writes + entries.indices.filter { differing.contains(entries[$0].path) }
        places += plan.unchanged.map(\.entry).filter { place in
            guard case .file(_, let executable) = entries[place].kind,
                let status = local.listing[entries[place].path]?.status
            else { return false }
            return status.isExecutable != executable
        }
        places.sort()
        try ContentCheck.check(places, of: entries, session)
        var summary = Summary()
        for (path, _) in plan.added where earlier?.contains(path) ?? true {
            try root.remove(path)
            summary.removed.append(path)
        }
        var last: TreePath?
        for place in places {
            guard let directory = entries[place].path.parent, directory != last else { continue }
            try root.makeDirectories(directory)
            last = directory
        }
        let outcome = try ContentWriter(
            placer: FilePlacer(root: root), entries: entries, session: session, rules: rules,
            progress: progress
        ).write(places)
        if let path = outcome.unmade.first {
            throw TreeError(.unusable, "\(path) can't be made for this tree's path", path: path)
        }
        summary.written = places.map { entries[$0].path }
        return summary
    }
}
