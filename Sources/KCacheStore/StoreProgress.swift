/// How far a long operation on a store has come.
package struct StoreProgress: Sendable {
    package enum Phase: Sendable {
        /// Reading the snapshots' manifests; counted in snapshots.
        case snapshots
        /// Checking packs; counted in bytes.
        case packs
        /// Writing packs anew; counted in packs.
        case rewriting
    }

    package let phase: Phase
    package let done: UInt64
    package let total: UInt64

    package typealias Report = @Sendable (StoreProgress) -> Void
}
