package import KCacheCore

/// What a check of every byte of a store has found.
package struct VerifyReport: Sendable {
    /// Damage and loss, one line each; empty for a sound store.
    package var problems: [String] = []
    /// What is no damage: leftovers of killed pushes, packs that wait for their index.
    package var notes: [String] = []
    package var packs = 0
    package var chunks = 0
    package var snapshots = 0
    /// Snapshots with signatures in good form.
    package var signatures = 0
    /// Compressed bytes read.
    package var bytes = ByteCount.zero

    package init() {}

    package var isSound: Bool { problems.isEmpty }
}
