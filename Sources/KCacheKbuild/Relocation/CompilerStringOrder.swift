/// In which order gcc writes a unit's name and its directory into `.debug_line_str`.
///
/// gcc/dwarf2out.cc puts both into a hash table made for ten strings, which has 13 slots (gcc/hash-table.cc:
/// the next prime of its list), under libiberty's `htab_hash_string`, name first, and writes them in the order
/// of their slots. The assembler's own strings follow in the order of their use.
enum CompilerStringOrder {
    /// Two adjacent strings by their offsets, and which of them is the name.
    struct Pair: Equatable {
        let first: Int
        let second: Int
        let name: Int
    }

    private static let slots: UInt32 = 13

    static func nameComesFirst(name: [UInt8], other: [UInt8]) -> Bool {
        let (a, b) = (hash(name), hash(other))
        let nameSlot = a % slots
        var slot = b % slots
        if slot == nameSlot { slot = (slot + 1 + b % (slots - 2)) % slots }
        return nameSlot < slot
    }

    private static func hash(_ text: [UInt8]) -> UInt32 {
        text.reduce(0 as UInt32) { $0 &* 67 &+ UInt32($1) &- 113 }
    }

    /// The pairs of all units of the compiler: `.debug_info` refers to this section only by DW_AT_name and
    /// DW_AT_comp_dir of a unit, one right after the other. Nil if it is used in another way.
    static func pairs(in object: ElfObject, section: Int) -> [Pair]? {
        guard let info = object.file.section(named: ".debug_info") else {
            return pairOfEmptyUnit(in: object, section: section)
        }
        guard var references = object.references(from: info, to: section) else { return nil }
        references.sort { $0.place < $1.place }
        guard references.count % 2 == 0 else { return nil }
        var pairs: [Pair] = []
        for i in stride(from: 0, to: references.count, by: 2) {
            let (name, directory) = (references[i], references[i + 1])
            guard directory.place == name.place + 4, name.target != directory.target else { return nil }
            pairs.append(
                Pair(
                    first: min(name.target, directory.target), second: max(name.target, directory.target),
                    name: name.target))
        }
        return pairs
    }

    /// A unit without any declaration has both strings, but no `.debug_info` that tells which is which: the
    /// directory is the one that is absolute. Nil if that can't be told.
    private static func pairOfEmptyUnit(in object: ElfObject, section: Int) -> [Pair]? {
        if let lines = object.file.section(named: ".debug_line"), object.file.sections[lines].size > 0 {
            return nil
        }
        let strings = object.content(section).split(separator: 0, omittingEmptySubsequences: false)
        guard strings.count == 3, strings[2].isEmpty else { return nil }
        let isDirectory = strings[..<2].map { $0.first == UInt8(ascii: "/") }
        guard isDirectory[0] != isDirectory[1] else { return nil }
        let second = strings[1].startIndex
        return [Pair(first: 0, second: second, name: isDirectory[0] ? second : 0)]
    }
}
