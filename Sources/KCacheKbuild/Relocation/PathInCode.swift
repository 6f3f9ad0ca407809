import KCacheCore
import KCacheSystem

/// Objects of the kernel whose program or data holds the path that they were compiled in (`-DPLACE="$(abspath …)"`): in
/// another place another compile makes them, and no saved command tells that.
enum PathInCode {
    /// What is said of one that is not stored.
    static let reason = "the tree's path in its code"

    /// True if one of the paths stands in what is loaded (SHF_ALLOC, elf(5)) of this object.
    static func holds(_ path: TreePath, _ bytes: [UInt8], _ paths: TreePaths) -> Bool {
        guard path.hasSuffix(".o"), !isOfProgram(path), let file = ElfFile(bytes), file.type == 1 else {
            return false
        }
        return file.sections.contains { section in
            guard section.flags & 2 != 0, section.hasBytes else { return false }
            let content = bytes[section.range]
            return paths.items.contains { item in
                ByteSearch.contains(content, item.path)
                    && !PathRelocation.occurrences(of: item.path, in: Array(content)).isEmpty
            }
        }
    }

    /// Programs for the build hold the path of their sources with `O=` (`assert`), and do the same wherever they are made.
    private static func isOfProgram(_ path: TreePath) -> Bool {
        path.hasPrefix("scripts/") || path.components.contains { $0.elementsEqual("tools".utf8) }
    }
}
