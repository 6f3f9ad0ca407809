import KCacheCore
import KCacheSystem

/// Removes what no snapshot needs. The exclusive lock must be held.
///
/// Killed at any moment nothing live is lost: new packs and their indexes are durable before anything goes,
/// and what goes, goes in the order catalog, signatures, snapshots, index, packs.
struct GarbageCollector {
    let session: StoreSession
    /// Listed before the packs: in a dry run others may push.
    let catalog: Catalog
    let inventory: PackInventory
    let options: GarbageOptions
    let progress: StoreProgress.Report

    private var store: Store { session.store }
    private var objects: any ObjectPruner { session.store.objects }

    func run() throws -> GarbageSummary {
        var summary = GarbageSummary()
        let index = session.index
        let reaches = try readSnapshots(index, &summary)
        let sizes = try StoreSizes(objects)
        summary.sizeBefore = ByteCount(sizes.total)
        let unreadable = inventory.unreadable.reduce(UInt64(0)) {
            $0 + $1.size.value + sizes.indexes[$1.pack, default: 0]
        }
        let plan = GarbagePlan(
            index, reaches, maxSize: options.maxSize, sizes: sizes, otherBytes: unreadable,
            repackBelow: store.options.repackBelow)
        summary.forgotten = plan.forgotten
        if plan.exceeds, let maxSize = options.maxSize {
            summary.notes.append(
                "the most recently used snapshot is kept although the store stays above \(maxSize)")
        }
        for (_, _, problem) in inventory.unreadable {
            summary.notes.append("\(problem); it is kept as it is")
        }
        summary.removedTemporaries = try objects.removeLeftovers(dryRun: options.dryRun)

        let moved = try rewrite(index, plan, &summary)
        let records = try orphans(.snapshots, reaches)
        let signatures = try orphans(.signatures, reaches)
        summary.removedRecords = records.count
        summary.removedSignatures = signatures.count
        let forgotten = plan.forgotten.map(\.id.digest)
        // A new pack may have the very content, so the name, of one that was to go.
        let gone = (plan.dropped + plan.rewritten).filter { !moved.kept.contains($0) }
            .map { index.packs[$0].digest }.filter { !moved.written.contains($0) }
        let goneSet = Set(gone)
        let rebuilt = inventory.withoutIndex.map(\.pack).filter { !goneSet.contains($0) }
        summary.rebuiltIndexes = rebuilt.count
        summary.removedIndexes = inventory.indexesWithoutPack.count
        summary.removedPacks = plan.dropped.count { !moved.kept.contains($0) }
        guard !options.dryRun else {
            summary.sizeAfter = ByteCount(plan.bytes)
            return summary
        }
        for index in inventory.packs where rebuilt.contains(index.pack) {
            try objects.put(.index(index.pack), index.encode())
        }
        try objects.delete(forgotten.map { .catalog($0) })
        try objects.delete((forgotten + signatures).map { .signature($0) })
        try objects.delete((forgotten + records).map { .snapshot($0) })
        try objects.delete((inventory.indexesWithoutPack + gone).map { .index($0) })
        try objects.delete(gone.map { .pack($0) })
        summary.sizeAfter = ByteCount(try StoreSizes(objects).total)
        return summary
    }

    // MARK: Steps

    /// - Throws: if any snapshot can't be followed to its chunks: they could be taken for garbage.
    private func readSnapshots(_ index: ChunkIndex, _ summary: inout GarbageSummary) throws -> [SnapshotReach]
    {
        for bad in catalog.unreadable { throw refusal(String(bad.name.prefix(12)), bad.problem) }
        var reaches: [SnapshotReach] = []
        for entry in catalog.entries {
            do { reaches.append(try session.reach(entry, in: index)) } catch {
                throw refusal(entry.id.short, error)
            }
            if let last = reaches.last, last.missing > 0 {
                summary.notes.append(
                    "snapshot \(entry.id.short) lacks \(last.missing) chunks: kcache verify tells more")
            }
            progress(
                StoreProgress(
                    phase: .snapshots, done: UInt64(reaches.count), total: UInt64(catalog.entries.count)))
        }
        return reaches
    }

