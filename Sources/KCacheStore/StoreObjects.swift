import KCacheCore

/// Reads and decodes the small objects of a store.
struct StoreObjects: Sendable {
    let objects: any ObjectReader
    /// Of a store that is far away.
    var indexCache: IndexCache?

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

    /// The snapshot's signatures, each whole; nil if there are none. Whose they are, and whether they are right,
    /// is for others to say.
    func signatures(_ id: SnapshotID) throws -> [SshSignature]? {
        let name = ObjectName.signature(id.digest)
        // Asked first, so that a large one is damage and not a failure of the system's.
        guard let size = try objects.info(name)?.size else { return nil }
        do {
            guard size.value <= UInt64(SnapshotSignatures.longest) else {
                throw FormatError("signature", "\(size) are too long")
            }
            guard let bytes = try objects.get(name, limit: SnapshotSignatures.longest) else { return nil }
            return try SnapshotSignatures.decode(bytes)
        } catch {
            throw objects.explain(error, name)
        }
    }

    /// A damaged or newer entry is told of and never stops the listing.
    func catalog() throws -> Catalog { try catalog(of: try objects.list(.catalog)) }

    /// Has what the catalog is made of on its way, and the records that are most likely to be asked for.
    func expectCatalog(of infos: [ObjectInfo]) throws {
        let recent = infos.filter { $0.name.digest != nil }.sorted { $0.modified > $1.modified }
        let records = recent.prefix(Self.likelyRecords).compactMap(\.name.digest)
        try objects.expect(
            recent.prefix(Self.likelyEntries).map { .get($0.name, limit: Self.longestRecord) }
                + records.map { .get(.snapshot($0), limit: Self.longestRecord) })
    }

    private static let likelyRecords = 3
    private static let likelyEntries = 256

    /// The entries of a listing.
    func catalog(of listing: [ObjectInfo]) throws -> Catalog {
        var entries: [CatalogEntry] = []
        var unreadable: [Catalog.Unreadable] = []
        let infos = listing.filter { $0.name.digest != nil }
        let contents = try contents(infos.map(\.name), limit: Self.longestRecord) { bytes, _ in
            try CatalogCodec.decode(bytes)
        }
        for (info, content) in zip(infos, contents) {
            guard let digest = info.name.digest else { continue }
            switch content {
            case .success(let header?):
                entries.append(
                    CatalogEntry(
                        id: SnapshotID(digest), header: header, lastUsedNanoseconds: info.modified))
            // Forgotten since the listing.
            case .success(nil): continue
            case .failure(let problem): unreadable.append(.init(name: digest.hex, problem: problem))
            }
        }
        entries.sort {
            ($0.header.created, $0.lastUsedNanoseconds, $0.id)
                > ($1.header.created, $1.lastUsedNanoseconds, $1.id)
        }
        return Catalog(entries: entries, unreadable: unreadable.sorted { $0.name < $1.name })
    }

    /// Many objects in one journey, each decoded; nil for one that isn't there.
    ///
    /// - Throws: only what would befall all of them: a lost connection is no damaged object.
    private func contents<T>(
        _ names: [ObjectName], limit: Int, _ decode: ([UInt8], ObjectName) throws -> T
    ) throws -> [Result<T?, StoreError>] {
        var found: [Result<[UInt8]?, StoreError>]
        do throws(StoreError) { found = try objects.get(names, limit: limit).map { .success($0) } } catch {
            if error.isOfThePlace { throw error }
            found = []
            for name in names {
                do throws(StoreError) { found.append(.success(try objects.get(name, limit: limit))) } catch {
                    if error.isOfThePlace { throw error }
                    found.append(.failure(error))
                }
            }
        }
        return zip(names, found).map { name, result in
            result.flatMap { bytes in
                guard let bytes else { return .success(nil) }
                do { return .success(try decode(bytes, name)) } catch {
                    return .failure(objects.explain(error, name))
                }
            }
        }
    }

