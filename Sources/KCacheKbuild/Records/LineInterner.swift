import Glibc

/// Gives each prerequisite line of thousands of `.cmd` files a small number.
///
/// The same headers follow each other in the same order nearly everywhere, so each line remembers which line
/// came after it last, and a compare with that one answers most of the three million look-ups of a defconfig.
struct LineInterner {
    private var arena: [UInt8] = []
    private var starts: [Int32] = []
    private var lengths: [Int32] = []
    private var successors: [Int32] = []
    /// Hash table of line numbers, -1 for none; its size is a power of two.
    private var table: [Int32] = Array(repeating: -1, count: 1 << 14)
    /// The prerequisite of each line.
    private(set) var words: [[UInt8]] = []
    private(set) var wildcards: [Bool] = []

    /// Appends the numbers of the list's prerequisites to `out`.
    mutating func intern(_ list: UnsafeRawBufferPointer, into out: inout [UInt32]) {
        guard let base = list.baseAddress else { return }
        var at = 0
        var previous: Int32 = -1
        while at < list.count {
            if previous >= 0 {
                let guess = successors[Int(previous)]
                if guess >= 0 {
                    let length = Int(lengths[Int(guess)])
                    let start = Int(starts[Int(guess)])
                    if length <= list.count - at,
                        arena.withUnsafeBytes({ raw in
                            raw.baseAddress.map { memcmp($0 + start, base + at, length) == 0 } ?? false
                        })
                    {
                        out.append(UInt32(bitPattern: guess))
                        previous = guess
                        at += length
                        continue
                    }
                }
            }
            let end = min(list.firstIndex(of: UInt8(ascii: "\n"), from: at) + 1, list.count)
            let line = UnsafeRawBufferPointer(rebasing: list[at..<end])
            at = end
            var reader = WordReader(line)
            guard let first = reader.next() else { continue }
            if let second = reader.next() {
                // Several on one line, as tools/build's own `.d` form has them: each is its own entry.
                for word in [first, second] { out.append(number(of: word.path, word)) }
                while let word = reader.next() { out.append(number(of: word.path, word)) }
                previous = -1
                continue
            }
            // Without its newline a last line could match the beginning of another.
            let number =
                line.last == UInt8(ascii: "\n") ? number(of: line, first) : number(of: first.path, first)
            out.append(number)
            if previous >= 0 { successors[Int(previous)] = Int32(bitPattern: number) }
            previous = line.last == UInt8(ascii: "\n") ? Int32(bitPattern: number) : -1
        }
    }

    private mutating func number(of text: UnsafeRawBufferPointer, _ word: WordReader.Word) -> UInt32 {
        let hash = Self.hash(text, wildcard: word.isWildcard)
        var slot = hash & (table.count - 1)
        while table[slot] >= 0 {
            let entry = Int(table[slot])
            if Int(lengths[entry]) == text.count, wildcards[entry] == word.isWildcard,
                arena.withUnsafeBytes({ raw in
                    guard let a = raw.baseAddress, let b = text.baseAddress else { return false }
                    return memcmp(a + Int(starts[entry]), b, text.count) == 0
                })
            {
                return UInt32(entry)
            }
            slot = (slot + 1) & (table.count - 1)
        }
        let entry = Int32(words.count)
        table[slot] = entry
        starts.append(Int32(truncatingIfNeeded: arena.count))
        lengths.append(Int32(truncatingIfNeeded: text.count))
        successors.append(-1)
        arena.append(contentsOf: text)
        words.append(Array(word.path))
        wildcards.append(word.isWildcard)
        if words.count * 2 > table.count { grow() }
        return UInt32(bitPattern: entry)
    }

    private mutating func grow() {
        table = Array(repeating: -1, count: table.count * 2)
        for entry in words.indices {
            let start = Int(starts[entry])
            let range = start..<(start + Int(lengths[entry]))
            let hash = arena.withUnsafeBytes {
                Self.hash(UnsafeRawBufferPointer(rebasing: $0[range]), wildcard: wildcards[entry])
            }
            var slot = hash & (table.count - 1)
            while table[slot] >= 0 { slot = (slot + 1) & (table.count - 1) }
            table[slot] = Int32(entry)
        }
    }

    private static func hash(_ text: UnsafeRawBufferPointer, wildcard: Bool) -> Int {
        var h: UInt64 = wildcard ? 0x9e37_79b9_7f4a_7c15 : 0xcbf2_9ce4_8422_2325
        var at = 0
        while at + 8 <= text.count {
            h = (h ^ text.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0xff51_afd7_ed55_8ccd
            h ^= h >> 29
            at += 8
        }
        while at < text.count {
            h = (h ^ UInt64(text[at])) &* 0x0000_0100_0000_01b3
            at += 1
        }
        return Int(truncatingIfNeeded: (h ^ (h >> 31)) >> 1)
    }
}