    private func refusal(_ snapshot: String, _ error: any Error) -> StoreError {
        StoreError(
            .refused,
            "nothing was collected, since snapshot \(snapshot) can't be read and its chunks could be lost "
                + "(kcache forget \(snapshot) gives it up)", subject: snapshot, cause: error)
    }

    /// What is there of a kind for snapshots that the catalog does not list.
    private func orphans(_ kind: ObjectKind, _ reaches: [SnapshotReach]) throws -> [Digest] {
        let listed = Set(reaches.map(\.entry.id.digest))
        return try objects.list(kind).compactMap(\.name.digest).filter { !listed.contains($0) }.sorted()
    }

    private struct Moved {
        /// Packs that must stay, since something in them could not be read.
        var kept = Set<Int>()
        /// New packs.
        var written = Set<Digest>()
    }

    /// Copies the live chunks of the packs that are to be rewritten, and makes sure that what a pack leaves to
    /// other copies can be read there.
    private func rewrite(_ index: ChunkIndex, _ plan: GarbagePlan, _ summary: inout GarbageSummary) throws
        -> Moved
    {
        var moved = Moved()
        guard !options.dryRun else {
            summary.rewrittenPacks = plan.rewritten.count
            return moved
        }
        let reader = ChunkCopier(session: session, index: index)
        let kept = plan.coveredElsewhere.isEmpty ? [:] : plan.keptCopies()
        for (number, places) in plan.coveredElsewhere.sorted(by: { $0.key < $1.key }) {
            do { try reader.check(places.compactMap { kept[index.entries[$0].digest] }) } catch {
                moved.kept.insert(number)
                summary.notes.append(
                    "\(error); pack \(index.packs[number].digest.short) is kept for its copy")
            }
        }
        var writers = try RepackWriters(objects: objects, fullPack: store.options.fullPack)
        for (done, number) in plan.rewritten.enumerated() where !moved.kept.contains(number) {
            do {
                try reader.check(plan.keptEntries[number])
            } catch let error as StoreError where error.code == .damaged || error.code == .missing {
                moved.kept.insert(number)
                summary.notes.append("\(error); the pack is kept as it is")
                continue
            }
            try reader.copy(plan.keptEntries[number], kind: index.packs[number].kind, to: &writers)
            summary.rewrittenPacks += 1
            progress(
                StoreProgress(
                    phase: .rewriting, done: UInt64(done + 1), total: UInt64(plan.rewritten.count)))
        }
        moved.written = Set(try writers.finish())
        return moved
    }
}

extension Store {
    /// Removes what no snapshot needs; with `maxSize` forgets old snapshots first. Waits until it is alone.
    ///
    /// - Throws: with code `refused` and unchanged if a snapshot can't be read.
    package func collect(
        _ options: GarbageOptions = GarbageOptions(), waiting: @Sendable () -> Void = {},
        progress: @escaping StoreProgress.Report = { _ in }
    ) throws -> GarbageSummary {
        let lock = try options.dryRun ? locks.shared(waiting) : locks.exclusive(waiting)
        return try withExtendedLifetime(lock) {
            let catalog = try catalog()
            let inventory = try reader.packs()
            let session = StoreSession(self, lock: lock, inventory: inventory)
            return try GarbageCollector(
                session: session, catalog: catalog, inventory: inventory, options: options, progress: progress
            ).run()
        }
    }

    /// Writes the indexes that are missing or damaged, from their packs; how many. Alone or not.
    @discardableResult
    package func repairIndex() throws -> Int {
        let lock = try locks.shared({})
        return try withExtendedLifetime(lock) {
            let inventory = try reader.packs()
            let wanted = Set(inventory.withoutIndex.map(\.pack))
            for index in inventory.packs where wanted.contains(index.pack) {
                try objects.put(.index(index.pack), index.encode())
            }
            return wanted.count
        }
    }
}
