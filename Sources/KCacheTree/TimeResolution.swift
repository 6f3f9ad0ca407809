import KCacheCore
package import KCacheSystem
import SystemPackage

/// How a filesystem keeps modification times, and what time it is there.
package struct TimeResolution: Sendable, Equatable {
    /// Nanoseconds between two times that it can tell apart.
    package let tick: Int64

    package init(tick: Int64) { self.tick = tick }

    /// The largest stored time that is not after `time`.
    package func floor(_ time: Int64) -> Int64 { time - ((time % tick) + tick) % tick }

    package func ceiling(_ time: Int64) -> Int64 {
        let low = floor(time)
        return low == time ? time : low + tick
    }

    /// Finds out by setting a time on a temporary file and reading it back.
    package static func measure(in root: Directory) throws -> TimeResolution {
        try withTemporary(in: root) { name in
            try root.setModificationTime(name, odd)
            return of(kept: try root.status(name)?.mtime ?? 0)
        }
    }

    /// The coarser of the directory's and its base's: the sources are edited there.
    package static func measureEverywhere(in root: Directory) throws -> TimeResolution {
        let own = try measure(in: root)
        guard let base = root.base?.directory else { return own }
        do { return TimeResolution(tick: max(own.tick, try measure(in: base).tick)) } catch let error
            as SystemError
            where error.isOfWriting
        {
            // Where nothing can be written, the times of what is there tell.
            let isCoarse = try base.entries().allSatisfy { $0.status.ctime % 1_000_000_000 == 0 }
            return isCoarse ? TimeResolution(tick: max(own.tick, 2_000_000_000)) : own
        }
    }

    /// The clock of the directory or of its base, whichever is behind.
    package static func nowEverywhere(in root: Directory) throws -> Int64 {
        let own = try now(in: root)
        guard let base = root.base?.directory else { return own }
        do { return min(own, try now(in: base)) } catch let error as SystemError where error.isOfWriting {
            return own
        }
    }

    /// The same by a file without a name, so that nothing in the tree changes; nil where there are none such.
    package static func asking(_ root: Directory) throws(SystemError) -> TimeResolution? {
        try root.keptTime(odd).map { of(kept: $0) }
    }

    private static let odd: Int64 = 1_700_000_001_987_654_321

    private static func of(kept: Int64) -> TimeResolution {
        let candidates: [Int64] = [1, 100, 1000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000]
        return TimeResolution(tick: candidates.first { odd - odd % $0 == kept } ?? 2_000_000_000)
    }

    /// The time that the filesystem gives to a file which is written now. It may lie some milliseconds behind
    /// the clock (the kernel's coarse clock), or belong to a server.
    package static func now(in root: Directory) throws -> Int64 {
        try withTemporary(in: root) { name in try root.status(name)?.mtime ?? 0 }
    }

    private static func withTemporary<R>(in root: Directory, _ body: (TreePath) throws -> R) throws -> R {
        let name = TemporaryName.atRoot()
        do {
            let file = try root.createFile(name)
            try file.write([0])
        }
        do {
            let result = try body(name)
            try root.remove(name)
            return result
        } catch {
            do { try root.remove(name) } catch _ {}
            throw error
        }
    }
}
