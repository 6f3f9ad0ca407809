/// Reads inputs out of a saved command, for targets whose prerequisites no `.cmd` file lists.
enum CommandText {
    /// Cuts a command at white space, quotes and everything that means something to the shell.
    ///
    /// Cuts more than a shell would: what is no path of the tree is of no interest, so this only has to
    /// leave each path whole.
    static func words(_ command: [UInt8]) -> [ArraySlice<UInt8>] {
        command.split { isSeparator[Int($0)] }
    }

    private static let isSeparator: [Bool] = {
        var table = [Bool](repeating: false, count: 256)
        for byte in 0...0x20 { table[byte] = true }
        for byte in "\"'`;|&()<>$".utf8 { table[Int(byte)] = true }
        return table
    }()

    /// The members of an archive, from `rm -f T; [printf "dir/%s " a.o b.o | xargs] ar cDPrST T [a.o …]`
    /// (cmd_ar_builtin in scripts/Makefile.build, cmd_ar in scripts/Makefile.lib); nil for another shape.
    static func archiveMembers(_ command: [UInt8], target: ArraySlice<UInt8>) -> [[UInt8]]? {
        guard command.starts(with: Array("rm -f ".utf8)) else { return nil }
        let words = words(command)
        if let at = words.firstIndex(where: { $0.elementsEqual("printf".utf8) }),
            let end = words.firstIndex(where: { $0.elementsEqual("xargs".utf8) }), at + 1 < end
        {
            let format = words[at + 1]
            guard let percent = format.firstIndex(of: UInt8(ascii: "%")) else { return nil }
            let prefix = format[..<percent]
            return words[(at + 2)..<end].filter { !$0.elementsEqual("|".utf8) }.map {
                Array(prefix) + Array($0)
            }
        }
        // The archive's name comes twice: after `rm -f` and after ar's flags.
        let places = words.indices.filter { words[$0].elementsEqual(target) }
        guard let last = places.last, places.count >= 2 else { return nil }
        return words[(last + 1)...].map { Array($0) }
    }

    /// Lines of modules.order: `{ echo a/b.ko; cat c/modules.order; :; } > T` (cmd_modules_order).
    static func moduleOrder(_ command: [UInt8]) -> [[UInt8]] {
        let words = words(command)
        var members: [[UInt8]] = []
        for (i, word) in words.enumerated().dropFirst() {
            let verb = words[i - 1]
            if verb.elementsEqual("echo".utf8), word.hasSuffix(".ko") {
                members.append(word.dropLast(2) + Array("o".utf8))
            } else if verb.elementsEqual("cat".utf8) {
                members.append(Array(word))
            }
        }
        return members
    }

    /// Objects of a module, from `printf '%s\n' a.o b.o | awk '!x[$0]++ { print("dir/"$0) }' > dir/x.mod`
    /// (cmd_mod): relative to the module's directory.
    static func moduleMembers(_ command: [UInt8]) -> [[UInt8]] {
        guard let bar = command.firstIndex(of: UInt8(ascii: "|")) else { return [] }
        return words(Array(command[..<bar])).filter { $0.hasSuffix(".o") }.map { Array($0) }
    }

    /// Payloads of `.incbin "path"` in an assembler source, which no `.cmd` file lists.
    static func incbins(_ source: [UInt8]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        source.withUnsafeBytes { raw in
            var at = raw.firstIndex(of: UInt8(ascii: "."), from: 0)
            while at < raw.count {
                if raw.has(".incbin", at: at) {
                    let end = raw.firstIndex(of: UInt8(ascii: "\n"), from: at)
                    let open = raw.firstIndex(of: UInt8(ascii: "\""), from: at)
                    let close = raw.firstIndex(of: UInt8(ascii: "\""), from: open + 1)
                    if close < end {
                        // In C's inline assembly the quotes are escaped: \"path\".
                        var path = Array(raw[(open + 1)..<close])
                        if path.last == UInt8(ascii: "\\") { path.removeLast() }
                        if !path.isEmpty { found.append(path) }
                    }
                }
                at = raw.firstIndex(of: UInt8(ascii: "."), from: at + 1)
            }
        }
        return found
    }
}

extension Collection<UInt8> where Self: BidirectionalCollection {
    func hasSuffix(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { count >= $0.count && suffix($0.count).elementsEqual($0) }
    }
}
