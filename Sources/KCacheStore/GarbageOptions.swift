package import KCacheCore

/// What gc may do.
package struct GarbageOptions: Sendable {
    /// Snapshots are forgotten, the least recently used first, until the store is about this small. Nil: none
    /// is forgotten.
    package var maxSize: ByteCount?
    /// Only tells what would be done.
    package var dryRun = false

    package init(maxSize: ByteCount? = nil, dryRun: Bool = false) {
        (self.maxSize, self.dryRun) = (maxSize, dryRun)
    }
}

/// What gc did, or in a dry run would do.
package struct GarbageSummary: Sendable {
    /// Least recently used first.
    package var forgotten: [CatalogEntry] = []
    package var removedPacks = 0
    /// Packs of which little was live; what was is in new packs.
    package var rewrittenPacks = 0
    package var removedIndexes = 0
    package var rebuiltIndexes = 0
    /// Records of interrupted pushes.
    package var removedRecords = 0
    /// Signatures of snapshots that are not listed.
    package var removedSignatures = 0
    package var removedTemporaries = 0
    package var sizeBefore = ByteCount.zero
    /// In a dry run an estimate.
    package var sizeAfter = ByteCount.zero
    /// What people should know, one line each.
    package var notes: [String] = []

    package init() {}

    package var freed: ByteCount {
        ByteCount(sizeBefore.value - min(sizeBefore.value, sizeAfter.value))
    }
}
