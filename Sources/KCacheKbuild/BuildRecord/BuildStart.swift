package import KCacheSystem

/// The moment before a make is run: what changes after it may not be what make read.
package struct BuildStart: Sendable {
    /// Nanoseconds since 1970 by the clock that local filesystems take their times from.
    package let time: Int64

    package init(time: Int64) { self.time = time }

    package init(clock: WallClock) { time = clock.now() }
}
