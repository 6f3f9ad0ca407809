import Dispatch
import Synchronization

/// Work on all cores.
package enum Parallel {
    /// Calls `body` for 0 ..< count, in any order, on up to `workers` threads, and waits for all.
    ///
    /// After a call has thrown, calls not yet begun are left out; the first error is thrown.
    package static func forEach(
        _ count: Int, workers: Int = coreCount, _ body: @Sendable (Int) throws -> Void
    ) throws {
        if workers <= 1 || count <= 1 {
            for i in 0..<count { try body(i) }
            return
        }
        let next = Atomic<Int>(0)
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: min(workers, count)) { _ in
            while true {
                let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if i >= count { return }
                do { try body(i) } catch {
                    failure.withLock { if $0 == nil { $0 = error } }
                    next.store(count, ordering: .relaxed)
                    return
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Begins work that nobody waits for; it ends with the process at the latest.
    package static func start(_ body: @escaping @Sendable () -> Void) {
        DispatchQueue.global().async { body() }
    }

    /// Maps in parallel, keeping the order.
    package static func map<T: Sendable>(
        _ count: Int, workers: Int = coreCount, _ body: @Sendable (Int) throws -> T
    ) throws -> [T] {
        let results = Mutex<[T?]>(Array(repeating: nil, count: count))
        try forEach(count, workers: workers) { i in
            let value = try body(i)
            results.withLock { $0[i] = value }
        }
        return results.withLock { $0.compactMap { $0 } }
    }

    /// Processors that this process may use (sched_getaffinity).
    package static let coreCount = max(1, availableProcessors())
}
