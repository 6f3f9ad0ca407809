/// A file of answers, as make includes it: `kcache-t/KEY := VALUE`, a line each, the newest last.
package struct ProbeAnswers: Hashable, Sendable {
    /// Values by key, both encoded, in the file's order.
    private(set) var lines: [(name: String, value: String)] = []
    private var known: Set<String> = []

    package init() {}

    package static func == (a: ProbeAnswers, b: ProbeAnswers) -> Bool { a.encode() == b.encode() }
    package func hash(into hasher: inout Hasher) { hasher.combine(encode()) }

    package var count: Int { lines.count }

    /// Nil if there is anything in the bytes that isn't such a line: they would be read as make's own code.
    package init?(parsing bytes: [UInt8]) {
        guard bytes.last ?? UInt8(ascii: "\n") == UInt8(ascii: "\n") else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard words.count == 3, words[1].elementsEqual(":=".utf8),
                words[0].starts(with: "kcache-t/".utf8) || words[0].starts(with: "kcache-s/".utf8),
                words[0].count > 9, ProbeText.isEncoded(words[0]), ProbeText.isEncoded(words[2]),
                words[2].starts(with: ProbeText.mark.utf8)
            else { return nil }
            let name = String(decoding: words[0], as: UTF8.self)
            guard known.insert(name).inserted else { return nil }
            lines.append((name, String(decoding: words[2], as: UTF8.self)))
        }
    }

    package func encode() -> [UInt8] {
        var out: [UInt8] = []
        for (name, value) in lines { out += Array("\(name) := \(value)\n".utf8) }
        return out
    }

    /// Adds an answer; false if it was known.
    mutating func add(_ note: ProbeNote) -> Bool {
        let name = "kcache-\(note.kind.rawValue)/\(note.key)"
        guard known.insert(name).inserted else { return false }
        lines.append((name, note.value))
        return true
    }

    /// Drops the oldest lines until the file has at most so many bytes.
    mutating func trim(to limit: Int) {
        var size = lines.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 5 }
        var drop = 0
        while size > limit, drop < lines.count {
            size -= lines[drop].name.utf8.count + lines[drop].value.utf8.count + 5
            known.remove(lines[drop].name)
            drop += 1
        }
        lines.removeFirst(drop)
    }
}
