import KCacheCore
import KCacheSystem

/// Objects of the kernel whose program or data holds the path that they were compiled in (`-DPLACE="$(abspath …)"`): in
/// another place another compile makes them, and no saved command tells that.
enum PathInCode {
    /// What is said of one that is not stored.
    static let reason = "the tree's path in its code"

    /// True if one of the paths stands in what is loaded (SHF_ALLOC, elf(5)) of this object.
    static func holds(_ path: TreePath, _ bytes: [UInt8], _ paths: TreePaths) -> Bool {
        guard path.hasSuffix(".o"), !isOfProgram(path, paths) else { return false }
        // Another byte order, or a compiler's intermediate code (LTO): nobody knows what is loaded of it.
        guard let file = ElfFile(bytes) else { return occurs(bytes[...], paths) }
        guard file.type == 1 else { return false }
        return file.sections.contains { section in
            section.flags & 2 != 0 && section.hasBytes && occurs(bytes[section.range], paths)
        }
    }

    /// Objects whose saved command gives them one of the paths by a macro: code may hold it in another form than text.
    static func defined(in entries: [SnapshotEntry], root: Directory, _ paths: TreePaths) throws -> Set<
        TreePath
    > {
        let commands = entries.map(\.path).filter { CmdIndex.isCommandFile($0) && $0.hasSuffix(".o.cmd") }
        let found = try Parallel.map(commands.count) { i -> TreePath? in
            let file = commands[i]
            guard let name = CommandEvidence.target(of: file.name), let text = try root.readFile(file),
                let target = TreePath(file.bytes[..<file.nameStart] + name), !isOfProgram(target, paths)
            else { return nil }
            let command = text.prefix { $0 != UInt8(ascii: "\n") }
            guard occurs(command, paths) else { return nil }
            // A macro's value may hold spaces, or stand in the next word.
            var isMacro = false
            for word in command.split(whereSeparator: { $0 <= 0x20 }) {
                if word.first == UInt8(ascii: "-") { isMacro = word.starts(with: "-D".utf8) }
                if isMacro, occurs(word, paths) { return target }
            }
            return nil
        }
        return Set(found.compactMap { $0 })
    }

    private static func occurs(_ bytes: ArraySlice<UInt8>, _ paths: TreePaths) -> Bool {
        paths.items.contains { item in
            ByteSearch.contains(bytes, item.path)
                && !PathRelocation.occurrences(of: item.path, in: Array(bytes)).isEmpty
        }
    }

    /// Programs for the build hold the path of their sources with `O=` (`assert`), and do the same wherever they are made.
    private static func isOfProgram(_ path: TreePath, _ paths: TreePaths) -> Bool {
        if paths.isOfModules { return false }
        return path.hasPrefix("scripts/") || path.components.contains { $0.elementsEqual("tools".utf8) }
    }
}
