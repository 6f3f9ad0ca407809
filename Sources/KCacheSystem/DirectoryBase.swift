package import KCacheCore

/// What stands below a directory: files that it does not have are looked for here, and never changed but for
/// their times. Kbuild finds the sources of an output tree (`O=`) in this way, by make's VPATH.
package struct DirectoryBase: Sendable {
    package let directory: Directory
    /// Paths that are looked for in the base alone, whatever stands above it.
    package let only: Set<TreePath>
    /// Directories of the base that don't belong to the whole, told from the paths of all files and links that
    /// stand in it, sorted.
    package let leavesOut: @Sendable (_ paths: [TreePath]) throws(SystemError) -> Set<TreePath>

    package init(
        _ directory: Directory, only: Set<TreePath> = [],
        leavesOut: @escaping @Sendable ([TreePath]) throws(SystemError) -> Set<TreePath> = { _ in [] }
    ) {
        (self.directory, self.only, self.leavesOut) = (directory, only, leavesOut)
    }
}
