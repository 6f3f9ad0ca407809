/// The builtins and text tools that probes use, as far as they work on their arguments and streams only.
enum TextTool {
    static let unknown = "unknown"

    /// Nil if the call is harmless, `unknown` if it is none of these tools.
    static func obstacle(_ program: String, _ arguments: [ShellCommand.Word]) -> String? {
        let texts = arguments.map { $0.text }
        let refused = "\(program) may look at a file"
        switch program {
        case "true", "false", ":": return nil
        case "echo", "printf":
            // What is printed goes into a compiler, whose own text can name files.
            let hidden = texts.contains { text in
                text.lowercased().contains("inc") || text.contains("embed") || text.contains("import")
                    || text.contains("pragma") || text.contains("$TMP") || text.contains("load")
                    || text.replacing("\\n", with: "").replacing("\\t", with: "").contains("\\")
            }
            return hidden ? "its input may name a file" : nil
        case "test", "[":
            let operators: Set = ["-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-n", "-z"]
            let isPlain = texts.allSatisfy { !$0.hasPrefix("-") || operators.contains($0) || Int($0) != nil }
            return isPlain ? nil : refused
        case "grep":
            let operands = texts.filter { !$0.hasPrefix("-") }
            let options: Set = [
                "-q", "-c", "-i", "-v", "-F", "-E", "-o", "-w", "-x", "-s", "-qF", "-qE", "-qi", "-Fq",
            ]
            return operands.count == 1 && texts.allSatisfy { !$0.hasPrefix("-") || options.contains($0) }
                ? nil : refused
        case "cmp":
            return texts.allSatisfy { $0 == "-s" || CompilerCall.isScratch($0) } ? nil : refused
        case "head", "tail", "cut", "tr", "cat":
            if program == "tr" { return nil }
            let isPlain = texts.allSatisfy { ($0.hasPrefix("-") && !$0.contains("/")) || Int($0) != nil }
            return isPlain ? nil : refused
        default: return unknown
        }
    }
}
