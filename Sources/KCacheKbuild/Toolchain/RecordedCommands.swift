package import KCacheSystem

/// The commands that built a tree, as its saved commands tell them.
package enum RecordedCommands {
    /// Kbuild's own files that every build of a kernel makes, and the variable that their command starts with.
    private static let witnesses: [(variable: String, file: String)] = [
        ("CC", "scripts/mod/.empty.o.cmd"), ("CC", "kernel/.bounds.s.cmd"), ("CC", "init/.main.o.cmd"),
        ("HOSTCC", "scripts/basic/.fixdep.cmd"), ("LD", ".vmlinux.o.cmd"),
        ("OBJCOPY", "arch/x86/boot/.vmlinux.bin.cmd"), ("OBJCOPY", "arch/arm64/boot/.Image.cmd"),
        ("OBJCOPY", "arch/riscv/boot/.Image.cmd"),
    ]

    /// Commands by variable, without their options; empty for a tree that was never built.
    package static func read(in directory: Directory) throws(SystemError) -> [String: String] {
        var found: [String: String] = [:]
        for (variable, file) in witnesses where found[variable] == nil {
            guard let text = try KbuildTree.read(file, directory) else { continue }
            found[variable] = command(text)
        }
        return found
    }

    /// The words before the first option of the first saved command.
    static func command(_ bytes: [UInt8]) -> String? {
        let line = bytes.prefix(65536).prefix { $0 != UInt8(ascii: "\n") }
        let text = String(decoding: line, as: UTF8.self)
        guard text.hasPrefix("cmd_") || text.hasPrefix("savedcmd_"), let mark = text.firstRange(of: " := ")
        else {
            return nil
        }
        let words = text[mark.upperBound...].split(separator: " ").prefix { !$0.hasPrefix("-") }
        // Shell text, variables and quotes are no plain call of a tool.
        guard !words.isEmpty, words.allSatisfy({ word in !word.contains { ";&|$`'\"()".contains($0) } })
        else {
            return nil
        }
        return words.joined(separator: " ")
    }
}
