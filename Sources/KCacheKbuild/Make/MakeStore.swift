package import KCacheCore
package import KCacheStore
package import KCacheTree

/// The store that a make may be warmed from and pushed to, and how to tell what is done meanwhile.
package struct MakeStore: Sendable {
    /// Opens it. Asked only when it is needed: no make should wait for a store, or fail for want of one.
    /// With a store that is far away comes the local one.
    package var open: @Sendable (Store.OpenMode) throws -> (store: Store, near: Store?)
    /// Opens another one, by its name, address or folder.
    package var openNamed: @Sendable (String) throws -> (store: Store, near: Store?)
    /// Whose snapshots a make may be warmed from.
    package var trust: @Sendable (Store) -> SnapshotTrust
    /// Signs what is pushed; nil: nobody does.
    package var sign: (@Sendable (SnapshotID) throws -> SshSignature)?
    package var progress: ProgressSink
    /// Gets one line for the person.
    package var tell: @Sendable (String) -> Void

    package init(
        open: @escaping @Sendable (Store.OpenMode) throws -> (store: Store, near: Store?),
        openNamed: (@Sendable (String) throws -> (store: Store, near: Store?))? = nil,
        trust: @escaping @Sendable (Store) -> SnapshotTrust = { _ in .none },
        sign: (@Sendable (SnapshotID) throws -> SshSignature)? = nil,
        progress: @escaping ProgressSink = { _ in }, tell: @escaping @Sendable (String) -> Void
    ) {
        (self.open, self.trust, self.sign) = (open, trust, sign)
        self.openNamed = openNamed ?? { _ in try open(.existing) }
        (self.progress, self.tell) = (progress, tell)
    }

    /// An error in one line, as said after `not warmed: `.
    static func line(_ error: any Error) -> String {
        "\(error)".split(separator: "\n").first.map(String.init) ?? "unknown error"
    }
}
