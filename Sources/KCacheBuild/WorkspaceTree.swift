import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage

/// The tree of a workspace, brought to the sources that an order names before make starts in it.
///
/// For most edits make's own rule does the rest: what is written is newer than what was made from it. What that rule
/// does not see (`Invalidation`), what a make that was killed left half written, and outputs of which nobody knows what
/// they were made from are removed here, since nobody looks at this tree.
struct WorkspaceTree {
    let workspace: Workspace
    let host: HostEnvironment
    let session: StoreSession
    /// Gets lines for the person.
    let note: (String) throws -> Void

    /// A clock that is behind by no more is waited for, in nanoseconds.
    private static let longestWait: Int64 = 10_000_000_000

    func follow(_ snapshot: Snapshot, _ id: SnapshotID, origin: String) throws {
        var about = workspace.about()
        let root = try Directory.create(workspace.treePath)
        let state = try TreeState(cache: host.cacheFolder, root: root)
        let lock = try state.lock(.exclusive) {}
        defer { lock.end() }
        var inspection = try TreeInspection(root, state: state, host: host)
        var earlier = earlierSources(about)
        if let reason = try reasonToStartAnew(inspection, isKnown: earlier != nil) {
            try note("everything is built anew: \(reason)")
            about.sources = nil
            try workspace.save(about, durable: true)
            try root.removeContents()
            earlier = nil
            inspection = try TreeInspection(root, state: state, host: host)
        }
        let sources = snapshot.entries.filter { $0.role != .output }
        let mirror = SourceMirror(
            root: root, rules: inspection.rules, session: session, earlier: earlier.map { Set($0.keys) })
        let isCleared = try mirror.clearWay(sources, in: inspection.listing)
        if try removeUnfinished(inspection, sources) || isCleared {
            inspection = try TreeInspection(root, state: state, host: host)
        }

        let roles = roles(inspection, Set(sources.map(\.path)).union(earlier.map { Set($0.keys) } ?? []))
        about.origin = origin
        let summary = try mirror.run(sources, try inspection.local(roles: roles)) {
            // Until it is done, nobody knows which sources stand there.
            about.sources = nil
            try workspace.save(about, durable: true)
        }
        let outputs = Set(zip(inspection.listing.files, roles).filter { $0.1 == .output }.map(\.0.path))
        let invalid = try invalidate(
            Self.changes(from: earlier ?? [:], to: sources, written: summary.written), outputs, root)
        about.sources = id
        try workspace.save(about)
        guard !summary.written.isEmpty || !summary.removed.isEmpty else { return }
        let removed = summary.removed.isEmpty ? "" : ", \(summary.removed.count) removed"
        let left = invalid == 0 ? "" : "; \(invalid) outputs removed that make would not have made again"
        try note("\(summary.written.count) files written in \(workspace.treePath.string)\(removed)\(left)")
    }

    /// What the outputs were made from; nil if nobody knows.
    private func earlierSources(_ about: Workspace.About) -> [TreePath: SnapshotEntry.Kind]? {
        guard let id = about.sources else { return nil }
        do {
            let entries = try session.snapshot(id).entries
            return Dictionary(
                entries.lazy.filter { $0.role != .output }.map { ($0.path, $0.kind) },
                uniquingKeysWith: { a, _ in a })
        } catch { return nil }
    }

    // MARK: What can't be relied on

    /// Nil where the outputs may stay.
    ///
    /// A file that is written now has to be newer than every output, or make would not see it. So a clock that went
    /// back is waited for, or the outputs that it left in the future go.
    private func reasonToStartAnew(_ inspection: TreeInspection, isKnown: Bool) throws -> String? {
        guard inspection.roles.contains(.output) else { return nil }
        if !isKnown { return "nobody knows from which sources the outputs there were made" }
        let newest = inspection.listing.files.lazy.map(\.status.mtime).max() ?? .min
        while true {
            let now = try TimeResolution.now(in: inspection.root)
            if now > newest { return nil }
            guard newest - now < Self.longestWait else { return "the clock there went back" }
            WallClock.sleep(min(max(newest - now, 1_000_000), 100_000_000))
        }
    }

    /// Removes what a make that was killed was writing: make would keep it; true if there was something.
    private func removeUnfinished(_ inspection: TreeInspection, _ sources: [SnapshotEntry]) throws -> Bool {
        let unfinished = InterruptedBuild.unfinished(inspection.classification)
            .subtracting(sources.lazy.map(\.path))
        for path in unfinished { try inspection.root.remove(path) }
        return !unfinished.isEmpty
    }

    /// What is a source at the client is one here, whatever it looks like: there git may know of it.
    private func roles(_ inspection: TreeInspection, _ sources: Set<TreePath>) -> [PathRole] {
        zip(inspection.listing.files, inspection.roles).map { file, role in
            role != .configuration && sources.contains(file.path) ? .source : role
        }
    }

    private static func changes(
        from earlier: [TreePath: SnapshotEntry.Kind], to sources: [SnapshotEntry], written: [TreePath]
    ) -> Invalidation.Changes {
        var changes = Invalidation.Changes(changed: Set(written.filter { earlier[$0] != nil }))
        var gone = Set(earlier.keys)
        for entry in sources {
            gone.remove(entry.path)
            guard let before = earlier[entry.path] else {
                changes.added.insert(entry.path)
                continue
            }
            if before != entry.kind { changes.changed.insert(entry.path) }
        }
        changes.removed = gone
        return changes
    }

    /// What was made of sources that are gone: make would leave it there for ever, and it would come back to the client
    /// each time.
    private func orphans(of removed: Set<TreePath>, _ outputs: Set<TreePath>) -> [TreePath] {
        var found: [TreePath] = []
        var folders: Set<TreePath> = []
        for path in removed {
            if path.name.elementsEqual("Makefile".utf8) || path.name.elementsEqual("Kbuild".utf8) {
                if let folder = path.parent { folders.insert(folder) }
            }
            guard
                let source = [".c", ".S", ".rs"].first(where: {
                    path.name.suffix($0.utf8.count).elementsEqual($0.utf8)
                })
            else { continue }
            let (folder, stem) = (path.bytes[..<path.nameStart], path.name.dropLast(source.utf8.count))
            for suffix in [".o", ".ko", ".mod", ".mod.c", ".mod.o"] {
                let name = Array(stem) + Array(suffix.utf8)
                for made in [folder + name, folder + Array(".".utf8) + name + Array(".cmd".utf8)] {
                    if let made = TreePath(made) { found.append(made) }
                }
            }
        }
        return found.filter { outputs.contains($0) }
            + outputs.filter { $0.parent.map { folders.contains($0) } ?? false }
    }

    /// Removes outputs that make would wrongly keep; returns how many.
    private func invalidate(_ changes: Invalidation.Changes, _ outputs: Set<TreePath>, _ root: Directory)
        throws -> Int
    {
        guard !outputs.isEmpty, !changes.isEmpty else { return 0 }
        for path in orphans(of: changes.removed, outputs) { try root.remove(path) }
        var count = 0
        let listing = try TreeScanner().scan(root)
        for item in try Invalidation.outputs(stale: changes, outputs: outputs, in: root, listing: listing)
        where outputs.contains(item.target) {
            if try root.remove(item.target) { count += 1 }
        }
        return count
    }
}
