package import KCacheCore

/// What a store holds, in numbers.
package struct StoreStatistics: Sendable {
    package struct PerSnapshot: Sendable {
        package let entry: CatalogEntry
        /// Bytes of all its chunks, each once, before compression.
        package let total: ByteCount
        /// Those of them that no other snapshot has.
        package let unique: ByteCount
        package let chunks: Int
        package let missingChunks: Int
    }

    package struct PerKind: Sendable {
        package let kind: PackKind
        package let packs: Int
        /// As stored: compressed, with the packs' tables.
        package let stored: ByteCount
        /// Before compression.
        package let raw: ByteCount
    }

    package let kinds: [PerKind]
    package let indexBytes: ByteCount
    /// Of records, signatures and catalog entries.
    package let recordBytes: ByteCount
    /// Each chunk once.
    package let chunks: Int
    package let snapshots: [PerSnapshot]
    /// What could not be read, one line each.
    package let problems: [String]

    package var packs: Int { kinds.reduce(0) { $0 + $1.packs } }
    package var raw: ByteCount { kinds.reduce(.zero) { $0 + $1.raw } }
    package var stored: ByteCount { kinds.reduce(indexBytes + recordBytes) { $0 + $1.stored } }
}

extension Store {
    /// Counts what is there; reads indexes and manifests.
    package func statistics(waiting: @Sendable () -> Void = {}) throws -> StoreStatistics {
        let catalog = try catalog()
        let session = try begin(waiting: waiting)
        let index = session.index
        var problems =
            session.unusablePacks.map(\.description) + catalog.unreadable.map(\.problem.description)
        var reaches: [SnapshotReach] = []
        for entry in catalog.entries {
            do { reaches.append(try session.reach(entry, in: index)) } catch {
                // Unless it was forgotten while this was running.
                if try objects.info(.catalog(entry.id.digest)) != nil { problems.append("\(error)") }
            }
        }
        var users = [UInt32](repeating: 0, count: index.entries.count)
        for reach in reaches { for place in reach.places { users[place] += 1 } }
        let snapshots = reaches.map { reach in
            var (total, unique): (UInt64, UInt64) = (0, 0)
            for place in reach.places {
                let length = UInt64(index.entries[place].length)
                total += length
                if users[place] == 1 { unique += length }
            }
            return StoreStatistics.PerSnapshot(
                entry: reach.entry, total: ByteCount(total), unique: ByteCount(unique),
                chunks: reach.places.count, missingChunks: reach.missing)
        }
        let kinds = PackKind.allCases.map { kind in
            let packs = index.packs.filter { $0.kind == kind }
            return StoreStatistics.PerKind(
                kind: kind, packs: packs.count,
                stored: packs.reduce(.zero) { $0 + ByteCount($1.size) },
                raw: packs.reduce(.zero) { $0 + ByteCount($1.rawBytes) })
        }
        func bytes(_ kind: ObjectKind) throws -> ByteCount {
            try objects.list(kind).reduce(.zero) { $0 + $1.size }
        }
        return StoreStatistics(
            kinds: kinds, indexBytes: try bytes(.index),
            recordBytes: try bytes(.snapshots) + bytes(.signatures) + bytes(.catalog),
            chunks: index.uniqueCount,
            snapshots: snapshots, problems: problems)
    }
}
