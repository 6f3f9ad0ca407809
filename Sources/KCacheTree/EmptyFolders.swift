package import KCacheCore
package import KCacheSystem

/// The directories of a tree in which no file lies, at any depth.
package enum EmptyFolders {
    /// Finds the deepest ones, sorted; a directory's base is not looked at.
    package static func find(in root: Directory) throws(SystemError) -> [TreePath] {
        var found: [TreePath] = []
        _ = try look(root, at: nil, &found)
        return Array(found.sorted().prefix(SnapshotHeader.mostEmptyFolders))
    }

    /// Makes those that are missing; where a file stands in one's place or above it, that one stays away.
    package static func make(_ folders: [TreePath], in root: Directory, _ listing: TreeListing)
        throws(SystemError)
    {
        for folder in folders {
            var part: TreePath? = folder
            while let path = part, listing.index(of: path) == nil, !listing.special.contains(path) {
                part = path.parent
            }
            if part == nil { try root.makeDirectories(folder) }
        }
    }

    /// Names what is empty below; true if this directory is empty itself.
    private static func look(_ directory: Directory, at path: TreePath?, _ found: inout [TreePath])
        throws(SystemError) -> Bool
    {
        let entries = try directory.entries()
        for entry in entries where entry.status.kind == .directory {
            if ReservedName.isVersionControl(entry.name) { continue }
            guard let child = path.map({ $0.appending(entry: entry.name) }) ?? TreePath(entry.name) else {
                continue
            }
            let name = TreePath(literal: entry.name)
            if try look(try directory.directory(name), at: child, &found) { found.append(child) }
        }
        return entries.isEmpty
    }
}
