import KCacheCore
import KCacheSystem
import KCacheTree

/// What the packaging goals leave in a tree (scripts/Makefile.package).
enum PackagingRules {
    /// Directories of packaging goals that `mrproper` removes whole.
    static let directories: Set<[UInt8]> = Set(
        ["debian", "snap", "tar-install", "rpmbuild"].map { Array($0.utf8) })

    /// Package files at the root, by suffix.
    private static let suffixes = [".deb", ".rpm", ".dsc", ".changes", ".buildinfo"]
    private static let archives = [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"]

    /// The directories that a packaging goal made here. `debian` may as well be a packager's own work: only
    /// scripts/package/mkdebian's changelog line proves the contrary.
    static func generatedDirectories(in directory: Directory) throws(SystemError) -> [TreePath] {
        var found: [TreePath] = []
        for name in ["tar-install", "rpmbuild"] {
            if let path = TreePath(name) { found.append(path) }
        }
        if let log = try KbuildTree.read("debian/changelog", directory), let path = TreePath("debian"),
            String(decoding: log.prefix(4096), as: UTF8.self).contains("* Custom built Linux kernel.")
        {
            found.append(path)
        }
        return found
    }

    /// A file at the root that is a package or a tarball of this kernel.
    static func isPackage(_ name: [UInt8]) -> Bool {
        let text = String(decoding: name, as: UTF8.self)
        if suffixes.contains(where: { text.hasSuffix($0) }) { return true }
        let isKernel = ["linux-", "linux.", "kernel-", "perf-"].contains { text.hasPrefix($0) }
        return isKernel && archives.contains { text.hasSuffix($0) }
    }

    /// The spec files that scripts/Makefile.package writes (`kernel.spec`, `binkernel.spec`).
    static func isSpec(_ name: [UInt8]) -> Bool {
        ["kernel.spec", "binkernel.spec"].contains { name.elementsEqual($0.utf8) }
    }
}
