import KCacheSystem

/// A section of NUL-ended strings in which a path is replaced, and where each string went.
struct StringSectionChange {
    private(set) var content: [UInt8] = []
    /// Start of each string: before, after; sorted by the first.
    private var starts: [(old: Int, new: Int, isChanged: Bool)] = []
    private let oldSize: Int
    private(set) var isChange = false

    /// - Parameters:
    ///   - pairs: starts of two adjacent strings that the compiler's hash table puts in order.
    ///   - isAssemblersOnly: the compiler orders this section by hash, so that the path may only stand in a
    ///     unit of the assembler, which writes name, directory and `GNU AS …` in that order (binutils,
    ///     gas/dwarf2dbg.c, out_debug_str).
    /// - Returns: nil if the path stands where its replacement can't be told.
    init?(
        _ bytes: [UInt8], from old: [UInt8], to new: [UInt8], pairs: [CompilerStringOrder.Pair],
        isAssemblersOnly: Bool
    ) {
        oldSize = bytes.count
        guard bytes.isEmpty || bytes.last == 0 else { return nil }
        var strings: [(start: Int, text: ArraySlice<UInt8>)] = []
        var at = 0
        while at < bytes.count {
            let end = bytes[at...].firstIndex(of: 0) ?? bytes.count
            strings.append((at, bytes[at..<end]))
            at = end + 1
        }
        var moved: [(start: Int, text: [UInt8], isChanged: Bool)] = []
        moved.reserveCapacity(strings.count)
        for (i, string) in strings.enumerated() {
            guard let text = Self.replaced(string.text, old, new) else { return nil }
            let isChanged = Self.startsIn(old, string.text)
            if isChanged, isAssemblersOnly {
                guard Self.isAssemblers(i, of: strings) else { return nil }
            }
            isChange = isChange || isChanged
            moved.append((string.start, text, isChanged))
        }
        for pair in pairs {
            // Pairs never overlap in what a compiler writes.
            guard let first = Self.place(pair.first, in: strings), first + 1 < strings.count,
                strings[first + 1].start == pair.second, moved[first].start == pair.first,
                moved[first + 1].start == pair.second
            else { return nil }
            let before = [strings[first].text, strings[first + 1].text].map { Array($0) }
            let after = [moved[first].text, moved[first + 1].text]
            let nameIsFirst = pair.name == pair.first
            // The model must explain the order that is there, before it may tell the new one.
            guard
                CompilerStringOrder.nameComesFirst(
                    name: before[nameIsFirst ? 0 : 1], other: before[nameIsFirst ? 1 : 0]) == nameIsFirst
            else { return nil }
            let staysFirst = CompilerStringOrder.nameComesFirst(
                name: after[nameIsFirst ? 0 : 1], other: after[nameIsFirst ? 1 : 0])
            if staysFirst != nameIsFirst { moved.swapAt(first, first + 1) }
        }
        for string in moved {
            starts.append((string.start, content.count, string.isChanged))
            content += string.text
            content.append(0)
        }
        starts.sort { $0.old < $1.old }
    }

    /// Where an offset into the old section points now; nil if it points into the middle of a changed string
    /// or outside.
    func map(_ offset: Int) -> Int? {
        if offset == oldSize { return content.count }
        guard offset >= 0, offset < oldSize else { return nil }
        var (low, high) = (0, starts.count)
        while low < high {
            let middle = (low + high) / 2
            if starts[middle].old <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let string = starts[low - 1]
        let inside = offset - string.old
        return inside == 0 || !string.isChanged ? string.new + inside : nil
    }

    private static func place(_ start: Int, in strings: [(start: Int, text: ArraySlice<UInt8>)]) -> Int? {
        var (low, high) = (0, strings.count)
        while low < high {
            let middle = (low + high) / 2
            if strings[middle].start < start { low = middle + 1 } else { high = middle }
        }
        return low < strings.count && strings[low].start == start ? low : nil
    }

    /// True for a string that an assembler wrote as a unit's directory, or as the absolute name of its source (`O=`).
    private static func isAssemblers(
        _ place: Int, of strings: [(start: Int, text: ArraySlice<UInt8>)]
    ) -> Bool {
        func isProducer(_ place: Int) -> Bool {
            place < strings.count && strings[place].text.starts(with: "GNU AS ".utf8)
        }
        if isProducer(place + 1) { return true }
        return isProducer(place + 2) && strings[place + 1].text.first == UInt8(ascii: "/")
    }

    private static func startsIn(_ path: [UInt8], _ text: ArraySlice<UInt8>) -> Bool {
        text.starts(with: path)
            && (text.count == path.count || text[text.startIndex + path.count] == UInt8(ascii: "/"))
    }

    /// The string with the path at its start replaced; nil if the path stands elsewhere in it.
    private static func replaced(_ text: ArraySlice<UInt8>, _ old: [UInt8], _ new: [UInt8]) -> [UInt8]? {
        if startsIn(old, text) {
            let rest = text.dropFirst(old.count)
            return ByteSearch.contains(rest, old) ? nil : new + rest
        }
        return ByteSearch.contains(text, old) && !PathRelocation.occurrences(of: old, in: Array(text)).isEmpty
            ? nil : Array(text)
    }
}
