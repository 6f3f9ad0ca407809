import Synchronization

/// Lets so many bytes through in a second, on average.
package final class RateLimit: Sendable {
    private let bytesPerSecond: Int
    /// When the bytes that went so far are paid for, in nanoseconds of the monotonic clock.
    private let paidAt = Mutex<Int64>(0)

    package init(bytesPerSecond: Int) { self.bytesPerSecond = max(1, bytesPerSecond) }

    /// Waits until so many bytes may follow. A quarter of a second's worth may come at once.
    package func wait(for bytes: Int) {
        let now = SteadyClock.now()
        let cost = Int64(Double(bytes) / Double(bytesPerSecond) * 1e9)
        let due = paidAt.withLock { paid in
            paid = max(paid, now - 250_000_000) + cost
            return paid
        }
        if due > now { WallClock.sleep(due - now) }
    }
}
