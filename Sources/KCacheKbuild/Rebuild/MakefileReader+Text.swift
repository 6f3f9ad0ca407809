extension MakefileReader {
    /// Lines with their continuations joined.
    static func logicalLines(_ text: Bytes) -> [Bytes] {
        var lines: [Bytes] = []
        var line: Bytes = []
        var isContinued = false
        for part in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let piece = isContinued ? part.drop { $0 == 0x20 || $0 == 0x09 } : part
            if piece.last == UInt8(ascii: "\\") {
                line += piece.dropLast()
                while line.last == 0x20 || line.last == 0x09 { line.removeLast() }
                line.append(0x20)
                isContinued = true
            } else {
                lines.append(line + piece)
                line = []
                isContinued = false
            }
        }
        if isContinued { lines.append(line) }
        return lines
    }

    /// The line up to a `#` that is not escaped.
    static func withoutComment(_ line: Bytes) -> Bytes {
        guard line.contains(UInt8(ascii: "#")) else { return line }
        var out: Bytes = []
        for byte in line {
            if byte == UInt8(ascii: "#") {
                guard out.last == UInt8(ascii: "\\") else { return out }
                out.removeLast()
            }
            out.append(byte)
        }
        return out
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

    static func trimLeft(_ text: Bytes) -> Bytes { Array(text.drop(while: isSpace)) }

    static func trimRight(_ text: Bytes) -> Bytes {
        var text = text
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text
    }

    static func trim(_ text: Bytes) -> Bytes { trimRight(trimLeft(text)) }

    static func words(_ text: some Collection<UInt8>) -> [Bytes] {
        text.split(whereSeparator: isSpace).map { Array($0) }
    }

    /// True if the line begins with this word and nothing is glued to it.
    static func isWord(_ line: Bytes, _ word: String) -> Bool {
        let count = word.utf8.count
        guard line.starts(with: word.utf8) else { return false }
        guard count < line.count else { return true }
        return isSpace(line[count]) || line[count] == UInt8(ascii: "(")
    }

    static func after(_ words: [String], _ line: Bytes) -> Bytes? {
        for word in words where line.starts(with: word.utf8) { return Array(line.dropFirst(word.utf8.count)) }
        return nil
    }

    /// Where the first assignment operator or rule colon stands, outside of references.
    static func operatorPlace(_ line: Bytes) -> (Int, String)? {
        var nesting = 0
        var at = 0
        while at < line.count {
            switch line[at] {
            case UInt8(ascii: "("), UInt8(ascii: "{"): nesting += 1
            case UInt8(ascii: ")"), UInt8(ascii: "}"): nesting -= 1
            case UInt8(ascii: "=") where nesting <= 0:
                guard at > 0 else { return nil }
                switch line[at - 1] {
                case UInt8(ascii: "+"): return (at - 1, "+=")
                case UInt8(ascii: "?"): return (at - 1, "?=")
                case UInt8(ascii: "!"): return (at - 1, "!=")
                default: return (at, "=")
                }
            case UInt8(ascii: ":") where nesting <= 0:
                if at + 1 < line.count, line[at + 1] == UInt8(ascii: "=") { return (at, ":=") }
                if at + 2 < line.count, line[at + 1] == UInt8(ascii: ":"), line[at + 2] == UInt8(ascii: "=") {
                    return (at, "::=")
                }
                return (at, ":")
            default: break
            }
            at += 1
        }
        return nil
    }

    /// The two sides of `(a,b)`, `"a" "b"` or `'a' 'b'`.
    static func comparison(_ text: Bytes) -> (Bytes, Bytes)? {
        guard let first = text.first, let last = text.last else { return nil }
        if first == UInt8(ascii: "("), last == UInt8(ascii: ")") {
            let parts = arguments(Array(text.dropFirst().dropLast()), limit: 2)
            return parts.count == 2 ? (parts[0], parts[1]) : nil
        }
        guard first == UInt8(ascii: "\"") || first == UInt8(ascii: "'"),
            let end = text.dropFirst().firstIndex(of: first)
        else { return nil }
        let rest = trim(Array(text[(end + 1)...]))
        guard rest.count >= 2, let quote = rest.first, rest.last == quote else { return nil }
        return (Array(text[1..<end]), Array(rest.dropFirst().dropLast()))
    }

    /// Splits at commas outside of references, into at most `limit` parts.
    static func arguments(_ text: Bytes, limit: Int = Int.max) -> [Bytes] {
        var parts: [Bytes] = []
        var part: Bytes = []
        var nesting = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "("), UInt8(ascii: "{"): nesting += 1
            case UInt8(ascii: ")"), UInt8(ascii: "}"): nesting -= 1
            case UInt8(ascii: ",") where nesting == 0 && parts.count + 1 < limit:
                parts.append(part)
                part = []
                continue
            default: break
            }
            part.append(byte)
        }
        return parts + [part]
    }

    /// Matches a `%` pattern; the stem, or nil.
    static func match(_ word: Bytes, _ pattern: Bytes) -> Bytes? {
        guard let percent = pattern.firstIndex(of: UInt8(ascii: "%")) else {
            return word == pattern ? [] : nil
        }
        let (head, tail) = (pattern[..<percent], pattern[(percent + 1)...])
        guard word.count >= head.count + tail.count, word.starts(with: head),
            word.suffix(tail.count).elementsEqual(tail)
        else { return nil }
        return Array(word.dropFirst(head.count).dropLast(tail.count))
    }

    static func substitute(_ word: Bytes, _ pattern: Bytes, _ replacement: Bytes) -> Bytes {
        guard let stem = match(word, pattern) else { return word }
        guard pattern.contains(UInt8(ascii: "%")), let at = replacement.firstIndex(of: UInt8(ascii: "%"))
        else {
            return replacement
        }
        return Array(replacement[..<at]) + stem + Array(replacement[(at + 1)...])
    }

    static func join(_ words: [Bytes]) -> Bytes { Array(words.joined(separator: [UInt8(ascii: " ")])) }
}
