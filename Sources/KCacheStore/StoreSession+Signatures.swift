package import KCacheCore

extension StoreSession {
    /// Signs a snapshot; nil where that is not wanted.
    package typealias Signing = (SnapshotID) throws -> [SshSignature]

    /// The snapshot's signatures in their form alone; nil if there are none.
    ///
    /// - Throws: with code `damaged` for anything else that lies there.
    package func signatures(_ id: SnapshotID) throws -> [SshSignature]? { try store.signatures(id) }

    /// Adds a signature to those of a snapshot, in the place of an earlier one by the same key. May be repeated.
    ///
    /// Not for two at once: one of them may then be lost, and is there after the next push. What can't be read
    /// there is replaced: it is worth nothing to anybody.
    package func add(_ signature: SshSignature, to id: SnapshotID) throws {
        var all: [SshSignature] = []
        do { all = try signatures(id) ?? [] } catch let error as StoreError where error.code == .damaged {}
        all.removeAll { $0.publicKey == signature.publicKey }
        guard all.count < SnapshotSignatures.most else {
            throw StoreError(
                .refused, "snapshot \(id.short) has \(all.count) signatures already, and can have no more",
                subject: id.digest.hex)
        }
        try store.objects.put(.signature(id.digest), SnapshotSignatures.encode(all + [signature]))
    }
}

extension Store {
    /// The same, for who reads nothing else.
    package func signatures(_ id: SnapshotID) throws -> [SshSignature]? { try reader.signatures(id) }

    /// The snapshots that somebody has signed, whoever that is.
    package func signedSnapshots() throws -> Set<SnapshotID> {
        Set(try objects.list(.signatures).compactMap { $0.name.digest.map { SnapshotID($0) } })
    }
}
