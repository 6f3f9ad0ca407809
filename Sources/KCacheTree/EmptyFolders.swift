package import KCacheCore
package import KCacheSystem

/// The directories of a tree in which no file lies, at any depth.
package enum EmptyFolders {
    /// Finds the deepest ones, sorted; a directory's base is not looked at.
    package static func find(in root: Directory) throws(SystemError) -> [TreePath] {
        var found: [TreePath] = []
        _ = try look(root, at: nil, &found)
        return found.sorted()
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
