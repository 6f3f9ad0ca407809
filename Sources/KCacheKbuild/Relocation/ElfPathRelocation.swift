import KCacheSystem

/// Moves relocatable objects from one build directory to another: the bytes that gcc and gas would have
/// written there.
///
/// With `-g` an object holds its build directory in the strings of its debug information (DWARF 5, 7.5.5:
/// `.debug_line_str`, `.debug_str`). Another path there makes another length, so that offsets into these
/// sections, the layout of the file and, by the compiler's hash table, the order of two strings change with
/// it. What is not understood is refused: the result is nil, and the object has to be built again.
package enum ElfPathRelocation {
    /// Stands for the tree's path in stored objects, so that the same object from two directories is the
    /// same content. An ordinary path, since the object stays an object.
    package static let storedPath = Array("/kcache-tree".utf8)

    /// The same for the path of the sources of an output tree.
    package static let storedSourcePath = Array("/kcache-source".utf8)

    /// The same for what is built of the kernel of external modules apart from its sources.
    package static let storedKernelPath = Array("/kcache-kernel".utf8)

    /// The stored form; nil if the object holds no such path or can't be moved there and back exactly.
    package static func stored(_ bytes: [UInt8], _ paths: TreePaths) -> [UInt8]? {
        guard let moved = relocated(bytes, paths.items.map { ($0.path, $0.inObjects) }),
            relocated(moved, paths.items.reversed().map { ($0.inObjects, $0.path) }) == bytes
        else { return nil }
        return moved
    }

    /// The form for a tree at other paths; nil if that can't be made.
    package static func restored(_ bytes: [UInt8], _ paths: TreePaths) -> [UInt8]? {
        relocated(bytes, paths.items.reversed().map { ($0.inObjects, $0.path) })
    }

    /// The same for a tree that has only one path.
    package static func stored(_ bytes: [UInt8], treePath: [UInt8]) -> [UInt8]? {
        stored(bytes, TreePaths(tree: treePath))
    }

    package static func restored(_ bytes: [UInt8], treePath: [UInt8]) -> [UInt8]? {
        restored(bytes, TreePaths(tree: treePath))
    }

    /// One path after the other; nil if none of them occurs, or one can't be moved.
    private static func relocated(_ bytes: [UInt8], _ moves: [(old: [UInt8], new: [UInt8])]) -> [UInt8]? {
        var moved: [UInt8]?
        for move in moves where ByteSearch.contains((moved ?? bytes)[...], move.old) {
            guard let next = relocated(moved ?? bytes, from: move.old, to: move.new) else { return nil }
            moved = next
        }
        return moved
    }

    /// The object as a build in `to` instead of `from` makes it; nil if `from` does not occur in it or it
    /// can't be told what that build makes.
    package static func relocated(_ bytes: [UInt8], from old: [UInt8], to new: [UInt8]) -> [UInt8]? {
        guard PathRelocation.isUsable(old), PathRelocation.isUsable(new), let object = ElfObject(bytes) else {
            return nil
        }
        // Laid out again with nothing changed, the file must come out as it is.
        let placements = ElfObject.Placement.allCases.filter { object.rebuilt(with: [:], $0) == bytes }
        guard !placements.isEmpty else { return nil }
        var changes: [Int: StringSectionChange] = [:]
        for name in [".debug_str", ".debug_line_str"] {
            guard let index = object.file.section(named: name) else { continue }
            let order = name == ".debug_line_str" ? CompilerStringOrder.pairs(in: object, section: index) : []
            guard let order,
                let change = StringSectionChange(
                    object.content(index), from: old, to: new, pairs: order,
                    isAssemblersOnly: name == ".debug_str")
            else { return nil }
            if change.isChange { changes[index] = change }
        }
        guard !changes.isEmpty, !object.holds(old, outside: Set(changes.keys)) else { return nil }
        let moved = Set(placements.map { object.rebuilt(with: changes, $0) })
        if moved.count == 1 { return moved.first ?? nil }
        // By chance it is as either would have it.
        return object.placementOfAssembler.flatMap { object.rebuilt(with: changes, $0) }
    }
}
