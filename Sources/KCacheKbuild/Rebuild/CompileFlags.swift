import KCacheCore

/// Reads the flags of one directory or unit out of saved compile commands.
///
/// c_flags (scripts/Makefile.lib) is: include paths, `-include …/compiler_types.h`, the kernel's flags, the
/// directory's, the unit's, then `-DMODULE` or `-DKBUILD_MODFILE=…`, then the names. The kernel's flags are
/// what most units have between those two marks.
struct CompileFlags {
    /// The kernel's flags: the most frequent text between the marks.
    private let common: [UInt8]

    init(_ index: CmdIndex) {
        var counts: [ArraySlice<UInt8>: Int] = [:]
        for record in index.records {
            guard let source = record.source, source.hasSuffix(".c"), let text = Self.between(record.command)
            else { continue }
            counts[text, default: 0] += 1
        }
        let most = counts.max { $0.value == $1.value ? $0.key.count > $1.key.count : $0.value < $1.value }
        common = Array(most?.key ?? [])
    }

    /// What a unit has beside the kernel's flags; nil if its command is of another shape.
    func extra(_ command: [UInt8]) -> [[UInt8]]? {
        guard let text = Self.between(command), text.starts(with: common) else { return nil }
        let rest = text.dropFirst(common.count)
        guard rest.first.map(MakefileReader.isSpace) ?? true else { return nil }
        return MakefileReader.words(rest)
    }

    static func isModule(_ command: [UInt8]) -> Bool? {
        if place(of: " -DMODULE ", in: command) != nil { return true }
        return place(of: " -DKBUILD_MODFILE=", in: command) != nil ? false : nil
    }

    /// The name in `-DKBUILD_MODNAME='"name"'`.
    static func moduleName(_ command: [UInt8]) -> [UInt8]? {
        guard let place = place(of: " -DKBUILD_MODNAME=", in: command) else { return nil }
        return command[(place + 18)...].prefix { !MakefileReader.isSpace($0) }.filter {
            $0 != UInt8(ascii: "'") && $0 != UInt8(ascii: "\"")
        }
    }

    private static func between(_ command: [UInt8]) -> ArraySlice<UInt8>? {
        guard let start = place(of: "/include/linux/compiler_types.h ", in: command),
            let end = place(of: " -DMODULE ", in: command) ?? place(of: " -DKBUILD_MODFILE=", in: command)
        else { return nil }
        var low = start + 32
        var high = end
        while low < high, MakefileReader.isSpace(command[low]) { low += 1 }
        while high > low, MakefileReader.isSpace(command[high - 1]) { high -= 1 }
        return low <= high ? command[low..<high] : nil
    }

    static func place(of text: StaticString, in command: [UInt8]) -> Int? {
        command.withUnsafeBytes { raw in
            let first = text.utf8Start.pointee
            var at = raw.firstIndex(of: first, from: 0)
            while at < raw.count {
                if raw.has(text, at: at) { return at }
                at = raw.firstIndex(of: first, from: at + 1)
            }
            return nil
        }
    }
}
