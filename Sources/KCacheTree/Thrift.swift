package import KCacheCore

/// How a pull reads as little as it can from a store far away: what is in the tree is copied, what can be made
/// from that is made.
package struct Thrift: Sendable {
    /// The tree as it stood before the pull.
    package var local: LocalTree
    /// Runs bytes through a compressor; nil where that can't be had here or fails. At most `limit` bytes come back.
    package var compress: @Sendable (Derivation.Compressor, [UInt8], _ limit: Int) -> [UInt8]?
    /// What the line gives; nil: fewest bytes count, whatever time that takes.
    package var bytesPerSecond: UInt64?

    package init(
        local: LocalTree,
        compress: @escaping @Sendable (Derivation.Compressor, [UInt8], _ limit: Int) -> [UInt8]? = {
            _, _, _ in nil
        }
    ) {
        (self.local, self.compress) = (local, compress)
    }

    /// What came of it.
    package struct Summary: Sendable, Equatable {
        /// Files that were made from others, and those that should have been and were read after all.
        package var derived: [TreePath] = []
        package var failed: [TreePath] = []
        /// What reading all from the store would have taken, less what was read.
        package var spared = ByteCount.zero

        package init() {}
    }
}