    /// The packs' indexes, as they could be read; nil for one that is gone. Those of the kind to pass over are not
    /// in it, where that takes less than reading them.
    private func indexes(_ packs: [Digest], sizes: [Digest: ByteCount], without passedOver: PackKind?) throws
        -> [Digest: Result<PackIndex?, StoreError>]
    {
        var indexes: [Digest: Result<PackIndex?, StoreError>] = [:]
        var kinds: [Digest: PackKind] = [:]
        for pack in indexCache == nil ? [] : packs {
            guard let bytes = indexCache?.get(pack) else { continue }
            kinds[pack] = PackIndex.kind(of: bytes)
            if let passedOver, kinds[pack] == passedOver { continue }
            // One that is damaged here is fetched again.
            do { indexes[pack] = .success(try PackIndex.decode(bytes, of: pack)) } catch _ {}
        }
        func fetch(_ missing: [Digest]) throws {
            let found = try contents(missing.map { .index($0) }, limit: Self.longestIndex) { bytes, name in
                let pack = name.digest ?? .zero
                let index = try PackIndex.decode(bytes, of: pack)
                indexCache?.put(pack, bytes)
                return index
            }
            indexes.merge(zip(missing, found)) { _, new in new }
        }
        let missing = packs.filter { indexes[$0] == nil }
        if let passedOver {
            func isLarge(_ pack: Digest) -> Bool { (sizes[pack] ?? .zero).value > Self.smallIndex }
            let unknown = missing.filter { kinds[$0] == nil && isLarge($0) }
            try objects.expect(unknown.map { .read(Self.start(of: $0)) })
            try fetch(missing.filter { kinds[$0] != passedOver && !isLarge($0) })
            for pack in unknown {
                guard let start = try readStart(of: pack) else { continue }
                kinds[pack] = PackIndex.kind(of: start)
                if kinds[pack] == passedOver { indexCache?.put(pack, start) }
            }
            try fetch(missing.filter { kinds[$0] != passedOver && isLarge($0) })
        } else {
            try fetch(missing)
        }
        indexCache?.retain(Set(packs))
        return indexes
    }

    /// Less than asking for the kind first would cost on most lines.
    private static let smallIndex: UInt64 = 16 << 10

    private static func start(of pack: Digest) -> ObjectRange {
        ObjectRange(name: .index(pack), offset: 0, length: UInt32(PackIndex.startLength))
    }

    private func readStart(of pack: Digest) throws(StoreError) -> [UInt8]? {
        let range = Self.start(of: pack)
        var bytes = [UInt8](repeating: 0, count: Int(range.length))
        let read = bytes.withUnsafeMutableBytes { buffer -> Result<Int?, StoreError> in
            do throws(StoreError) {
                return .success(try objects.read(range.name, at: range.offset, into: buffer))
            } catch { return .failure(error) }
        }
        guard let count = try read.get() else { return nil }
        return Array(bytes.prefix(count))
    }

    /// All packs with their tables: from the index where it is whole, else from the pack. Those of a kind to pass
    /// over may be missing.
    func packs(without passedOver: PackKind? = nil) throws -> PackInventory {
        var inventory = PackInventory()
        let sizes = Dictionary(
            try objects.list(.index).compactMap { info in info.name.digest.map { ($0, info.size) } },
            uniquingKeysWith: { a, _ in a })
        let indexed = Set(sizes.keys)
        let infos = try objects.list(.packs).sorted { $0.name.path < $1.name.path }
        let wanted = infos.compactMap(\.name.digest).filter { indexed.contains($0) }
        let indexes = try indexes(wanted, sizes: sizes, without: passedOver)
        for info in infos {
            guard let digest = info.name.digest else { continue }
            if passedOver != nil, indexed.contains(digest), indexes[digest] == nil { continue }
            var problem: StoreError?
            switch indexes[digest] {
            case .success(let index?)? where index.packSize == info.size.value:
                inventory.packs.append(index)
                continue
            case .success(let index?)?:
                problem = StoreError.damaged(
                    info.name, in: objects.place,
                    FormatError("pack", "\(info.size.value) bytes instead of \(index.packSize)"))
            case .failure(let error)?: problem = error
            case .success(nil)?, nil: break
            }
            do {
                guard let index = try PackReader(objects: objects).index(of: digest) else { continue }
                inventory.packs.append(index)
                inventory.withoutIndex.append((digest, problem))
            } catch let error as StoreError {
                if error.isOfThePlace { throw error }
                inventory.unreadable.append((digest, info.size, error))
            }
        }
        inventory.indexesWithoutPack = indexed.subtracting(infos.compactMap(\.name.digest)).sorted()
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
