/// The headers of a little-endian ELF file (elf(5)), read from bytes of any origin.
struct ElfFile {
    struct Section {
        var name: [UInt8]
        var nameOffset: Int
        var type: Int
        var flags: Int
        var address: Int
        var offset: Int
        var size: Int
        var link: Int
        var info: Int
        var alignment: Int
        var entrySize: Int

        /// SHT_NOBITS sections take no bytes of the file.
        var hasBytes: Bool { type != 8 && type != 0 }
        var range: Range<Int> { offset..<(offset + (hasBytes ? size : 0)) }
    }

    let is64: Bool
    /// ET_REL is 1.
    let type: Int
    /// EM_386 is 3, EM_X86_64 is 62.
    let machine: Int
    let headerSize: Int
    let sectionTable: Int
    let sectionEntrySize: Int
    let programHeaders: Int
    let namesIndex: Int
    var sections: [Section]

    /// Nil for what is no such file, or has a section outside of the bytes.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 52, bytes[0..<4].elementsEqual([0x7f, 0x45, 0x4c, 0x46]), bytes[5] == 1,
            bytes[4] == 1 || bytes[4] == 2
        else { return nil }
        is64 = bytes[4] == 2
        let reader = LittleEndian(bytes)
        let wide = is64
        headerSize = wide ? 64 : 52
        sectionEntrySize = wide ? 64 : 40
        guard bytes.count >= headerSize, let type = reader.u16(16), let machine = reader.u16(18),
            let table = wide ? reader.u64(40) : reader.u32(32),
            let entrySize = reader.u16(wide ? 58 : 46), entrySize == sectionEntrySize,
            let count = reader.u16(wide ? 60 : 48), let names = reader.u16(wide ? 62 : 50),
            let segments = reader.u16(wide ? 56 : 44),
            table <= bytes.count, count * entrySize <= bytes.count - table, names < count
        else { return nil }
        (self.type, self.machine, sectionTable, namesIndex) = (type, machine, table, names)
        programHeaders = segments
        sections = []
        for i in 0..<count {
            guard let section = Self.section(reader, table + i * entrySize, wide, bytes.count) else {
                return nil
            }
            sections.append(section)
        }
        let texts = sections[names].range
        for i in sections.indices {
            let start = texts.lowerBound + sections[i].nameOffset
            guard start < texts.upperBound || count == 0 else { return nil }
            sections[i].name = Array(bytes[start..<texts.upperBound].prefix { $0 != 0 })
        }
    }

    private static func section(_ reader: LittleEndian, _ at: Int, _ wide: Bool, _ limit: Int) -> Section? {
        let word = wide ? 8 : 4
        func number(_ offset: Int) -> Int? { wide ? reader.u64(at + offset) : reader.u32(at + offset) }
        guard let name = reader.u32(at), let type = reader.u32(at + 4), let flags = number(8),
            let address = number(8 + word), let offset = number(8 + 2 * word),
            let size = number(8 + 3 * word),
            let link = reader.u32(at + 8 + 4 * word), let info = reader.u32(at + 12 + 4 * word),
            let alignment = number(16 + 4 * word), let entrySize = number(16 + 5 * word)
        else { return nil }
        let section = Section(
            name: [], nameOffset: name, type: type, flags: flags, address: address, offset: offset,
            size: size,
            link: link, info: info, alignment: alignment, entrySize: entrySize)
        guard offset <= limit, !section.hasBytes || size <= limit - offset else { return nil }
        return section
    }

    func section(named name: String) -> Int? { sections.firstIndex { $0.name.elementsEqual(name.utf8) } }
}

/// Reads little-endian numbers that may lie outside; nil then, or where they don't fit an `Int`.
struct LittleEndian {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func u16(_ at: Int) -> Int? { number(at, 2) }
    func u32(_ at: Int) -> Int? { number(at, 4) }
    func u64(_ at: Int) -> Int? { number(at, 8) }

    private func number(_ at: Int, _ count: Int) -> Int? {
        guard at >= 0, at <= bytes.count - count else { return nil }
        var value: UInt64 = 0
        for i in 0..<count { value |= UInt64(bytes[at + i]) << UInt64(8 * i) }
        return Int(exactly: value)
    }
}

extension [UInt8] {
    /// Writes a number over `count` bytes; false if they lie outside or the number does not fit.
    mutating func putLittleEndian(_ value: Int, at place: Int, count size: Int) -> Bool {
        guard value >= 0, place >= 0, place <= count - size, size == 8 || value >> (8 * size) == 0 else {
            return false
        }
        for i in 0..<size { self[place + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
        return true
    }
}
