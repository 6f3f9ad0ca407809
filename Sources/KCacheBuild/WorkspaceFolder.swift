import KCacheCore
package import KCacheStore
import KCacheSystem
package import SystemPackage

/// All that this user's machine builds for others: a store, and workspaces beside it.
package struct WorkspaceFolder: Sendable {
    package let path: FilePath

    /// - Parameter cache: the user's cache folder for kcache.
    package init(cache: FilePath) { path = cache.appending("builds") }

    /// The one that clients send to and fetch from; nobody else may look in.
    package func store() throws -> Store {
        _ = try Directory.create(path)
        if let name = path.lastComponent.flatMap({ TreePath($0.string) }) {
            try Directory.open(path.removingLastComponent()).setPermissions(name, 0o700)
        }
        return try Store.open(at: path.appending("store"), mode: .createIfMissing)
    }

    /// Makes it where it is missing; nobody else may look in.
    func workspace(_ name: String) throws -> Workspace {
        let folder = try Directory.create(path.appending(name))
        try Directory.open(path).setPermissions(TreePath(literal: Array(name.utf8)), 0o700)
        return Workspace(name: name, folder: folder)
    }

    /// The latest used first.
    package func workspaces() throws -> [Workspace] {
        let folder: Directory
        do { folder = try Directory.open(path) } catch {
            if error.errno == .noSuchFileOrDirectory { return [] }
            throw error
        }
        var found: [(used: Int64, workspace: Workspace)] = []
        for entry in try folder.entries() where entry.status.kind == .directory {
            guard let name = String(validating: entry.name, as: UTF8.self), Self.isName(name) else {
                continue
            }
            let workspace = Workspace(name: name, folder: try folder.directory(TreePath(literal: entry.name)))
            found.append((try workspace.lastUsed(), workspace))
        }
        return found.sorted { $0.used > $1.used }.map(\.workspace)
    }

    /// False if it was removed while its lock was waited for.
    func holds(_ workspace: Workspace) throws -> Bool {
        try Directory.open(path).status(TreePath(literal: Array(workspace.name.utf8)))?.inode
            == workspace.folder.status().inode
    }

    /// Removes a workspace, unless somebody builds in it: false then.
    package func remove(_ workspace: Workspace) throws -> Bool {
        guard let lock = try workspace.tryLocking() else { return false }
        defer { lock.end() }
        guard try holds(workspace) else { return false }
        let folder = try Directory.open(path)
        // Whoever comes meanwhile makes a new one.
        let doomed = TemporaryName.atRoot()
        try folder.rename(TreePath(literal: Array(workspace.name.utf8)), to: doomed)
        try discard(doomed, in: folder)
        return true
    }

    /// What a kill has left of workspaces that were being removed.
    private func removeLeftovers() throws {
        let folder = try Directory.open(path)
        for entry in try folder.entries() where TemporaryName.isTemporary(entry.name) {
            try discard(TreePath(literal: entry.name), in: folder)
        }
    }

    private func discard(_ name: TreePath, in folder: Directory) throws(SystemError) {
        do throws(SystemError) { try folder.removeTree(name) } catch {
            // Somebody else removes it as well.
            if error.errno != .noSuchFileOrDirectory { throw error }
        }
    }

    /// Removes those that were used the longest ago, so that no more than `most` stay.
    func bound(_ most: Int) throws {
        for workspace in try workspaces().dropFirst(most) { _ = try remove(workspace) }
    }

    /// As a client names one.
    package static func isName(_ text: String) -> Bool { WireBuildOrder.isWorkspace(text) }

    /// Forgets what no workspace needs any more, and frees its place in the store.
    ///
    /// What was used within the last hour stays: somebody may be about to fetch it.
    package func tidy(now: Int64) throws {
        let store = try store()
        try removeLeftovers()
        let workspaces = try workspaces()
        let names = Set(workspaces.flatMap { [SnapshotName.sources($0.name), SnapshotName.build($0.name)] })
        // What stands in one, though the client may have sent others since.
        let standing = Set(workspaces.compactMap { $0.about().sources })
        var seen = Set<String>()
        var gone: [SnapshotID] = []
        let entries = try store.catalog().entries.sorted { $0.lastUsedNanoseconds > $1.lastUsedNanoseconds }
        for entry in entries {
            let isLatest = names.contains(entry.header.name) && seen.insert(entry.header.name).inserted
            if !isLatest, !standing.contains(entry.id),
                entry.lastUsedNanoseconds < now - 3_600_000_000_000
            {
                gone.append(entry.id)
            }
        }
        guard !gone.isEmpty else { return }
        _ = try store.forget(gone)
        _ = try store.collect()
    }
}

/// Names of snapshots in the store of builds.
enum SnapshotName {
    static func sources(_ workspace: String) -> String { "sources-\(workspace)" }
    static func build(_ workspace: String) -> String { "build-\(workspace)" }
}
