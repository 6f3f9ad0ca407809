/// A shell pattern for one name, as `find -name` takes it: `*`, `?` and `[…]` (glob(7)).
package struct NamePattern: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    package init(_ text: String) { bytes = Array(text.utf8) }

    /// True for text in which no byte has a special meaning.
    package static func isLiteral(_ bytes: some Sequence<UInt8>) -> Bool {
        !bytes.contains { $0 == star || $0 == question || $0 == open }
    }

    /// Time is at most the product of the two lengths.
    package func matches(_ name: some Sequence<UInt8>) -> Bool {
        Array(name).withUnsafeBufferPointer { matches($0[...]) }
    }

    func matches(_ name: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        bytes.withUnsafeBufferPointer { Self.match($0, name) }
    }

    private static func match(
        _ pattern: UnsafeBufferPointer<UInt8>, _ name: Slice<UnsafeBufferPointer<UInt8>>
    ) -> Bool {
        var (p, n) = (0, name.startIndex)
        var retry: (p: Int, n: Int)?
        while n < name.endIndex {
            if p < pattern.count, pattern[p] == star {
                retry = (p + 1, n)
                p += 1
            } else if let next = step(pattern, at: p, over: name[n]) {
                (p, n) = (next, n + 1)
            } else if let last = retry {
                retry = (last.p, last.n + 1)
                (p, n) = (last.p, last.n + 1)
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == star { p += 1 }
        return p == pattern.count
    }

    /// The place after the element at `p` if that element takes the byte.
    private static func step(_ bytes: UnsafeBufferPointer<UInt8>, at p: Int, over byte: UInt8) -> Int? {
        guard p < bytes.count else { return nil }
        switch bytes[p] {
        case question: return p + 1
        case open:
            guard let close = bytes[(p + 1)...].dropFirst().firstIndex(of: UInt8(ascii: "]")) else {
                return byte == open ? p + 1 : nil
            }
            var set = bytes[(p + 1)..<close]
            let negated = set.first == UInt8(ascii: "!") || set.first == UInt8(ascii: "^")
            if negated { set = set.dropFirst() }
            return contains(set, byte) != negated ? close + 1 : nil
        default: return bytes[p] == byte ? p + 1 : nil
        }
    }

    private static func contains(_ set: Slice<UnsafeBufferPointer<UInt8>>, _ byte: UInt8) -> Bool {
        var i = set.startIndex
        while i < set.endIndex {
            if i + 2 < set.endIndex, set[i + 1] == UInt8(ascii: "-") {
                if set[i] <= byte, byte <= set[i + 2] { return true }
                i += 3
            } else {
                if set[i] == byte { return true }
                i += 1
            }
        }
        return false
    }

    private static var star: UInt8 { UInt8(ascii: "*") }
    private static var question: UInt8 { UInt8(ascii: "?") }
    private static var open: UInt8 { UInt8(ascii: "[") }

    /// The byte that every matching name ends in; nil if several can be.
    var lastByte: UInt8? {
        guard let last = bytes.last, last != UInt8(ascii: "]"), Self.isLiteral([last]) else {
            return nil
        }
        return last
    }
}

/// Patterns that are asked for together, sorted out by the last byte of the name.
struct NamePatternSet {
    private var byLast: [[NamePattern]]

    init(_ patterns: [NamePattern]) {
        byLast = Array(repeating: [], count: 256)
        for pattern in patterns {
            if let last = pattern.lastByte {
                byLast[Int(last)].append(pattern)
            } else {
                for i in byLast.indices { byLast[i].append(pattern) }
            }
        }
    }

    /// True if one of them matches the bytes from `start` on.
    func matchAny(_ bytes: [UInt8], from start: Int) -> Bool {
        guard let last = bytes.last, start <= bytes.count else { return false }
        return bytes.withUnsafeBufferPointer { raw in
            byLast[Int(last)].contains { $0.matches(raw[start...]) }
        }
    }
}
