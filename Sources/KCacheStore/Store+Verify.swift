import KCacheCore
import KCacheSystem
import Synchronization

extension Store {
    /// Reads and checks every byte; changes nothing. Pushes may go on meanwhile, gc waits.
    package func verify(
        waiting: @Sendable () -> Void = {}, progress: @escaping StoreProgress.Report = { _ in }
    ) throws -> VerifyReport {
        let lock = try locks.shared(waiting)
        return try withExtendedLifetime(lock) {
            // The catalog first: what it lists by now, a push has stored before.
            let catalog = try catalog()
            let inventory = try reader.packs()
            let session = StoreSession(self, lock: lock, inventory: inventory)
            var report = VerifyReport()
            checkIndexes(inventory, &report)
            let sound = try checkPacks(inventory, session, &report, progress)
            try checkSnapshots(catalog, session, sound, &report, progress)
            return report
        }
    }

    private func checkIndexes(_ inventory: PackInventory, _ report: inout VerifyReport) {
        for (pack, problem) in inventory.withoutIndex {
            if let problem {
                report.problems.append("\(problem); the pack has its own table: kcache gc mends this")
            } else {
                report.notes.append("pack \(pack.short) has no index yet: kcache gc writes it")
            }
        }
        for (_, _, problem) in inventory.unreadable { report.problems.append("\(problem)") }
        for pack in inventory.indexesWithoutPack {
            report.problems.append("index \(pack.short) has no pack: the pack was lost")
        }
    }

    private func checkPacks(
        _ inventory: PackInventory, _ session: StoreSession, _ report: inout VerifyReport,
        _ progress: StoreProgress.Report
    ) throws -> Set<Digest> {
        struct Found: Sendable {
            var result = VerifyReport()
            var sound = Set<Digest>()
            var done: UInt64 = 0
        }
        let total = inventory.packs.reduce(UInt64(0)) { $0 + $1.packSize }
        let found = Mutex(Found())
        let packs = inventory.packs
        try Parallel.forEach(packs.count) { i in
            let index = packs[i]
            let checked = try session.decompressors.withWorker { worker in
                PackVerifier(objects: objects, worker: worker).verify(index)
            }
            let done = found.withLock {
                $0.result.problems += checked.problems
                $0.result.packs += 1
                $0.result.chunks += checked.sound.count
                $0.sound.formUnion(checked.sound.lazy.map(\.digest))
                $0.done += index.packSize
                return $0.done
            }
            progress(StoreProgress(phase: .packs, done: done, total: total))
        }
        let all = found.withLock { $0 }
        report.problems += all.result.problems.sorted()
        report.packs = all.result.packs
        report.chunks = all.result.chunks
        report.bytes = ByteCount(all.done)
        return all.sound
    }

    private func checkSnapshots(
        _ catalog: Catalog, _ session: StoreSession, _ sound: Set<Digest>, _ report: inout VerifyReport,
        _ progress: StoreProgress.Report
    ) throws {
        report.problems += catalog.unreadable.map(\.problem.description)
        let index = session.index
        let damaged = index.entries.indices.filter {
            index.first(index.entries[$0].digest) == $0 && !sound.contains(index.entries[$0].digest)
        }
        let bad = Set(damaged)
        for (number, entry) in catalog.entries.enumerated() {
            do {
                let reach = try session.reach(entry, in: index)
                if reach.record.header != entry.header {
                    report.problems.append(
                        "the catalog entry of snapshot \(entry.id.short) says other things than its record")
                }
                let lost = reach.missing + reach.places.count { bad.contains($0) }
                if lost > 0 {
                    report.problems.append(
                        "snapshot \(entry.id.short): \(lost) of its chunks are missing or damaged")
                }
            } catch {
                // Unless it was forgotten while this was running.
                if try objects.info(.catalog(entry.id.digest)) != nil { report.problems.append("\(error)") }
            }
            report.snapshots += 1
            progress(
                StoreProgress(
                    phase: .snapshots, done: UInt64(number + 1), total: UInt64(catalog.entries.count)))
        }
        let listed = Set(catalog.entries.map(\.id.digest))
            .union(catalog.unreadable.compactMap { Digest(hex: $0.name) })
        try checkSignatures(listed, &report)
        let orphans = try objects.list(.snapshots).compactMap(\.name.digest).filter { !listed.contains($0) }
        for orphan in orphans.sorted() {
            report.notes.append(
                "snapshot \(orphan.short) was never listed or is forgotten: kcache gc removes it")
        }
        let leftovers = try objects.removeLeftovers(dryRun: true)
        if leftovers > 0 { report.notes.append("\(leftovers) temporary files of this or killed pushes") }
    }

    /// That they are signatures, and for kcache. Whether they are right depends on whom one trusts: pull says.
    private func checkSignatures(_ listed: Set<Digest>, _ report: inout VerifyReport) throws {
        for digest in try objects.list(.signatures).compactMap(\.name.digest).sorted() {
            let id = SnapshotID(digest)
            guard listed.contains(digest) else {
                report.notes.append(
                    "snapshot \(id.short) is signed and not listed: kcache gc removes the signature")
                continue
            }
            do {
                for signature in try reader.signatures(id) ?? []
                where signature.namespace != SshSignature.namespace {
                    report.problems.append(
                        "the signature of snapshot \(id.short) is for \(signature.namespace), not for kcache")
                }
                report.signatures += 1
            } catch let error as StoreError { report.problems.append("\(error)") }
        }
    }
}
