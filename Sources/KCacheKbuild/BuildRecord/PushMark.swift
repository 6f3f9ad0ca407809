package import KCacheCore

/// That the state of a build record was pushed: beside the record, so that nobody pushes it again.
package struct PushMark: Hashable, Sendable {
    /// The checksum at the record's end.
    package var state: Digest
    /// The store's folder.
    package var store: String
    package var snapshot: SnapshotID

    package init(state: Digest, store: String, snapshot: SnapshotID) {
        (self.state, self.store, self.snapshot) = (state, store, snapshot)
    }

    private static let magic = Array("KCPM1 ".utf8)

    /// One line: the two digests, and the store's folder up to the end.
    package func encode() -> [UInt8] {
        Self.magic + Array("\(state.hex) \(snapshot.digest.hex) \(store)".utf8)
    }

    /// Nil for anything that `encode` does not make.
    package init?(parsing bytes: [UInt8]) {
        guard bytes.starts(with: Self.magic), let text = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        let parts = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let state = Digest(hex: String(parts[1])),
            let snapshot = Digest(hex: String(parts[2]))
        else { return nil }
        self.init(state: state, store: String(parts[3]), snapshot: SnapshotID(snapshot))
        guard encode() == bytes else { return nil }
    }
}
