import Glibc

/// Walks the lines of a `.cmd` file, and tells which lines a backslash joins to one.
struct LineReader {
    private let raw: UnsafeRawBufferPointer
    private var position = 0
    private(set) var number = 0

    init(_ raw: UnsafeRawBufferPointer) { self.raw = raw }

    /// The next line without its newline.
    mutating func next() -> Range<Int>? {
        guard position < raw.count else { return nil }
        let end = raw.firstIndex(of: UInt8(ascii: "\n"), from: position)
        defer { (position, number) = (end + 1, number + 1) }
        return position..<end
    }

    /// The lines that follow `line` because it, and each of them but the last, ends in a backslash.
    mutating func continuation(of line: Range<Int>) -> Range<Int>? {
        var last = line
        var end: Int?
        while let final = raw[last].last, final == UInt8(ascii: "\\"), let more = next() {
            (last, end) = (more, more.upperBound)
        }
        return end.map { line.upperBound..<$0 }
    }
}

/// `cmd_T := …`, `savedcmd_T := …`, `source_T := …` or `deps_T := …`.
struct Assignment {
    enum Variable { case command, source, dependencies }
    let variable: Variable
    let target: Range<Int>
    let value: Range<Int>

    init?(in raw: UnsafeRawBufferPointer, _ line: Range<Int>) {
        let start: Int
        if raw.has("cmd_", at: line.lowerBound) {
            (variable, start) = (.command, line.lowerBound + 4)
        } else if raw.has("savedcmd_", at: line.lowerBound) {
            (variable, start) = (.command, line.lowerBound + 9)
        } else if raw.has("source_", at: line.lowerBound) {
            (variable, start) = (.source, line.lowerBound + 7)
        } else if raw.has("deps_", at: line.lowerBound) {
            (variable, start) = (.dependencies, line.lowerBound + 5)
        } else {
            return nil
        }
        var at = start
        while at < line.upperBound, raw[at] != UInt8(ascii: " ") { at += 1 }
        guard at > start, raw.has(" :=", at: at), at + 3 <= line.upperBound else { return nil }
        target = start..<at
        value = raw.trimmed((at + 3)..<line.upperBound)
    }
}

/// Splits a prerequisite list at white space, backslashes and `$(wildcard …)`.
struct WordReader {
    struct Word {
        let path: UnsafeRawBufferPointer
        let isWildcard: Bool
    }

    private let raw: UnsafeRawBufferPointer
    private var at = 0

    init(_ raw: UnsafeRawBufferPointer) { self.raw = raw }

    mutating func next() -> Word? {
        while true {
            while at < raw.count, raw[at] <= 0x20 { at += 1 }
            guard at < raw.count else { return nil }
            let start = at
            while at < raw.count, raw[at] > 0x20 { at += 1 }
            if at - start == 1, raw[start] == UInt8(ascii: "\\") { continue }
            if at - start == 10, raw.has("$(wildcard", at: start) {
                while at < raw.count, raw[at] == 0x20 { at += 1 }
                let path = at
                while at < raw.count, raw[at] > 0x20, raw[at] != UInt8(ascii: ")") { at += 1 }
                let end = at
                if at < raw.count, raw[at] == UInt8(ascii: ")") { at += 1 }
                if end == path { continue }
                return Word(path: UnsafeRawBufferPointer(rebasing: raw[path..<end]), isWildcard: true)
            }
            return Word(path: UnsafeRawBufferPointer(rebasing: raw[start..<at]), isWildcard: false)
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The first place of `byte` at or after `from`; `count` if there is none.
    func firstIndex(of byte: UInt8, from: Int) -> Int {
        guard let base = baseAddress, from < count else { return count }
        guard let found = memchr(base + from, Int32(byte), count - from) else { return count }
        return UnsafeRawPointer(found) - base
    }

    func has(_ text: StaticString, at: Int) -> Bool {
        guard let base = baseAddress, at >= 0, count - at >= text.utf8CodeUnitCount else { return false }
        return memcmp(base + at, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// The range without white space at its ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high, self[low] <= 0x20 { low += 1 }
        while high > low, self[high - 1] <= 0x20 { high -= 1 }
        return low..<high
    }

    /// Where a rule's colon stands: after the targets, before a space, an end of line or the end.
    func ruleColon(in line: Range<Int>) -> Int? {
        var at = line.lowerBound
        while at < line.upperBound {
            if self[at] == UInt8(ascii: ":"), at + 1 == line.upperBound || self[at + 1] <= 0x20 {
                return at > line.lowerBound ? at : nil
            }
            at += 1
        }
        return nil
    }
}
