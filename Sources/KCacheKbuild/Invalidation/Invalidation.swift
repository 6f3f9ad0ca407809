package import KCacheCore
package import KCacheSystem
package import KCacheTree

/// Names outputs that make would take as fresh although something that they were made from differs here.
///
/// Make compares times of the prerequisites that it knows. After a pull every source that differs is newer
/// than the outputs, so all that make knows of is settled; this is about what it doesn't know:
/// a header that now comes first in the search path, links that lead elsewhere now (make looks at the time of
/// the file behind), scripts and host programs that a recipe runs without
/// naming them as prerequisites, payloads of `.incbin`, and recipes without `.cmd` file in Makefiles that
/// changed. In doubt an output is named: it only costs its making.
///
/// Not seen: units that ask `__has_include` for a header that was added; generators that list a directory
/// (kernel/gen_kheaders.sh has its own check); files outside the tree, which the toolchain's fingerprint
/// covers.
package struct Invalidation: Sendable {
    /// The sources that differ from those that the outputs were made from.
    package struct Changes: Sendable {
        package var changed: Set<TreePath>
        package var added: Set<TreePath>
        package var removed: Set<TreePath>
        /// Sources that are the same here but were newer than some outputs where those were made, by their
        /// places in time. They spoil only what is older (`made`).
        package var late: [TreePath: Int64] = [:]
        /// The outputs' places in time; needed with `late` only.
        package var made: [TreePath: Int64] = [:]

        package init(changed: Set<TreePath> = [], added: Set<TreePath> = [], removed: Set<TreePath> = []) {
            (self.changed, self.added, self.removed) = (changed, added, removed)
        }

        package var isEmpty: Bool { changed.isEmpty && added.isEmpty && removed.isEmpty }

        var all: Set<TreePath> { changed.union(added).union(removed) }
    }

    package enum Reason: Hashable, Sendable, CustomStringConvertible {
        /// The added file may now be found before the one that was included.
        case shadowed(by: TreePath)
        /// A script, a data file or a program that its recipe uses and make does not compare.
        case unseenInput(TreePath)
        case payload(TreePath)
        /// Its recipe may have changed, and no saved command would tell.
        case recipe(TreePath)
        /// Its `.cmd` file can't be read, so nobody knows what it was made from.
        case unreadable

        package var description: String {
            switch self {
            case .shadowed(let path): "\(path) may now be included instead of another file"
            case .unseenInput(let path): "its recipe uses \(path), which differs here"
            case .payload(let path): "it takes in \(path), which differs here"
            case .recipe(let path): "\(path) differs here and may hold its recipe"
            case .unreadable: "its .cmd file can't be read"
            }
        }
    }

    package struct Item: Hashable, Sendable {
        /// To be removed together with its `.cmd` file, so that make must make it.
        package let target: TreePath
        package let reason: Reason
    }

    /// The same, with the saved commands of the tree as it stands.
    package static func outputs(
        stale changes: Changes, outputs: Set<TreePath>, in root: Directory, listing: TreeListing
    ) throws -> [Item] {
        try Self.outputs(
            stale: changes, outputs: outputs, index: try CmdIndex(reading: root, listing: listing),
            root: root, listing: listing)
    }

    /// Works out the outputs to remove, sorted by path.
    ///
    /// - Parameters:
    ///   - outputs: what the snapshot's build made, as far as it stands in the tree.
    ///   - index: the `.cmd` files of those outputs.
    /// - Throws: `SystemError` naming a file that can't be read.
    package static func outputs(
        stale changes: Changes, outputs: Set<TreePath>, index: CmdIndex, root: Directory,
        listing: TreeListing
    ) throws -> [Item] {
        var finder = InvalidationFinder(
            changes: changes, outputs: outputs, index: index, root: root, listing: listing)
        try finder.run()
        var found = finder.found
        if !changes.late.isEmpty {
            let late = Set(changes.late.keys)
            var second = InvalidationFinder(
                changes: Changes(changed: late, added: late), lateness: changes.late, outputs: outputs,
                index: index, root: root, listing: listing)
            try second.run()
            for (target, reason) in second.found
            where found[target] == nil && second.lateness(reason) > changes.made[target] ?? .min {
                found[target] = reason
            }
        }
        return found.map { Item(target: $0.key, reason: $0.value) }.sorted { $0.target < $1.target }
    }
}
