package import KCacheCore
package import KCacheSystem

extension Directory {
    /// Makes the directories that these files lie in.
    ///
    /// - Parameter paths: best sorted, so that one directory is not asked for at each of its files.
    package func makeParents(of paths: some Sequence<TreePath>) throws(SystemError) {
        var last: TreePath?
        for path in paths {
            guard let directory = path.parent, directory != last else { continue }
            try makeDirectories(directory)
            last = directory
        }
    }
}
