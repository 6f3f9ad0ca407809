package import KCacheCore

/// What a path of a listing is, as the caller's rules say.
package enum PathRole: Sendable, Equatable {
    case source, output, configuration
    /// Part of no snapshot, and never overwritten: secrets, editors' files, packages.
    case leftOut

    package var role: Role? {
        switch self {
        case .source: .source
        case .output: .output
        case .configuration: .configuration
        case .leftOut: nil
        }
    }
}

/// What the caller knows about the bytes in a tree's files.
package struct ContentRules: Sendable {
    /// How a file's bytes go into a snapshot.
    package enum Stored: Sendable {
        case asTheyAre
        /// With the tree's own path replaced by a placeholder.
        case relocatable([UInt8])
        /// Not at all, for this reason.
        case leftOut(String)
    }

    /// Files above this size are always stored as they are.
    package static let longest = 4 << 20

    /// Called for each file of up to `longest` bytes that is read.
    package var stored:
        @Sendable (_ path: TreePath, _ role: PathRole, _ bytes: UnsafeRawBufferPointer) -> Stored
    /// The bytes to write here for relocatable ones; nil if they can't be made: the output is then left to make.
    package var restored: @Sendable (_ path: TreePath, _ bytes: [UInt8]) -> [UInt8]?

    package init(
        stored: @escaping @Sendable (TreePath, PathRole, UnsafeRawBufferPointer) -> Stored,
        restored: @escaping @Sendable (TreePath, [UInt8]) -> [UInt8]?
    ) {
        (self.stored, self.restored) = (stored, restored)
    }

    /// Everything as it is.
    package static let plain = ContentRules(
        stored: { _, _, _ in .asTheyAre }, restored: { _, bytes in bytes })
}
