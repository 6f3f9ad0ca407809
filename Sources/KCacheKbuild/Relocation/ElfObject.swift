import KCacheSystem

/// A relocatable object (ET_REL) of x86 or arm64, and how to lay it out anew.
struct ElfObject {
    let bytes: [UInt8]
    let file: ElfFile
    private let symbols: [Symbol]
    private let relocations: [Relocation]

    private struct Symbol {
        let section: Int
        let value: Int
    }

    private struct Relocation {
        /// Section that is relocated, and the place in it.
        let section: Int
        let place: Int
        let symbol: Int
        let width: Int
        /// Where the addend stands in the file, and how many bytes it takes.
        let addendAt: Int
        let addendWidth: Int
        let addend: Int
    }

    /// A use of a string: where, and which offset.
    struct Reference {
        let place: Int
        let target: Int
    }

    /// Nil for anything else.
    init?(_ bytes: [UInt8]) {
        guard let file = ElfFile(bytes), file.type == 1, file.programHeaders == 0 else { return nil }
        self.bytes = bytes
        self.file = file
        guard let symbols = Self.readSymbols(bytes, file),
            let relocations = Self.readRelocations(bytes, file)
        else { return nil }
        (self.symbols, self.relocations) = (symbols, relocations)
        guard relocations.allSatisfy({ $0.symbol < symbols.count }) else { return nil }
    }

    func content(_ section: Int) -> [UInt8] { Array(bytes[file.sections[section].range]) }

    /// True if another section than these holds the text.
    func holds(_ text: [UInt8], outside changed: Set<Int>) -> Bool {
        file.sections.indices.contains {
            !changed.contains($0) && ByteSearch.contains(bytes[file.sections[$0].range], text)
        }
    }

    /// What a section's relocations say of another one; nil if one of them is of a kind not known here.
    func references(from section: Int, to target: Int) -> [Reference]? {
        var found: [Reference] = []
        for relocation in relocations where relocation.section == section {
            guard symbols[relocation.symbol].section == target else { continue }
            guard relocation.width > 0, let sum = self.sum(of: relocation) else { return nil }
            found.append(Reference(place: relocation.place, target: sum))
        }
        return found
    }

    private func sum(of relocation: Relocation) -> Int? {
        let (sum, overflow) = symbols[relocation.symbol].value.addingReportingOverflow(relocation.addend)
        return overflow ? nil : sum
    }

    // MARK: Laying out

    /// Where an assembler puts a section in the file: binutils up to 2.40 as its alignment wants it, 2.44 at the next word
    /// where the alignment is larger (seen of both, for 32 and 64 bits).
    enum Placement: CaseIterable {
        case aligned, atWords
    }

    /// What an assembler calls itself in the unit that it writes for a source of its own (DW_AT_producer); nil for none,
    /// and for one that is not known to place sections in one way or the other.
    var placementOfAssembler: Placement? {
        guard let strings = file.section(named: ".debug_str") else { return nil }
        let marks = content(strings).split(separator: 0).filter { $0.starts(with: "GNU AS 2.".utf8) }
        guard let mark = marks.first else { return nil }
        let digits = mark.dropFirst("GNU AS 2.".utf8.count).prefix { (0x30...0x39).contains($0) }
        guard let minor = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
        return minor <= 40 ? .aligned : minor >= 44 ? .atWords : nil
    }

    /// The file with some sections' strings changed; nil if that can't be done.
    func rebuilt(with changes: [Int: StringSectionChange], _ placement: Placement) -> [UInt8]? {
        var patched = bytes
        for relocation in relocations {
            guard let change = changes[symbols[relocation.symbol].section] else { continue }
            guard relocation.width > 0, symbols[relocation.symbol].value == 0,
                let old = sum(of: relocation), let new = change.map(old),
                patched.putLittleEndian(new, at: relocation.addendAt, count: relocation.addendWidth)
            else { return nil }
        }
        for symbol in symbols where symbol.value != 0 && changes[symbol.section] != nil { return nil }

        // Sections stand in the file in the order of their offsets, each aligned; the assembler and the
        // linker move the place on for sections without bytes too.
        let order = file.sections.indices.dropFirst().sorted {
            (file.sections[$0].offset, $0) < (file.sections[$1].offset, $1)
        }
        var out = Array(patched[..<file.headerSize])
        var offsets = file.sections.map { $0.offset }
        for i in order {
            let section = file.sections[i]
            var alignment = max(1, section.alignment)
            if placement == .atWords { alignment = min(alignment, file.is64 ? 8 : 4) }
            guard alignment <= 1 << 16, let place = Self.aligned(out.count, alignment) else { return nil }
            out += Array(repeating: 0, count: place - out.count)
            offsets[i] = place
            if section.hasBytes { out += changes[i]?.content ?? Array(patched[section.range]) }
            guard out.count <= bytes.count + (64 << 20) else { return nil }
        }
        let word = file.is64 ? 8 : 4
        guard let table = Self.aligned(out.count, word) else { return nil }
        out += Array(repeating: 0, count: table - out.count)
        let tableSize = file.sections.count * file.sectionEntrySize
        out += patched[file.sectionTable..<(file.sectionTable + tableSize)]
        for i in file.sections.indices {
            let entry = table + i * file.sectionEntrySize
            guard out.putLittleEndian(offsets[i], at: entry + 8 + 2 * word, count: word) else { return nil }
            guard let change = changes[i] else { continue }
            guard out.putLittleEndian(change.content.count, at: entry + 8 + 3 * word, count: word) else {
                return nil
            }
        }
        return out.putLittleEndian(table, at: file.is64 ? 40 : 32, count: word) ? out : nil
    }

