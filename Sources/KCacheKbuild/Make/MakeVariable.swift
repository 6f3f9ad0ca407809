/// A variable that a command line or MAKEFLAGS defines.
package struct MakeVariable: Hashable, Sendable {
    package enum Assignment: String, Sendable {
        case recursive = "="
        /// `:=`, `::=`, `:::=`
        case simple = ":="
        case append = "+="
        case conditional = "?="
        case shell = "!="
    }

    package enum Origin: Sendable { case commandLine, makeflags }

    package var name: String
    package var assignment: Assignment
    /// As it was given: references are not expanded.
    package var text: String
    package var origin: Origin

    package init(name: String, assignment: Assignment, text: String, origin: Origin) {
        (self.name, self.assignment, self.text, self.origin) = (name, assignment, text, origin)
    }

    /// Reads a word as make does (`parse_variable_definition` in variable.c); nil if it defines nothing.
    init?(_ word: String, origin: Origin) {
        let bytes = Array(word.utf8)
        func at(_ i: Int) -> UInt8 { i < bytes.count ? bytes[i] : 0 }
        func blank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        func skipBlanks(_ i: Int) -> Int {
            var i = i
            while blank(at(i)) { i += 1 }
            return i
        }
        let start = skipBlanks(0)
        var i = start
        var end: Int?
        var found: Assignment?
        while found == nil {
            var byte = at(i)
            i += 1
            if byte == 0 || byte == UInt8(ascii: "#") { return nil }
            if byte == UInt8(ascii: "$") {
                byte = at(i)
                i += 1
                if byte == 0 { return nil }
                if let close = Self.closing(byte) { i = Self.afterReference(bytes, i, byte, close) }
                continue
            }
            let spaced = blank(byte)
            if spaced {
                end = end ?? i - 1
                i = skipBlanks(i)
                byte = at(i)
                if byte == 0 { return nil }
                i += 1
            }
            if byte == UInt8(ascii: "=") {
                found = .recursive
            } else if at(i) == UInt8(ascii: "="), let operation = Self.twoBytes[byte] {
                found = operation
            } else if byte == UInt8(ascii: ":") {
                let colons = bytes[i...].prefix { $0 == byte }.count
                guard (1...2).contains(colons), at(i + colons) == UInt8(ascii: "=") else { return nil }
                found = .simple
                end = end ?? i - 1
                i += colons + 1
                break
            } else if spaced {
                return nil
            }
            if let found {
                end = end ?? i - 1
                if found != .recursive { i += 1 }
            }
        }
        guard let found, let end, end >= start, end <= bytes.count else { return nil }
        name = String(decoding: bytes[start..<end], as: UTF8.self)
        assignment = found
        text = String(decoding: bytes[min(skipBlanks(i), bytes.count)...], as: UTF8.self)
        self.origin = origin
    }

    private static let twoBytes: [UInt8: Assignment] = [
        UInt8(ascii: "+"): .append, UInt8(ascii: "?"): .conditional, UInt8(ascii: ":"): .simple,
        UInt8(ascii: "!"): .shell,
    ]

    private static func closing(_ open: UInt8) -> UInt8? {
        switch open {
        case UInt8(ascii: "("): UInt8(ascii: ")")
        case UInt8(ascii: "{"): UInt8(ascii: "}")
        default: nil
        }
    }

    private static func afterReference(_ bytes: [UInt8], _ from: Int, _ open: UInt8, _ close: UInt8) -> Int {
        var (i, depth) = (from, 1)
        while i < bytes.count {
            if bytes[i] == close {
                depth -= 1
                if depth == 0 { return i + 1 }
            } else if bytes[i] == open {
                depth += 1
            }
            i += 1
        }
        return i
    }
}
