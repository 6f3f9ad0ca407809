import KCacheCore

/// Tells Kbuild's saved commands from other files that happen to be called `.NAME.cmd`.
enum CommandEvidence {
    /// The NAME in `.NAME.cmd`; nil for other names.
    static func target(of name: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard name.count > 5, name.first == UInt8(ascii: "."), name.suffix(4).elementsEqual(".cmd".utf8)
        else {
            return nil
        }
        return name.dropFirst().dropLast(4)
    }

    /// The saved command's file of a target: `.NAME.cmd` beside it.
    static func file(of target: TreePath) -> TreePath? {
        TreePath(target.bytes[..<target.nameStart] + Array(".".utf8) + target.name + Array(".cmd".utf8))
    }

    /// True if a line assigns `cmd_PATH` or, since 6.3, `savedcmd_PATH`, where PATH ends in this name.
    ///
    /// scripts/Kbuild.include writes that as the first line; tools/build may put comments and dependencies
    /// before it (tools/build/Build.include).
    static func proves(_ content: [UInt8], target name: some Collection<UInt8>) -> Bool {
        var start = 0
        while start < content.count {
            let rest = content[start...]
            if let tail = afterPrefix(rest), assigns(tail, name) { return true }
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return false }
            start = end + 1
        }
        return false
    }

    private static func afterPrefix(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        for prefix in ["cmd_", "savedcmd_"] where line.starts(with: prefix.utf8) {
            return line.dropFirst(prefix.utf8.count)
        }
        return nil
    }

    private static func assigns(_ text: ArraySlice<UInt8>, _ name: some Collection<UInt8>) -> Bool {
        guard let mark = text.firstIndex(of: UInt8(ascii: ":")) else { return false }
        guard mark + 1 < text.endIndex, text[mark + 1] == UInt8(ascii: "=") else { return false }
        var path = text[..<mark]
        while let last = path.last, last == UInt8(ascii: " ") { path = path.dropLast() }
        let leaf = path[((path.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex - 1) + 1)...]
        return leaf.elementsEqual(name)
    }
}
