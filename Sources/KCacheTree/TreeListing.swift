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
        let place = firstIndex(from: path)
        return place < files.count && files[place].path == path ? place : nil
    }

    /// True if the path is a directory with a file somewhere below it.
    package func holdsFiles(below path: TreePath) -> Bool {
        // Names such as `a.b` and `a-b` stand between `a` and what is below it.
        guard let first = path.appending([1]) else { return false }
        let place = firstIndex(from: first)
        return place < files.count && files[place].path.isInside(path)
    }

    /// The place of the first file that is not before the path.
    private func firstIndex(from path: TreePath) -> Int {
        var (low, high) = (0, files.count)
        while low < high {
            let middle = (low + high) / 2
            if files[middle].path < path { low = middle + 1 } else { high = middle }
        }
        return low
    }

    package subscript(path: TreePath) -> ScannedFile? { index(of: path).map { files[$0] } }
}