    private static func aligned(_ place: Int, _ alignment: Int) -> Int? {
        guard alignment & (alignment - 1) == 0 else { return nil }
        return (place + alignment - 1) & ~(alignment - 1)
    }

    // MARK: Reading

    private static func readSymbols(_ bytes: [UInt8], _ file: ElfFile) -> [Symbol]? {
        let tables = file.sections.filter { $0.type == 2 }
        guard tables.count <= 1 else { return nil }
        guard let table = tables.first else { return [] }
        let size = file.is64 ? 24 : 16
        guard table.size % size == 0 else { return nil }
        let reader = LittleEndian(bytes)
        var symbols: [Symbol] = []
        symbols.reserveCapacity(table.size / size)
        for at in stride(from: table.offset, to: table.offset + table.size, by: size) {
            guard let section = reader.u16(at + (file.is64 ? 6 : 14)) else { return nil }
            // A value too large for an Int can't be an offset into a section.
            let value = file.is64 ? reader.u64(at + 8) : reader.u32(at + 4)
            symbols.append(Symbol(section: section, value: value ?? .max))
        }
        return symbols
    }

    private static func readRelocations(_ bytes: [UInt8], _ file: ElfFile) -> [Relocation]? {
        let reader = LittleEndian(bytes)
        var found: [Relocation] = []
        for section in file.sections where section.type == 4 || section.type == 9 {
            let isRela = section.type == 4
            let size = (file.is64 ? 16 : 8) + (isRela ? (file.is64 ? 8 : 4) : 0)
            guard section.size % size == 0, section.info > 0, section.info < file.sections.count else {
                return nil
            }
            let target = file.sections[section.info]
            for at in stride(from: section.offset, to: section.offset + section.size, by: size) {
                guard let place = file.is64 ? reader.u64(at) : reader.u32(at),
                    let kind = reader.u32(file.is64 ? at + 8 : at + 4)
                else { return nil }
                let symbol: Int
                let type: Int
                if file.is64 {
                    guard let number = reader.u32(at + 12) else { return nil }
                    (symbol, type) = (number, kind)
                } else {
                    (symbol, type) = (kind >> 8, kind & 0xff)
                }
                let width = absoluteWidth(type, machine: file.machine)
                let addendAt: Int
                let addendWidth: Int
                if isRela {
                    (addendAt, addendWidth) = (at + (file.is64 ? 16 : 8), file.is64 ? 8 : 4)
                } else {
                    guard target.hasBytes, place <= target.size - max(width, 1) else { return nil }
                    (addendAt, addendWidth) = (target.offset + place, max(width, 1))
                }
                // A negative addend is none of a string's offset: it reads as nil and maps nowhere.
                let addend = addendWidth == 8 ? reader.u64(addendAt) : reader.u32(addendAt)
                found.append(
                    Relocation(
                        section: section.info, place: place, symbol: symbol, width: width, addendAt: addendAt,
                        addendWidth: addendWidth, addend: addend ?? .max))
            }
        }
        return found
    }

    /// Bytes that a relocation of the plain kind `S + A` writes; 0 for other kinds.
    private static func absoluteWidth(_ type: Int, machine: Int) -> Int {
        switch (machine, type) {
        case (3, 1): 4  // R_386_32
        case (62, 10), (62, 11): 4  // R_X86_64_32, R_X86_64_32S
        case (62, 1): 8  // R_X86_64_64
        case (183, 258): 4  // R_AARCH64_ABS32
        case (183, 257): 8  // R_AARCH64_ABS64
        default: 0
        }
    }
}
