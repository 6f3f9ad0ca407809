package import KCacheCore
package import KCacheStore
package import KCacheSystem
import SystemPackage

/// Makes the sources of a tree those of a snapshot: for a tree that nobody edits, where builds follow the edits of
/// another one.
///
/// Files that are the same stay as they are, with their times; what differs is written, and is then newer than
/// everything that was built from it, if the clock has not gone back. Outputs are not touched, but where a source has
/// to stand. A kill leaves whole files, and the next run goes on.
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

    /// Removes what stands where a source, or a directory of one, has to be; true if there was something. The tree has
    /// to be looked at anew then.
    ///
    /// - Parameter entries: the snapshot's, sorted by path; its outputs are passed over.
    package func clearWay(_ entries: [SnapshotEntry], in listing: TreeListing) throws -> Bool {
        var (isCleared, at) = (false, 0)
        var checked: TreePath?
        for entry in entries where entry.role != .output {
            let path = entry.path
            while at < listing.files.count, listing.files[at].path < path { at += 1 }
            if at < listing.files.count, listing.files[at].path == path { continue }
            var above = path.parent == checked ? nil : path.parent
            checked = path.parent
            while let directory = above {
                if listing.index(of: directory) != nil {
                    try root.remove(directory)
                    isCleared = true
                }
                above = directory.parent
            }
            if try root.status(path)?.kind == .directory {
                try root.removeTree(path)
                isCleared = true
            }
        }
        return isCleared
    }

    /// - Parameters:
    ///   - entries: the snapshot's, sorted by path; its outputs are passed over.
    ///   - local: the tree as it stands. What the snapshot or an earlier one calls a source is none of its outputs.
    ///   - willChange: runs before the first change; not where there is none.
    package func run(
        _ entries: [SnapshotEntry], _ local: LocalTree, willChange: () throws -> Void = {}
    ) throws -> Summary {
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
        let removed = plan.added.map(\.path).filter { earlier?.contains($0) ?? true }
        if places.isEmpty, removed.isEmpty { return Summary() }
        try ContentCheck.check(places, of: entries, session)
        try willChange()
        var summary = Summary()
        for path in removed { try remove(path) }
        summary.removed = removed
        try root.makeParents(of: places.lazy.map { entries[$0].path })
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

    /// The directories above it go as well, once nothing is in them.
    private func remove(_ path: TreePath) throws {
        try root.remove(path)
        var above = path.parent
        while let directory = above {
            do throws(SystemError) { try root.removeDirectory(directory) } catch {
                guard [.directoryNotEmpty, .fileExists].contains(error.errno) else { throw error }
                return
            }
            above = directory.parent
        }
    }
}
