/// A line by which Kbuild announces a step: `  CC      fs/ext4/inode.o`, `  LD [M]  drivers/net/x.ko`.
///
/// Its form: two spaces, a word in capitals, perhaps a mark in brackets, spaces up to the tenth column or more,
/// and what is made (`cmd` in scripts/Kbuild.include and the `quiet_cmd_` definitions). Text that only might be
/// one is none: a warning taken for a step would be lost.
package struct StepLine: Hashable, Sendable {
    /// `CC`
    package let word: [UInt8]
    /// `fs/ext4/inode.o`; all that stands behind the word.
    package let target: [UInt8]
    /// The line without its end, less the two spaces.
    package let text: [UInt8]

    /// Nil for any other line.
    ///
    /// - Parameter line: with its end or without.
    package init?(_ line: some Collection<UInt8>) {
        guard line.count <= Self.longest else { return nil }
        var line = Array(line)
        if line.last == UInt8(ascii: "\n") { line.removeLast() }
        guard line.starts(with: [Self.space, Self.space]),
            line.allSatisfy({ $0 >= Self.space && $0 != 0x7f })
        else { return nil }
        let word = line[2...].prefix(while: Self.isOfWord)
        guard word.count >= 2, let first = word.first, (0x41...0x5a).contains(first),
            word.last.map({ $0 != UInt8(ascii: ".") }) == true,
            !Self.messages.contains(String(decoding: word, as: UTF8.self))
        else { return nil }
        var at = word.endIndex
        guard at < line.count, line[at] == Self.space else { return nil }
        if line[(at + 1)...].first == UInt8(ascii: "[") {
            // One capital: [M], [U], [P].
            guard at + 3 < line.count, (0x41...0x5a).contains(line[at + 2]),
                line[at + 3] == UInt8(ascii: "]")
            else { return nil }
            at += 4
        }
        let rest = line[at...].drop { $0 == Self.space }
        guard let start = rest.indices.first, start > at else { return nil }
        let name = String(decoding: word, as: UTF8.self)
        // `RUSTC L rust/core.o` (rust/Makefile)
        let isRust = name == "RUSTC" || name == "CLIPPY"
        let isKnown = isRust || Self.known.contains(name)
        // A word that is not known has to look the part: at its column, and naming one thing.
        let isInColumn = start == 10 || start == at + 1
        guard isRust || start >= 10, isKnown || isInColumn && !rest.contains(Self.space) else { return nil }
        (self.word, target, text) = (Array(word), Array(rest), Array(line[2...]))
    }

    /// The line as Kbuild printed it.
    package var line: [UInt8] { [Self.space, Self.space] + text + [UInt8(ascii: "\n")] }

    /// True if these bytes, without a line's end, may grow into a step's line.
    package static func mayBegin(_ bytes: some Collection<UInt8>) -> Bool {
        if bytes.count > longest { return false }
        for (i, byte) in bytes.enumerated() {
            if i < 2 {
                if byte != space { return false }
            } else if i == 2 {
                if !(0x41...0x5a).contains(byte) { return false }
            } else if byte < space || byte == 0x7f {
                return false
            }
        }
        return true
    }

    /// Longer lines are shown as they are.
    static let longest = 4096

    private static let space = UInt8(ascii: " ")

    private static func isOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5a, 0x30...0x39: true
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "+"): true
        default: false
        }
    }

    /// Words that begin a message.
    private static let messages: Set<String> = [
        "ATTENTION", "BUG", "CAUTION", "DEBUG", "ERROR", "FAIL", "FAILED", "FATAL", "INFO",
        "INTERNAL", "NOTE", "NOTICE", "OOPS", "WARN", "WARNING",
    ]

    /// Those after which more than one word may stand, or further to the right.
    private static let known: Set<String> = [
        "AR", "AS", "BINDGEN", "BTF", "BTFIDS", "BUILD", "CALL", "CC", "CHECK", "CHK", "CLEAN", "COPY", "CPP",
        "DESCEND", "DTC", "EXPORTS", "GEN", "GZIP", "HDRINST", "HDRTEST", "HOSTAR", "HOSTAS", "HOSTCC",
        "HOSTCPP", "HOSTCXX", "HOSTLD", "HOSTLLD", "HOSTRUSTC", "INSTALL", "KSYM", "KSYMS", "LD", "LDS",
        "LEX", "LINK", "MKDIR", "MODPOST", "NM", "OBJCOPY", "OBJDUMP", "SHIPPED", "SIGN", "SORTEX",
        "SORTTAB", "SYNC", "SYSHDR", "SYSTBL", "UPD", "VDSO", "WRAP", "XZKERN", "YACC",
    ]
}
