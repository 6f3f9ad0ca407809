import Synchronization

/// A number that any thread may set.
package final class SharedNumber: Sendable {
    private let stored = Atomic<Int64>(0)

    package init() {}

    package var value: Int64 {
        get { stored.load(ordering: .sequentiallyConsistent) }
        set { stored.store(newValue, ordering: .sequentiallyConsistent) }
    }
}
