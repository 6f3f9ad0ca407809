/// Takes the text of a definition apart, as far as has to be known to replace a part of it.
enum MakeReferences {
    /// The text with its continued lines joined, as make reads it.
    static func joined(_ text: String) -> String {
        var out = ""
        for (i, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var line = line
            if i > 0 {
                line = line.drop { $0 == " " || $0 == "\t" }
                out += " "
            }
            if line.hasSuffix("\\") {
                line = line.dropLast()
                while let last = line.last, last == " " || last == "\t" { line = line.dropLast() }
            }
            out += line
        }
        return out
    }

    /// What stands first in each `$(…)`, at every depth: a function's name, or a variable's as it is written.
    /// Nil for text that isn't balanced, or that uses `${…}` or names of one letter other than arguments.
    static func heads(_ text: String) -> [String]? {
        var found: [String] = []
        let bytes = Array(text.utf8)
        var at = 0
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "$") else {
                at += 1
                continue
            }
            guard at + 1 < bytes.count else { return nil }
            switch bytes[at + 1] {
            case UInt8(ascii: "$"): at += 2
            case UInt8(ascii: "("):
                guard let end = closing(bytes, at + 1) else { return nil }
                let inner = String(decoding: bytes[(at + 2)..<end], as: UTF8.self)
                found.append(head(inner))
                at += 2
            case UInt8(ascii: "1")...UInt8(ascii: "9"), UInt8(ascii: "@"), UInt8(ascii: "<"):
                found.append(String(decoding: [bytes[at + 1]], as: UTF8.self))
                at += 2
            default: return nil
            }
        }
        return found
    }

    /// The one `$(shell …)` of a text: what stands before, inside and behind it.
    static func shellCall(_ text: String) -> (before: String, command: String, after: String)? {
        let bytes = Array(text.utf8)
        let mark = Array("$(shell ".utf8)
        let starts = bytes.indices.filter { bytes[$0...].starts(with: mark) }
        guard starts.count == 1, let start = starts.first, let end = closing(bytes, start + 1) else {
            return nil
        }
        func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        return (part(0..<start), part((start + mark.count)..<end), part((end + 1)..<bytes.count))
    }

    private static func head(_ inner: String) -> String {
        var depth = 0
        var out = ""
        for character in inner {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if depth == 0, " \t\n,:".contains(character) { break }
            out.append(character)
        }
        return out
    }

    /// make counts parentheses of the one kind, and nothing else.
    private static func closing(_ bytes: [UInt8], _ open: Int) -> Int? {
        var depth = 0
        for at in open..<bytes.count {
            if bytes[at] == UInt8(ascii: "(") { depth += 1 }
            if bytes[at] == UInt8(ascii: ")") {
                depth -= 1
                if depth == 0 { return at }
            }
        }
        return nil
    }
}
