package import KCacheCore
import KCacheSystem

extension Store {
    /// The snapshots of this store. May run at any time; a snapshot pushed or forgotten meanwhile may be in
    /// it or not.
    package func catalog() throws -> Catalog { try reader.catalog() }

    /// A snapshot's record, checked against its number; nil if there is none.
    package func record(_ id: SnapshotID) throws -> SnapshotRecord? { try reader.record(id) }

    /// Finds one snapshot by number, start of a number or name.
    package func resolve(_ text: String) throws -> SnapshotID { try catalog().resolve(text) }

    /// True if the snapshot is listed here. Reads nothing.
    package func holds(_ id: SnapshotID) throws -> Bool { try objects.info(.catalog(id.digest)) != nil }

    /// Sets a snapshot's time of last use to now; without effect on a store that can't be written.
    package func touch(_ id: SnapshotID) throws {
        do { try objects.noteUse(.catalog(id.digest), clock.now()) } catch {
            guard error.isReadOnly else { throw error }
        }
    }

    /// Removes snapshots from the catalog, then their signatures and records; gc then frees what only they had.
    ///
    /// May be repeated; those that were there. A reader that has begun goes on unharmed.
    @discardableResult
    package func forget(_ ids: [SnapshotID]) throws -> [SnapshotID] {
        let lock = try locks.shared({})
        return try withExtendedLifetime(lock) {
            let known = try ids.filter { try objects.info(.catalog($0.digest)) != nil }
            try objects.delete(ids.map { .catalog($0.digest) })
            try objects.delete(ids.map { .signature($0.digest) })
            try objects.delete(ids.map { .snapshot($0.digest) })
            return known
        }
    }
}
