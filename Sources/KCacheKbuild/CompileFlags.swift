import KCacheCore

/// Reads the flags of one directory or unit out of saved compile commands.
///
/// c_flags (scripts/Makefile.lib) is: include paths, `-include …/compiler_types.h`, the kernel's flags, the
/// directory's, the unit's, then `-DMODULE` or `-DKBUILD_MODFILE=…`, then the names. The kernel's flags are
/// what most units have between those two marks.
struct CompileFlags {
    /// The kernel's flags: the most frequent run of words between the marks.
    let common: [[UInt8]]

    init(_ index: CmdIndex) {
        var counts: [[UInt8]: Int] = [:]
        for record in index.records {
            guard let source = record.source, source.hasSuffix(".c"),
                let words = Self.between(record.command)
            else { continue }
            counts[Array(words.joined(separator: [UInt8(ascii: " ")])), default: 0] += 1
        }
        let most = counts.max { $0.value == $1.value ? $0.key.count > $1.key.count : $0.value < $1.value }
        common = most.map { MakefileReader.words($0.key) } ?? []
    }

    /// What a unit has beside the kernel's flags; nil if its command is of another shape.
    func extra(_ command: [UInt8]) -> [[UInt8]]? {
        guard let words = Self.between(command), words.starts(with: common) else { return nil }
        return words.dropFirst(common.count).map { Array($0) }
    }

    static func isModule(_ command: [UInt8]) -> Bool? {
        let words = MakefileReader.words(command)
        if words.contains(where: { $0.elementsEqual("-DMODULE".utf8) }) { return true }
        return words.contains { $0.starts(with: "-DKBUILD_MODFILE=".utf8) } ? false : nil
    }

    /// The name in `-DKBUILD_MODNAME='"name"'`.
    static func moduleName(_ command: [UInt8]) -> [UInt8]? {
        for word in MakefileReader.words(command) where word.starts(with: "-DKBUILD_MODNAME=".utf8) {
            return word.dropFirst(17).filter { $0 != UInt8(ascii: "'") && $0 != UInt8(ascii: "\"") }
        }
        return nil
    }

    private static func between(_ command: [UInt8]) -> [[UInt8]]? {
        let words = MakefileReader.words(command)
        guard
            let start = words.firstIndex(where: { $0.hasSuffix("/include/linux/compiler_types.h") }),
            let end = words[start...].firstIndex(where: {
                $0.elementsEqual("-DMODULE".utf8) || $0.starts(with: "-DKBUILD_MODFILE=".utf8)
            })
        else { return nil }
        return Array(words[(start + 1)..<end])
    }
}
