/// The variables that a makefile assigns, with the text of each definition as it stands there.
package struct MakeDefinitions: Sendable {
    package struct Definition: Hashable, Sendable {
        /// `=` or `:=`.
        package let assignment: String
        /// From behind the operator to the end of the last continued line.
        package let text: String
        /// False inside a rule, with any modifier in front, or inside an `ifeq` or the like other than those
        /// that the top Makefile has around nearly all of its text.
        package let isPlain: Bool
    }

    private var found: [String: [Definition]] = [:]

    /// Conditions that tell a make that builds from one that only starts another.
    private static let wholeMakefile = [
        "need-sub-make", "sub_make_done", "KBUILD_SRC", "skip-makefile", "mixed-targets", "mixed-build",
        "$(config-targets)", "$(config-build)", "$(dot-config)",
    ]

    package init(parsing bytes: [UInt8]) {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
        var conditions: [Bool] = []
        var defines = 0
        while let first = lines.popFirst() {
            var whole = Array(first)
            while Self.isContinued(whole), let next = lines.popFirst() {
                whole.append(UInt8(ascii: "\n"))
                whole += next
            }
            guard defines > 0 || Self.mayMatter(whole) else { continue }
            let line = String(decoding: whole, as: UTF8.self)
            let words = line.prefix { $0 != "#" && $0 != "=" }.split { $0 == " " || $0 == "\t" }
            let word = words.first ?? ""
            if defines > 0 {
                if word == "define" { defines += 1 }
                if word == "endef" { defines -= 1 }
                continue
            }
            let isRecipe = line.hasPrefix("\t")
            switch word {
            case "ifeq", "ifneq", "ifdef", "ifndef":
                conditions.append(Self.wholeMakefile.contains { line.contains($0) })
                continue
            case "else":
                // The other side of such a condition is no more special than this one.
                if words.count > 1, let last = conditions.indices.last { conditions[last] = false }
                continue
            case "endif":
                _ = conditions.popLast()
                continue
            case "define":
                defines += 1
                // `define X =` is a definition of X too.
                note(String(words.dropFirst().first ?? ""), "define", line, isPlain: false)
                continue
            case "undefine":
                for name in words.dropFirst() { note(String(name), "undefine", line, isPlain: false) }
                continue
            default: break
            }
            assignment(line, isPlain: conditions.allSatisfy { $0 } && !isRecipe)
        }
        // Text that ends inside a block was not understood.
        if !conditions.isEmpty || defines > 0 { found = [:] }
    }

    /// The only definition of a variable; nil if there is none, or more, or one that isn't plain.
    package func only(_ name: String) -> Definition? {
        guard let all = found[name], all.count == 1, let one = all.first, one.isPlain else { return nil }
        return one
    }

    /// How often a variable is assigned.
    package func count(_ name: String) -> Int { found[name]?.count ?? 0 }

    /// False for what surely is neither a definition nor a directive, which is most of a makefile.
    private static func mayMatter(_ line: [UInt8]) -> Bool {
        let first = line.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        guard let first, first != UInt8(ascii: "#") else { return false }
        return "iedu".utf8.contains(first) || line.contains(UInt8(ascii: "="))
    }

    private static func isContinued(_ line: [UInt8]) -> Bool {
        line.reversed().prefix { $0 == UInt8(ascii: "\\") }.count % 2 == 1
    }

    private mutating func note(_ name: String, _ assignment: String, _ text: String, isPlain: Bool) {
        guard !name.isEmpty else { return }
        found[name, default: []].append(
            Definition(assignment: assignment, text: text, isPlain: isPlain))
    }

    /// A line of the form `[modifiers] NAME op text`.
    private mutating func assignment(_ line: String, isPlain: Bool) {
        var rest = line[...]
        var plain = isPlain
        while true {
            rest = rest.drop { $0 == " " || $0 == "\t" }
            let name = rest.prefix { !" \t:=+?!#".contains($0) && $0 != "\n" }
            guard !name.isEmpty else { return }
            var after = rest.dropFirst(name.count).drop { $0 == " " || $0 == "\t" }
            if ["override", "export", "private", "unexport"].contains(name), !after.hasPrefix("="),
                !after.hasPrefix(":=")
            {
                plain = false
                rest = after
                continue
            }
            for operation in [":::=", "::=", ":=", "+=", "?=", "!=", "="] where after.hasPrefix(operation) {
                after = after.dropFirst(operation.count)
                let text = after.drop { $0 == " " || $0 == "\t" }
                note(
                    String(name), operation, String(text),
                    isPlain: plain && (operation == "=" || operation == ":="))
                return
            }
            return
        }
    }
}
