/// Which tables and values a TOML file has so far: none may be given twice.
struct TomlNames {
    private enum Kind {
        case value
        /// A table with a line of its own.
        case header
        /// A table that is only above such a one, and may still get its line.
        case parent
        /// A table that a dotted key made.
        case dotted
    }

    private var known: [[String]: (kind: Kind, line: Int)] = [:]

    /// Takes the line of a table.
    mutating func open(_ path: [String], _ line: Int) throws(TomlDocument.Problem) {
        for end in path.indices.dropFirst() {
            let parent = Array(path[..<end])
            switch known[parent] {
            case nil: known[parent] = (.parent, line)
            case (.value, let other)?: throw twice(parent, line, other)
            case (.header, _)?, (.parent, _)?, (.dotted, _)?: continue
            }
        }
        switch known[path] {
        case nil, (.parent, _)?: known[path] = (.header, line)
        case (_, let other)?: throw twice(path, line, other)
        }
    }

    /// Takes a value of the table.
    mutating func set(_ table: [String], _ path: [String], _ line: Int) throws(TomlDocument.Problem) {
        for end in path.indices.dropFirst() {
            let parent = table + path[..<end]
            switch known[parent] {
            case nil: known[parent] = (.dotted, line)
            case (.dotted, _)?: continue
            case (_, let other)?: throw twice(parent, line, other)
            }
        }
        if let (_, other) = known[table + path] { throw twice(table + path, line, other) }
        known[table + path] = (.value, line)
    }

    private func twice(_ path: [String], _ line: Int, _ other: Int) -> TomlDocument.Problem {
        let name = quoteForPeople(Array(path.joined(separator: ".").utf8))
        return TomlDocument.Problem(
            line: line, text: "\(name) stands in line \(other) already: keep one of the two")
    }
}
