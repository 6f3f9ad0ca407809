/// A simple command of a shell text.
package struct ShellCommand: Hashable, Sendable {
    /// A word as the program gets it.
    package struct Word: Hashable, Sendable {
        /// Without quotes; the shell's own temporary file is `$TMP` in it.
        package var text = ""
        /// True if the temporary file's name is in it.
        package var usesTemporary = false
    }

    /// `NAME=value` in front of the program.
    package var assignments: [Word] = []
    /// The program and its arguments.
    package var words: [Word] = []
    /// Files that its streams are bound to, with the operator.
    package var redirections: [(operation: String, target: Word)] = []

    package static func == (a: ShellCommand, b: ShellCommand) -> Bool {
        a.assignments == b.assignments && a.words == b.words
            && a.redirections.map { $0.operation } == b.redirections.map { $0.operation }
            && a.redirections.map { $0.target } == b.redirections.map { $0.target }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(words) }

    /// The simple commands of a text that is nothing but such, joined by `|`, `&&`, `||` and `;`; nil for
    /// anything else: substitutions, subshells, patterns, keywords, other variables than the temporary file.
    package static func parse(_ text: String) -> [ShellCommand]? {
        var parser = Parser(text)
        return parser.run()
    }

    private struct Parser {
        private let bytes: [UInt8]
        private var at = 0
        private var commands: [ShellCommand] = []
        private var current = ShellCommand()

        init(_ text: String) { bytes = Array(text.utf8) }

        private static let keywords: Set = [
            "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "in",
            "function", "eval", "exec", ".", "source", "trap", "cd", "export", "set", "unset", "alias",
        ]

        mutating func run() -> [ShellCommand]? {
            // Harmless inside quotes, but no probe needs them.
            guard !bytes.contains(where: { [0, UInt8(ascii: "`"), UInt8(ascii: "\n")].contains($0) }) else {
                return nil
            }
            while at < bytes.count {
                switch bytes[at] {
                case UInt8(ascii: " "), UInt8(ascii: "\t"): at += 1
                case UInt8(ascii: "|"), UInt8(ascii: "&"), UInt8(ascii: ";"):
                    guard separator() else { return nil }
                case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    if isRedirection {
                        guard redirection() else { return nil }
                    } else {
                        guard let word = word(), add(word) else { return nil }
                    }
                case UInt8(ascii: "#"), UInt8(ascii: "~"): return nil
                default: guard let word = word(), add(word) else { return nil }
                }
            }
            guard finishCommand() else { return nil }
            return commands
        }

        private mutating func finishCommand() -> Bool {
            guard let first = current.words.first, !first.usesTemporary, !Self.keywords.contains(first.text)
            else { return false }
            commands.append(current)
            current = ShellCommand()
            return true
        }

        private mutating func separator() -> Bool {
            guard finishCommand() else { return false }
            let byte = bytes[at]
            let isDouble = at + 1 < bytes.count && bytes[at + 1] == byte
            at += isDouble ? 2 : 1
            // `&` alone would not wait, `;;` belongs to `case`, `|&` is no word of sh.
            if byte == UInt8(ascii: "&") { return isDouble }
            if byte == UInt8(ascii: ";") {
                let rest = bytes[at...].drop { $0 == UInt8(ascii: " ") }
                if !isDouble, rest.isEmpty {
                    at = bytes.count
                    return finishedEmpty()
                }
                return !isDouble
            }
            return !(at < bytes.count && bytes[at] == UInt8(ascii: "&"))
        }

        /// After a last `;` no command follows: the one that `run` would finish is a `true`.
        private mutating func finishedEmpty() -> Bool {
            current.words = [Word(text: "true")]
            return true
        }

        private mutating func add(_ word: (value: Word, isQuoted: Bool)) -> Bool {
            let text = word.value.text
            if current.words.isEmpty {
                if text == "!", !word.isQuoted { return true }
                if let equals = text.firstIndex(of: "="), !word.isQuoted, equals > text.startIndex,
                    text[..<equals].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
                {
                    current.assignments.append(word.value)
                    return true
                }
            }
            current.words.append(word.value)
            return true
        }

        private var isRedirection: Bool {
            let rest = bytes[at...].drop { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return rest.first == UInt8(ascii: ">") || rest.first == UInt8(ascii: "<")
        }

        private mutating func redirection() -> Bool {
            while at < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) { at += 1 }
            guard at < bytes.count else { return false }
            var operation = ""
            while at < bytes.count, "<>&|".utf8.contains(bytes[at]) {
                operation.unicodeScalars.append(Unicode.Scalar(bytes[at]))
                at += 1
            }
            while at < bytes.count, bytes[at] == UInt8(ascii: " ") { at += 1 }
            guard [">", ">>", "<", ">&"].contains(operation), let word = word() else { return false }
            current.redirections.append((operation, word.value))
            return true
        }

        /// One word, quotes removed; nil where it holds what can't be told from its text.
        private mutating func word() -> (value: Word, isQuoted: Bool)? {
            var text: [UInt8] = []
            var usesTemporary = false
            var isQuoted = false
            var quote: UInt8?
            scan: while at < bytes.count {
                let byte = bytes[at]
                if quote == UInt8(ascii: "'") {
                    if byte == UInt8(ascii: "'") { quote = nil } else { text.append(byte) }
                    at += 1
                    continue
                }
                switch byte {
                case UInt8(ascii: "`"), UInt8(ascii: "\n"), 0: return nil
                case UInt8(ascii: "$"):
                    guard let length = temporary() else { return nil }
                    usesTemporary = true
                    text += Array("$TMP".utf8)
                    at += length
                    continue scan
                case UInt8(ascii: "\""):
                    isQuoted = true
                    quote = quote == nil ? byte : nil
                case UInt8(ascii: "'") where quote == nil:
                    isQuoted = true
                    quote = byte
                case UInt8(ascii: "\\"):
                    guard at + 1 < bytes.count, bytes[at + 1] != UInt8(ascii: "\n") else { return nil }
                    let next = bytes[at + 1]
                    if quote != nil, !"$`\"\\".utf8.contains(next) { text.append(byte) }
                    text.append(next)
                    isQuoted = true
                    at += 2
                    continue scan
                case _ where quote == nil && " \t|&;<>".utf8.contains(byte): break scan
                case _ where quote == nil && "(){}*?".utf8.contains(byte): return nil
                case UInt8(ascii: "["), UInt8(ascii: "]"):
                    // As words of their own they are the test command's.
                    guard quote != nil || isLoneBracket else { return nil }
                    text.append(byte)
                default: text.append(byte)
                }
                at += 1
            }
            guard quote == nil, let value = String(validating: text, as: UTF8.self) else { return nil }
            return (Word(text: value, usesTemporary: usesTemporary), isQuoted)
        }

        private var isLoneBracket: Bool {
            func isGap(_ at: Int) -> Bool {
                !bytes.indices.contains(at) || " \t;&|".utf8.contains(bytes[at])
            }
            return isGap(at - 1) && isGap(at + 1)
        }

        /// The length of a reference to the temporary file here; nil for any other `$`.
        private func temporary() -> Int? {
            let rest = bytes[at...]
            for name in ["${TMP}", "${TMPO}", "$TMPO", "$TMP"] where rest.starts(with: name.utf8) {
                let next = rest.dropFirst(name.utf8.count).first
                let isLonger = next.map {
                    $0 == UInt8(ascii: "_") || Character(Unicode.Scalar($0)).isLetter
                        || Character(Unicode.Scalar($0)).isNumber
                }
                return isLonger == true && !name.hasSuffix("}") ? nil : name.utf8.count
            }
            return nil
        }
    }
}
