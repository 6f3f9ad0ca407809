import KCacheCore
package import KCacheSystem
import SystemPackage

/// The records of successful makes: whether there is anything to do, and what changed.
///
/// May be used by several processes at once: a record is replaced whole.
package struct BuildRecords: Sendable {
    private let host: HostEnvironment
    private let user: UInt32

    package init(host: HostEnvironment, identity: HostIdentity = .current()) {
        self.host = host
        user = identity.user
    }

    /// Compares the key's record with the trees.
    ///
    /// - Throws: only for a tree that can't be opened; a missing or damaged record is `unknown`.
    package func check(_ key: BuildKey, _ place: BuildPlace, _ depth: CheckDepth) throws -> BuildVerdict {
        guard let folder = RecordFolder.existing(cache: host.cacheFolder, tree: key.tree),
            let record = folder.load(key.digest)
        else { return .unknown("no record of a make with these goals, variables and tools") }
        if depth == .first, !record.isConfirmed { return .changed(BuildChanges(record: record)) }
        guard let changes = try StampCheck(record: record).changes(depth) else {
            return .unknown("the tree is another than the one of the record")
        }
        if changes.isEmpty, record.isConfirmed {
            folder.touch(key.digest, now: host.clock.now())
            return .unchanged
        }
        return .changed(changes)
    }

    /// All that differs from a confirmed record; nil if there is none.
    ///
    /// - Throws: for a tree that can't be opened.
    func changes(key: Digest, tree: Digest) throws -> BuildChanges? {
        guard let folder = RecordFolder.existing(cache: host.cacheFolder, tree: tree),
            let record = folder.load(key), record.isConfirmed
        else { return nil }
        return try StampCheck(record: record).changes(.all)
    }

    /// Takes down how the trees stand after a make that succeeded. Not atomic with the make: what changed since
    /// `started` and is no output prevents a record.
    ///
    /// - Throws: `SystemError` for a tree that can't be read or a cache folder that can't be written; the caller
    ///   goes on without a record.
    package func record(_ key: BuildKey, _ place: BuildPlace, started: BuildStart) throws -> RecordOutcome {
        let roots = try place.roots()
        if let reason = refusal(roots) { return .none(reason) }
        guard let folder = try RecordFolder.made(cache: host.cacheFolder, tree: key.tree) else {
            return .none("the cache folder is not yours alone")
        }
        let former = folder.load(key.digest)
        do {
            var result = try RecordScan(key: key, roots: roots, host: host, started: started).record()
            result.record.isConfirmed = Confirmation.holds(result, after: former)
            try folder.save(result.record)
            return .recorded(confirmed: result.record.isConfirmed)
        } catch let refusal as RecordRefusal {
            // What an earlier make left is not known to hold after this one.
            try folder.remove(key.digest)
            return .none(refusal.reason)
        }
    }

    /// That the state of the key's record was pushed; nil if it was not, or that can't be told.
    func pushMark(_ key: BuildKey) -> PushMark? {
        guard let folder = folder(key), let mark = folder.pushMark(key.digest),
            mark.state == folder.state(key.digest)
        else { return nil }
        return mark
    }

    /// What tells the key's record from every other; nil if there is none.
    func state(_ key: BuildKey) -> Digest? { folder(key)?.state(key.digest) }

    /// Notes that a record's state was pushed.
    func save(_ mark: PushMark, _ key: BuildKey) throws(SystemError) {
        try folder(key)?.save(mark, key.digest)
    }

    private func folder(_ key: BuildKey) -> RecordFolder? {
        RecordFolder.existing(cache: host.cacheFolder, tree: key.tree)
    }

    private func refusal(_ roots: [BuildRoot]) -> String? {
        for root in roots {
            if FilesystemKind.isForeign(root.directory) {
                return "\(quoteForPeople(root.path)) is on a network or foreign filesystem"
            }
            if user == 0, root.status.owner != 0 {
                return "\(quoteForPeople(root.path)) is another user's, and this is root"
            }
        }
        return nil
    }
}

/// Why there can be no record.
struct RecordRefusal: Error, Hashable, Sendable {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}
