package import KCacheCore
import KCacheSystem
import Synchronization

/// A stay in a store: gc waits until it ends. All calls may run concurrently.
package final class StoreSession: Sendable {
    package let store: Store
    /// Packs that can't be used, and why: what lies only in them counts as missing.
    package let unusablePacks: [StoreError]
    private let lock: StoreLocks.Held
    let claims: ChunkClaims
    /// A store that is nearer than this one; nil for none.
    let tier: SessionTier?
    let compressors: WorkerPool<FrameCompressor>
    let decompressors: WorkerPool<FrameDecompressor>
    /// Chunks that the caller has at hand (`lend`).
    let lent = Mutex<[Digest: [UInt8]]>([:])
    private let compressedBytesRead = Atomic<UInt64>(0)
    /// As it was when the session began, where that is kept.
    private let known: Catalog?
    /// Records that were read: a snapshot's never changes.
    private let records = Mutex<[SnapshotID: SnapshotRecord]>([:])

    init(
        _ store: Store, lock: StoreLocks.Held, inventory: PackInventory, tier: SessionTier? = nil,
        catalog: Catalog? = nil
    ) {
        known = catalog
        (self.store, self.lock, self.tier) = (store, lock, tier)
        unusablePacks = inventory.unreadable.map(\.problem)
        claims = ChunkClaims(inventory.chunkIndex)
        compressors = WorkerPool { try FrameCompressor() }
        decompressors = WorkerPool { try FrameDecompressor() }
    }

    /// True if the store has the chunk, or a writer of this session has taken it on.
    package func contains(_ digest: Digest) -> Bool { claims.contains(digest) }

    /// What the frames take that were read from the store so far.
    package var bytesRead: ByteCount { ByteCount(compressedBytesRead.load(ordering: .relaxed)) }

    func countRead(_ frame: ReadPlan.Frame) {
        compressedBytesRead.wrappingAdd(UInt64(frame.compressedLength), ordering: .relaxed)
    }

    /// Content that a caller has made itself, in chunks.
    package struct Loan: Sendable {
        fileprivate var pieces: [Digest: [UInt8]] = [:]

        /// - Parameter sections: each is cut by itself.
        package init(_ sections: some Sequence<[UInt8]>) {
            for section in sections {
                section.withUnsafeBytes { raw in
                    _ = ContentCutter.cut(raw) { (chunk, bytes) throws(Never) in
                        pieces[chunk.digest] = Array(bytes)
                    }
                }
            }
        }
    }

    /// Takes such content: `read(content:)` then reads of the store only what is not in it. What nobody asks for does
    /// no harm.
    package func lend(_ loan: Loan) { lent.withLock { $0.merge(loan.pieces) { $1 } } }

    /// Chunks in finished packs, each counted once.
    package var chunkCount: Int { claims.state.withLock { $0.index.uniqueCount } }

    /// Begins to store chunks. What two writers of one session have to store is stored once, so a snapshot
    /// must wait for both to finish.
    package func makeWriter() -> PackWriter {
        PackWriter(
            store.objects, lock: lock, claims: claims, compressors: compressors,
            fullPack: store.options.fullPack
        ) { [claims] in claims.publish($0) }
    }

    /// Begins anew where the lock was lost on the way: what the store had may have been collected since.
    ///
    /// For one caller, while no writer is under way.
    func renew() throws {
        for _ in 0..<3 {
            // First: if it is lost once more while this looks, that counts.
            lock.renew()
            claims.replace(try store.reader.packs().chunkIndex)
            if !lock.wasLost() { return }
        }
    }

    /// True if `renew` is due.
    var hasLostLock: Bool { lock.wasLost() }

    // MARK: Snapshots

    /// Puts a snapshot in place: its record, the signatures that `sign` gives for it, then its catalog entry. May be repeated.
    ///
    /// - Throws: if the manifest isn't in the store: then a writer has not finished. If it can't be signed,
    ///   nothing is listed.
    package func commit(_ record: SnapshotRecord, sign: Signing = { _ in [] }) throws -> SnapshotID {
        let bytes = SnapshotCodec.encode(record)
        let id = SnapshotID(Digest.of(bytes))
        let missing = claims.state.withLock { state in
            record.manifest.chunks.count { !state.index.contains($0.digest) }
        }
        guard missing == 0 else {
            throw StoreError(
                .misuse,
                "snapshot \(id.short) can't be committed: \(missing) chunks of its manifest are not stored",
                subject: id.digest.hex)
        }
        try store.objects.put(.snapshot(id.digest), bytes)
        for signature in try sign(id) { try add(signature, to: id) }
        try store.objects.put(.catalog(id.digest), CatalogCodec.encode(record.header))
        try store.objects.touch(.catalog(id.digest), store.clock.now())
        return id
    }

    /// Lists a snapshot in the near store as well, with what was read and what was there before: as it is if all
    /// of it is there now, and else, if no more than sources are missing, as one `withoutSources`. Nil, or why the
    /// near store could not take it.
    package func keep(_ id: SnapshotID, _ snapshot: Snapshot) throws -> StoreError? {
        guard let tier else { return nil }
        do {
            if let failure = tier.keeper.finish() { return failure }
            guard var record = try record(id) else { return nil }
            let missing = snapshot.entries.filter { entry in
                entry.content?.chunks.contains { !tier.near.contains($0.digest) } ?? false
            }
            guard missing.allSatisfy({ $0.role == .source }) else { return nil }
            // Another record, and so none that anybody has signed.
            if !missing.isEmpty { record.header.withoutSources = true }
            try keep(record.manifest, tier)
            let signatures = missing.isEmpty ? try signatures(id) ?? [] : []
            _ = try tier.near.commit(record) { _ in signatures }
            return nil
        } catch let error as StoreError { return error }
    }

    /// Of a manifest that was put together here (`lend`) no frame has come by that could be kept.
    private func keep(_ manifest: Content, _ tier: SessionTier) throws {
        guard manifest.chunks.contains(where: { !tier.near.contains($0.digest) }) else { return }
        let writer = tier.near.makeWriter()
        try writer.add(try read(content: manifest), manifest, kind: .manifests)
        _ = try writer.finish()
    }

    /// The snapshots of the store, as they are now or were when the session began.
    package func catalog() throws -> Catalog { try known ?? store.catalog() }

    /// Brings records and manifests in two journeys; without effect where the store is near.
    package func fetch(snapshots ids: [SnapshotID]) throws {
        guard store.options.isRemote else { return }
        let unknown = records.withLock { records in ids.filter { records[$0] == nil } }
        try store.objects.expect(
            unknown.map { .get(.snapshot($0.digest), limit: StoreObjects.longestRecord) })
        var manifests: [Content] = []
        for id in ids {
            // Damaged or gone: whoever wants it finds out.
            do { if let record = try record(id) { manifests.append(record.manifest) } } catch let error
                as StoreError where !error.isOfThePlace
            {}
        }
        try fetch(manifests)
    }

    /// Notes that the snapshot is in use, for gc's choice of what to forget. Without effect on a store that
    /// can't be written.
    package func touch(_ id: SnapshotID) throws { try store.touch(id) }

    /// The snapshot's record, checked against its number; nil if there is none.
    package func record(_ id: SnapshotID) throws -> SnapshotRecord? {
        if let record = records.withLock({ $0[id] }) { return record }
        let record = try store.reader.record(id)
        // A far one costs a journey each time.
        if store.options.isRemote { records.withLock { $0[id] = record } }
        return record
    }

    /// The snapshot with its manifest, every byte checked.
    package func snapshot(_ id: SnapshotID) throws -> Snapshot {
        guard let record = try record(id) else {
            throw StoreError(
                .unknownSnapshot, "\(store.place) has no snapshot \(id.short): kcache list shows them",
                subject: id.digest.hex)
        }
        let snapshot = Snapshot(header: record.header, entries: try entries(of: record, id))
        guard snapshot.isSealed else {
            throw StoreError(
                .damaged,
                "snapshot \(id.short) is refused: its counts and sizes are not those of its entries",
                subject: id.digest.hex)
        }
        return snapshot
    }

    func entries(of record: SnapshotRecord, _ id: SnapshotID) throws -> [SnapshotEntry] {
        let bytes: [UInt8]
        do { bytes = try read(content: record.manifest, lending: store.options.isRemote) } catch let error
            as StoreError
        {
            throw StoreError(
                error.code, "cannot read the manifest of snapshot \(id.short)", subject: id.digest.hex,
                cause: error)
        }
        do { return try SnapshotCodec.decodeManifest(bytes) } catch {
            throw StoreError(
                .damaged, "the manifest of snapshot \(id.short) is refused", subject: id.digest.hex,
                cause: error)
        }
    }
}
