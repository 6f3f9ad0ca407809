package import KCacheCore
package import KCacheSystem

/// One file or link that a scan met.
package struct ScannedFile: Sendable {
    package let path: TreePath
    package let status: FileStatus

    package init(path: TreePath, status: FileStatus) { (self.path, self.status) = (path, status) }
}

/// What stands in a tree: every file and link, sorted by path; directories are implied.
package struct TreeListing: Sendable {
    package let files: [ScannedFile]
    /// Sockets, pipes, devices: named for people, otherwise passed over.
    package let special: [TreePath]

    /// Takes files sorted by path.
    package init(files: [ScannedFile], special: [TreePath] = []) {
        (self.files, self.special) = (files, special)
    }

    /// Place of the path in `files`; nil if it isn't there.
    package func index(of path: TreePath) -> Int? {
        var (low, high) = (0, files.count)
        while low < high {
            let middle = (low + high) / 2
            if files[middle].path < path { low = middle + 1 } else { high = middle }
        }
        return low < files.count && files[low].path == path ? low : nil
    }

    package subscript(path: TreePath) -> ScannedFile? { index(of: path).map { files[$0] } }
}
