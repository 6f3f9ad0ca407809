import KCacheCore
package import KCacheSystem
import SystemPackage

/// Walks a tree with readdir and lstat, on all cores, and never through a link.
///
/// The folders of version control systems are not entered or listed: they are never part of a build.
package struct TreeScanner: Sendable {
    package init() {}

    /// Lists every file and link under `root`.
    ///
    /// - Throws: `SystemError` naming a directory that can't be read.
    package func scan(_ root: Directory) throws -> TreeListing {
        // Two levels are walked here, what lies below them is shared out.
        var collected = Part()
        var pending: [TreePath] = []
        for name in try visit(root, at: nil, into: &collected) {
            pending += try visit(try root.directory(name), at: name, into: &collected)
        }
        let parts = try Parallel.map(pending.count) { [pending] i in
            var part = Part()
            try walk(try root.directory(pending[i]), at: pending[i], into: &part)
            return part
        }
        for part in parts {
            collected.files += part.files
            collected.special += part.special
        }
        collected.files.sort { $0.path < $1.path }
        return TreeListing(files: collected.files, special: collected.special.sorted())
    }

    private struct Part: Sendable {
        var files: [ScannedFile] = []
        var special: [TreePath] = []
    }

    private func walk(_ directory: Directory, at path: TreePath, into part: inout Part) throws {
        for child in try visit(directory, at: path, into: &part) {
            guard let name = TreePath(child.name) else { continue }
            try walk(try directory.directory(name), at: child, into: &part)
        }
    }

    /// Takes one directory's entries; returns the directories among them.
    private func visit(_ directory: Directory, at path: TreePath?, into part: inout Part) throws -> [TreePath]
    {
        var directories: [TreePath] = []
        for entry in try directory.entries() where !ReservedName.isVersionControl(entry.name) {
            guard let child = path.map({ $0.appending(entry.name) }) ?? TreePath(entry.name) else {
                throw SystemError(
                    "list", "\(directory.path.string)/\(quoteForPeople(entry.name))", .fileNameTooLong)
            }
            switch entry.status.kind {
            case .directory: directories.append(child)
            case .file, .link: part.files.append(ScannedFile(path: child, status: entry.status))
            case .other: part.special.append(child)
            }
        }
        return directories
    }
}
