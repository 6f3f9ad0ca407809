import KCacheCore

/// Reads and decodes the small objects of a store.
struct StoreObjects: Sendable {
    let objects: any ObjectReader

    /// Larger objects of these kinds are not believed.
    static let longestRecord = 64 << 20
    static let longestIndex = PackFormat.longestTable + 4096

    /// The record, checked against its own name; nil if there is none.
    func record(_ id: SnapshotID) throws -> SnapshotRecord? {
        let name = ObjectName.snapshot(id.digest)
        guard let bytes = try objects.get(name, limit: Self.longestRecord) else { return nil }
        do {
            guard Digest.of(bytes) == id.digest else {
                throw FormatError("snapshot", "its content is not what its name says")
            }
            return try SnapshotCodec.decodeRecord(bytes)
        } catch {
            throw objects.explain(error, name)
        }
    }

    func header(_ id: SnapshotID) throws -> SnapshotHeader? {
        let name = ObjectName.catalog(id.digest)
        guard let bytes = try objects.get(name, limit: Self.longestRecord) else { return nil }
        do { return try CatalogCodec.decode(bytes) } catch { throw objects.explain(error, name) }
    }

    func index(_ pack: Digest) throws -> PackIndex? {
        let name = ObjectName.index(pack)
        guard let bytes = try objects.get(name, limit: Self.longestIndex) else { return nil }
        do { return try PackIndex.decode(bytes, of: pack) } catch { throw objects.explain(error, name) }
    }

    /// A damaged or newer entry is told of and never stops the listing.
    func catalog() throws -> Catalog {
        var entries: [CatalogEntry] = []
        var unreadable: [Catalog.Unreadable] = []
        for info in try objects.list(.catalog) {
            guard let digest = info.name.digest else { continue }
            let id = SnapshotID(digest)
            do {
                // Nil: forgotten since the listing.
                guard let header = try header(id) else { continue }
                entries.append(CatalogEntry(id: id, header: header, lastUsedNanoseconds: info.modified))
            } catch let error as StoreError {
                unreadable.append(.init(name: digest.hex, problem: error))
            }
        }
        entries.sort {
            ($0.header.created, $0.lastUsedNanoseconds, $0.id)
                > ($1.header.created, $1.lastUsedNanoseconds, $1.id)
        }
        return Catalog(entries: entries, unreadable: unreadable.sorted { $0.name < $1.name })
    }

    /// All packs with their tables: from the index where it is whole, else from the pack.
    func packs() throws -> PackInventory {
        var inventory = PackInventory()
        var indexes = Set(try objects.list(.index).compactMap { $0.name.digest })
        for info in try objects.list(.packs).sorted(by: { $0.name.path < $1.name.path }) {
            guard let digest = info.name.digest else { continue }
            var problem: StoreError?
            if indexes.remove(digest) != nil {
                do {
                    if let index = try index(digest) {
                        if index.packSize == info.size.value {
                            inventory.packs.append(index)
                            continue
                        }
                        problem = StoreError.damaged(
                            info.name, in: objects.place,
                            FormatError("pack", "\(info.size.value) bytes instead of \(index.packSize)"))
                    }
                } catch let error as StoreError { problem = error }
            }
            do {
                guard let index = try PackReader(objects: objects).index(of: digest) else { continue }
                inventory.packs.append(index)
                inventory.withoutIndex.append((digest, problem))
            } catch let error as StoreError {
                inventory.unreadable.append((digest, info.size, error))
            }
        }
        inventory.indexesWithoutPack = indexes.sorted()
        return inventory
    }
}

/// What packs a store has, and in which state.
struct PackInventory: Sendable {
    /// With their tables, sorted by name.
    var packs: [PackIndex] = []
    /// Those of `packs` whose index is missing, or damaged as the error says.
    var withoutIndex: [(pack: Digest, problem: StoreError?)] = []
    /// Packs whose table can't be had at all.
    var unreadable: [(pack: Digest, size: ByteCount, problem: StoreError)] = []
    var indexesWithoutPack: [Digest] = []

    var chunkIndex: ChunkIndex {
        var index = ChunkIndex()
        index.reserve(chunks: packs.reduce(0) { $0 + $1.table.chunks.count })
        for pack in packs { index.add(pack) }
        return index
    }
}
