import Glibc

/// The wall clock, passed in so that tests can set it.
package struct WallClock: Sendable {
    private let read: @Sendable () -> Int64

    package init(_ read: @escaping @Sendable () -> Int64) { self.read = read }

    /// Nanoseconds since 1970.
    package func now() -> Int64 { read() }

    package static let system = WallClock {
        var t = timespec()
        clock_gettime(CLOCK_REALTIME, &t)
        return Int64(t.tv_sec) * 1_000_000_000 + Int64(t.tv_nsec)
    }

    /// Sleeps for so many nanoseconds.
    package static func sleep(_ ns: Int64) {
        guard ns > 0 else { return }
        var t = timespec(tv_sec: Int(ns / 1_000_000_000), tv_nsec: Int(ns % 1_000_000_000))
        while true {
            var rest = timespec()
            guard nanosleep(&t, &rest) != 0, errno == EINTR else { return }
            t = rest
        }
    }
}

/// A clock that only goes forward, for lengths of time.
package enum SteadyClock {
    /// Nanoseconds since some moment.
    package static func now() -> Int64 {
        var t = timespec()
        clock_gettime(CLOCK_MONOTONIC, &t)
        return Int64(t.tv_sec) * 1_000_000_000 + Int64(t.tv_nsec)
    }
}
