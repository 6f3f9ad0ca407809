package import KCacheStore
import SystemPackage

/// The store that the doctor looks at, and what is asked of it.
package struct DoctorStore: Sendable {
    /// As its user knows it.
    package var place: String
    /// Somebody named it, so that it should be there; the standard one comes with the first push.
    package var isNamed: Bool
    package var open: @Sendable () throws -> Store
    /// Whose snapshots a pull from it takes.
    package var trust: SnapshotTrust

    package init(
        place: String, isNamed: Bool, open: @escaping @Sendable () throws -> Store,
        trust: SnapshotTrust = .none
    ) {
        (self.place, self.isNamed, self.open, self.trust) = (place, isNamed, open, trust)
    }
}
