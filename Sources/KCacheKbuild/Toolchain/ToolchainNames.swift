/// The commands that Kbuild's variables stand for, as the top Makefile assigns them.
struct ToolchainNames: Hashable, Sendable {
    /// Commands by variable: `CC` → `ccache gcc`.
    private(set) var commands: [String: String] = [:]

    /// - Parameters:
    ///   - arguments: `VAR=value` of make's command line: they win over what makefiles assign.
    ///   - environment: counts only for what the top Makefile leaves open: LLVM, CROSS_COMPILE. (`CC` is
    ///     assigned there, so that a CC in the environment is without effect.)
    ///   - recorded: commands that built the tree, by variable: they win over all.
    init(arguments: [String: String], environment: [String: String], recorded: [String: String] = [:]) {
        func open(_ name: String) -> String { arguments[name] ?? environment[name] ?? "" }
        var llvm = open("LLVM")
        var cross = open("CROSS_COMPILE")
        if let compiler = recorded["CC"].flatMap({ Self.program($0) }) {
            // What built the tree also tells the family of the tools that no command was saved of.
            let leaf = compiler.split(separator: "/").last ?? ""
            let folder = compiler.dropLast(leaf.utf8.count)
            if let at = leaf.firstRange(of: "clang") {
                let suffix = leaf[at.upperBound...]
                llvm = !folder.isEmpty ? String(folder) : suffix.isEmpty ? "1" : String(suffix)
            } else if let at = leaf.firstRange(of: "gcc") {
                (llvm, cross) = ("", String(folder) + leaf[..<at.lowerBound])
            }
        }
        commands = llvm.isEmpty ? Self.gnu(cross) : Self.llvm(llvm)
        commands["PAHOLE"] = "pahole"
        for name in commands.keys {
            if let value = arguments[name], !value.isEmpty { commands[name] = value }
        }
        for (name, value) in recorded where !value.isEmpty { commands[name] = value }
    }

    private static func gnu(_ cross: String) -> [String: String] {
        [
            "CC": "\(cross)gcc", "LD": "\(cross)ld", "AR": "\(cross)ar", "NM": "\(cross)nm",
            "OBJCOPY": "\(cross)objcopy", "OBJDUMP": "\(cross)objdump", "READELF": "\(cross)readelf",
            "STRIP": "\(cross)strip", "HOSTCC": "gcc", "HOSTCXX": "g++",
        ]
    }

    /// `LLVM=1`, `LLVM=/path/to/`, `LLVM=-15` (Documentation/kbuild/llvm.rst).
    private static func llvm(_ value: String) -> [String: String] {
        let prefix = value.hasSuffix("/") ? value : ""
        let suffix = !value.hasSuffix("/") && value.hasPrefix("-") ? value : ""
        func tool(_ name: String) -> String { prefix + name + suffix }
        return [
            "CC": tool("clang"), "LD": tool("ld.lld"), "AR": tool("llvm-ar"), "NM": tool("llvm-nm"),
            "OBJCOPY": tool("llvm-objcopy"), "OBJDUMP": tool("llvm-objdump"), "READELF": tool("llvm-readelf"),
            "STRIP": tool("llvm-strip"), "HOSTCC": tool("clang"), "HOSTCXX": tool("clang++"),
        ]
    }

    /// Programs that run the compiler that follows them.
    static let wrappers: Set<Substring> = [
        "ccache", "sccache", "distcc", "icecc", "icerun", "buildcache", "gomacc", "rewrapper", "recc", "env",
        "nice",
        "pump", "fastbuild", "ionice",
    ]

    /// The program of a command behind wrappers and their options: `gcc` for `ccache gcc -m64`.
    static func program(_ command: String) -> Substring? {
        var wrapped = false
        for word in command.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
            let leaf = word.split(separator: "/").last ?? word
            if wrappers.contains(leaf) {
                wrapped = true
                continue
            }
            if word.contains("=") || wrapped && word.hasPrefix("-") { continue }
            return word
        }
        return nil
    }
}
