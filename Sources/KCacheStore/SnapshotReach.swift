import KCacheCore
import Synchronization

/// What one snapshot needs of a store.
struct SnapshotReach: Sendable {
    let entry: CatalogEntry
    let record: SnapshotRecord
    /// First copies in the chunk index, each once, in ascending order.
    let places: [Int]
    /// Chunks that aren't in the store, less the sources of a snapshot that was pushed without them.
    let missing: Int

    init(_ entry: CatalogEntry, record: SnapshotRecord, entries: [SnapshotEntry], index: ChunkIndex) {
        (self.entry, self.record) = (entry, record)
        var places = Set<Int>()
        var missing = Set<Digest>()
        func take(_ content: Content, optional: Bool) {
            for chunk in content.chunks {
                if let place = index.first(chunk.digest) {
                    places.insert(place)
                } else if !optional {
                    missing.insert(chunk.digest)
                }
            }
        }
        take(record.manifest, optional: false)
        for item in entries {
            // Who lacks a delta reads what it would have made.
            if let content = item.derivation?.content { take(content, optional: true) }
            guard let content = item.content else { continue }
            take(content, optional: record.header.withoutSources && item.role == .source)
        }
        self.places = places.sorted()
        self.missing = missing.count
    }
}

extension StoreSession {
    var index: ChunkIndex { claims.state.withLock { $0.index } }

    /// Follows a snapshot to its chunks.
    ///
    /// - Throws: if its record or manifest can't be read.
    func reach(_ entry: CatalogEntry, in index: ChunkIndex) throws -> SnapshotReach {
        guard let record = try record(entry.id) else {
            throw StoreError(
                .missing, "snapshot \(entry.id.short) is in the catalog of \(store.place) but has no record",
                subject: entry.id.digest.hex)
        }
        return SnapshotReach(entry, record: record, entries: try entries(of: record, entry.id), index: index)
    }
}
