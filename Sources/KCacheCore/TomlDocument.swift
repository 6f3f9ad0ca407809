/// The plain part of TOML 1.0: tables of strings, integers and truth values.
///
/// What is left out (arrays, tables in a line, dates, fractions, strings over several lines) is refused, as is
/// everything that TOML refuses: a file is understood as a whole or not at all.
package struct TomlDocument: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case string(String)
        case integer(Int64)
        case boolean(Bool)
    }

    package struct Entry: Hashable, Sendable {
        /// The names of the tables around it, then its own.
        package var path: [String]
        package var value: Value
        /// Counted from 1.
        package var line: Int

        package init(path: [String], value: Value, line: Int) {
            (self.path, self.value, self.line) = (path, value, line)
        }
    }

    /// What was refused.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// Counted from 1.
        package let line: Int
        /// What is wrong and what to do, in one line.
        package let text: String

        package var description: String { "line \(line): \(text)" }
    }

    /// In the file's order; no path twice.
    package private(set) var entries: [Entry] = []
    /// The tables that have a line of their own, empty ones too.
    package private(set) var tables: [Entry] = []

    package init(entries: [Entry]) { self.entries = entries }

    /// Reads a file's bytes.
    package init(parsing bytes: [UInt8]) throws(Problem) {
        var names = TomlNames()
        var table: [String] = []
        var number = 0
        for var line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            var reader = try TomlLine(line, number)
            switch try reader.read() {
            case nil: continue
            case .table(let path)?:
                try names.open(path, number)
                tables.append(Entry(path: path, value: .boolean(true), line: number))
                table = path
            case .value(let path, let value)?:
                try names.set(table, path, number)
                entries.append(Entry(path: table + path, value: value, line: number))
            }
        }
    }

    /// The entries as a file of their own, which reads back to the same.
    package var text: String {
        entries.map { entry in
            let name = entry.path.map(Self.quoted).joined(separator: ".")
            return switch entry.value {
            case .string(let text): "\(name) = \(Self.quoted(text))\n"
            case .integer(let number): "\(name) = \(number)\n"
            case .boolean(let flag): "\(name) = \(flag)\n"
            }
        }.joined()
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
