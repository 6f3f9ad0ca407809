import KCacheCore
import KCacheStore
import KCacheSystem

/// Notices a catalog that lists less than it did: an old one in the place of a newer one, or snapshots that
/// somebody else has forgotten. A reader can't tell the two apart.
///
/// With an allowed-signers file only snapshots count that one of them has signed, and only what their signed
/// records say. Without one, the store's word has to do.
struct ReplayCheck {
    let signatures: SignatureCheck
    let session: StoreSession
    let catalog: Catalog
    let folder: SeenFolder

    /// Compares, and where `keeping` remembers what is listed now; lines to tell.
    ///
    /// - Throws: where signatures are required and snapshots are gone, unless that is accepted.
    static func warnings(
        signatures: SignatureCheck, session: StoreSession, catalog: Catalog, keeping: Bool
    ) throws -> [String] {
        let trust = signatures.trust
        guard let memory = trust.memory else { return [] }
        let folder = SeenFolder(memory)
        let findings: Findings
        do {
            findings = try ReplayCheck(
                signatures: signatures, session: session, catalog: catalog, folder: folder
            ).find()
        } catch is KbuildError where !signatures.isRequired {
            // Told where the chosen snapshot's signature is asked for.
            return []
        } catch let error as SystemError {
            return ["what was seen of this store can't be read: \(error)"]
        }
        var warnings: [String] = []
        if !findings.lost.isEmpty, !trust.acceptsOlder {
            let line = line(findings.lost, session.store)
            guard !signatures.isRequired else {
                throw KbuildError(
                    .untrusted,
                    "nothing was pulled, since signatures are required: \(line): pull --accept-older takes it"
                )
            }
            warnings.append(line)
        }
        guard findings.changed, keeping else { return warnings }
        do { try folder.save(findings.seen) } catch {
            // A full or read-only folder is no reason to fail.
            warnings.append("what this store lists is not remembered: \(error)")
        }
        return warnings
    }

    struct Findings {
        /// Newest of their names when they were seen; no longer listed so that they count, and nothing newer is.
        var lost: [SeenSnapshots.Mark] = []
        /// What is to be remembered now.
        var seen: SeenSnapshots
        var changed = false
    }

    func find() throws -> Findings {
        let place = session.store.place
        let before = try folder.load(place) ?? SeenSnapshots(place: place)
        var findings = Findings(seen: before)
        let known = Dictionary(grouping: catalog.entries) { $0.header.name }
        var marks: [SeenSnapshots.Mark] = []
        let usable = before.marks.filter { $0.signed || !needsSignatures }
        for mark in usable {
            if let newer = try newest(of: known[mark.name] ?? [], than: mark) {
                marks.append(newer)
            } else if try isListed(mark.id) {
                marks.append(mark)
            } else {
                findings.lost.append(mark)
                if let next = try newest(of: known[mark.name] ?? [], than: nil) { marks.append(next) }
            }
        }
        let done = Set(usable.map(\.name))
        for (name, entries) in known where !done.contains(name) {
            if let first = try newest(of: entries, than: nil) { marks.append(first) }
        }
        findings.seen.set(marks)
        findings.changed = findings.seen != before
        return findings
    }

    /// For people, one line.
    private static func line(_ lost: [SeenSnapshots.Mark], _ store: Store) -> String {
        let named = lost.prefix(3).map { mark in
            mark.name.isEmpty
                ? mark.id.short : "\(mark.id.short) \"\(quoteForPeople(Array(mark.name.utf8)))\""
        }
        let more = lost.count > 3 ? " and \(lost.count - 3) more" : ""
        let what = lost.count == 1 ? "the newest of its name" : "the newest of their names"
        let ways = lost.contains { $0.signed } ? ", or not with a signature that counts" : ""
        return
            "\(store.place) no longer lists snapshot \(named.joined(separator: ", "))\(more)\(ways), \(what) when "
            + "last seen here: forgotten elsewhere, or an old catalog in the place of a newer one"
    }

    // MARK: Steps

    private var needsSignatures: Bool { signatures.trust.allowedSigners != nil }

    /// Whether a snapshot that was seen is there as it was: one that has lost its signature, or that the catalog
    /// now calls something else, would not be chosen, and an older one in its place.
    private func isListed(_ id: SnapshotID) throws -> Bool {
        if let entry = catalog[id] { return try counts(entry) }
        return !needsSignatures && catalog.unreadable.contains { $0.name == id.digest.hex }
    }

    /// The newest that counts, if it is not older than the mark. Entries stand newest first.
    private func newest(of entries: [CatalogEntry], than mark: SeenSnapshots.Mark?) throws
        -> SeenSnapshots.Mark?
    {
        for entry in entries {
            if let mark, entry.id == mark.id || entry.header.created < mark.created { return nil }
            guard try counts(entry) else { continue }
            return SeenSnapshots.Mark(
                name: entry.header.name, id: entry.id, created: entry.header.created, signed: needsSignatures)
        }
        return nil
    }

    private func counts(_ entry: CatalogEntry) throws -> Bool {
        guard needsSignatures else { return true }
        guard !signatures.isExhausted, try signatures.judge(entry.id).isGood else { return false }
        do { return try session.record(entry.id)?.header == entry.header } catch is StoreError {
            return false
        }
    }
}
