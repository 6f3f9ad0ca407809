package import KCacheCore
import KCacheSystem

/// Which modification times make `make` see a restored tree as the tree that was pushed, with this tree's
/// own differences as edits made after the build. A pure value.
///
/// - Unchanged sources keep their times. One that lies in the future is brought back to now, since an output
///   newer than it would hide the edits of the time between.
/// - Outputs get times after those, in the order that they had where they were pushed. Sources that were
///   newer than some output there take part in that order, so that what was stale there is stale here.
/// - Sources that differ here get a time after every output.
package struct FreshnessPlan: Sendable {
    package struct Setting: Sendable, Equatable {
        package let path: TreePath
        package let mtime: Int64
    }

    /// What every output carries until all of them are in place: 1980-01-01, which every filesystem can keep
    /// and which is older than any source.
    package static let staleTime: Int64 = 315_532_800_000_000_000

    /// Sources to touch. All of them come before the first output: a kill in between must not leave an output
    /// that has its new time beside a newer source that has still its old one.
    package private(set) var sources: [Setting] = []
    /// Outputs, oldest first.
    package private(set) var outputs: [Setting] = []
    /// Unchanged sources whose time lay in the future.
    package private(set) var fromTheFuture = 0
    /// The filesystem's clock must have come this far before anybody edits the tree.
    package private(set) var settledAt: Int64

    /// For a pull that brings a part of the outputs: none of them counts as fresh, and so none that is here. A
    /// source that is as old as their stamp gets the time of now, or make would not see that they are older.
    package init(leavingStale plan: RestorePlan, resolution: TimeResolution, now: Int64) {
        sources = Self.ancient(plan, resolution: resolution, now: now)
        outputs = (plan.writes + plan.kept).map { plan.entries[$0] }.filter { $0.role == .output }
            .map { Setting(path: $0.path, mtime: Self.staleTime) }
        settledAt = now
    }

    /// Sources that are as old as the stamp of outputs that count as stale (archives and images without times have
    /// such), with the time of now: make would not see that the outputs are older.
    static func ancient(_ plan: RestorePlan, resolution: TimeResolution, now: Int64) -> [Setting] {
        let oldest = oldestTime(resolution)
        let times =
            plan.unchanged.lazy.map { (plan.entries[$0.entry].path, $0.mtime) }.filter { $0.1 <= oldest }
            + (plan.changed + plan.added + plan.conflicts).lazy.map { ($0.path, $0.mtime) }.filter {
                $0.1 <= oldest
            }
        return times.map { Setting(path: $0.0, mtime: resolution.floor(now)) }
    }

    private static func oldestTime(_ resolution: TimeResolution) -> Int64 {
        staleTime + max(resolution.tick, 2_000_000_000)
    }

    /// Whose the sources are.
    package enum Sources: Sendable, Equatable {
        /// This tree's.
        case own
        /// Outputs of other trees are made from them too: none may become older, or what it makes stale there would look
        /// fresh. One that would have to counts as an edit instead.
        case shared
        /// The same, and their times can't be set: the outputs are put before those that differ and are newer than all that
        /// did not change. They are not put before outputs that stood here, by which others may have been made.
        case fixed(newestOutput: Int64)
    }

    /// - Parameters:
    ///   - now: the filesystem's clock, before anything is written.
    ///   - kind: whose the sources are.
    ///   - floor: no output gets a time before this. Files outside of the tree, such as the system headers that
    ///     saved commands name, may be newer than sources that were unpacked with old times.
    package init(
        _ plan: RestorePlan, resolution: TimeResolution, now: Int64, without removed: Set<TreePath> = [],
        sources kind: Sources = .own, notBefore floor: Int64 = .min
    ) {
        let tick = resolution.tick
        let present = resolution.floor(now)
        var base = Int64.min
        var ordered: [(order: Int64, isSource: Bool, path: TreePath)] = []
        for (place, mtime) in plan.unchanged {
            let entry = plan.entries[place]
            if entry.order != 0 {
                ordered.append((entry.order, true, entry.path))
                continue
            }
            let isAncient = mtime <= Self.oldestTime(resolution)
            if mtime > now || isAncient {
                sources.append(Setting(path: entry.path, mtime: present))
                if mtime > now { fromTheFuture += 1 }
            }
            base = max(base, isAncient ? present : min(mtime, present))
        }
        var written: [TreePath] = []
        for place in plan.writes where plan.entries[place].role != .output {
            let entry = plan.entries[place]
            if entry.order != 0 {
                ordered.append((entry.order, true, entry.path))
            } else {
                written.append(entry.path)
            }
        }
        if kind == .own, !written.isEmpty { base = max(base, present) }
        if base == .min { base = present }
        for place in plan.writes + plan.kept where plan.entries[place].role == .output {
            let entry = plan.entries[place]
            if !removed.contains(entry.path) { ordered.append((entry.order, false, entry.path)) }
        }
        ordered.sort { $0.order != $1.order ? $0.order < $1.order : $0.path < $1.path }

        // With fine times every place in the order gets its own; with coarse ones only a source that is newer
        // than the outputs before it, since equal times count as fresh.
        let fine = tick <= 1000
        let step = max(1000, tick)
        if case .fixed(let newestOutput) = kind {
            let steps = fine ? ordered.count : ordered.count { $0.isSource }
            let edits = (plan.changed + plan.added + plan.conflicts).lazy.map(\.mtime).filter { $0 > base }
            let ceiling = edits.min().map { resolution.floor($0 - Int64(steps + 2) * step) } ?? .max
            base = max(base, min(floor, max(ceiling, newestOutput)))
        } else {
            base = max(base, floor)
        }
        sources += written.map { Setting(path: $0, mtime: kind == .own ? present : resolution.floor(base)) }
        var time = resolution.ceiling(base)
        var outputsBefore = false
        var start = 0
        while start < ordered.count {
            let end = ordered[start...].firstIndex { $0.order != ordered[start].order } ?? ordered.count
            let group = ordered[start..<end]
            if fine || (outputsBefore && group.contains { $0.isSource }) {
                time += step
                outputsBefore = false
            }
            if group.contains(where: { !$0.isSource }) { outputsBefore = true }
            for item in group {
                let setting = Setting(path: item.path, mtime: time)
                if item.isSource { sources.append(setting) } else { outputs.append(setting) }
            }
            start = end
        }
        let after = time + step
        for (path, mtime) in plan.changed + plan.added + plan.conflicts where mtime < after || mtime > now {
            sources.append(Setting(path: path, mtime: after))
        }
        settledAt = after + tick
        if kind != .own { keepNewer(plan, after: after, now: now) }
    }

    /// One that lies in the future is in the output directory: shared ones of that kind are refused.
    private mutating func keepNewer(_ plan: RestorePlan, after: Int64, now: Int64) {
        let times = Dictionary(
            plan.unchanged.map { (plan.entries[$0.entry].path, $0.mtime) }, uniquingKeysWith: { a, _ in a })
        sources = sources.map { setting in
            guard let time = times[setting.path], time > setting.mtime, time <= now else {
                return setting
            }
            return Setting(path: setting.path, mtime: max(time, after))
        }
    }

    /// True if a tree is already as the plan wants it, times included: then nothing has to be touched.
    ///
    /// Every output stands after every source, and all that has a place in the snapshot's order (a source that is newer
    /// than the first outputs, too) stands in it, equal where that is equal. What differs here is left to a restore, and
    /// it is for the caller to know what a late source makes stale that make does not see.
    package static func isCarriedOut(_ plan: RestorePlan, in local: LocalTree, now: Int64) -> Bool {
        guard plan.mode == .checkout, plan.writes.isEmpty, plan.differences.isEmpty,
            plan.leftovers.allSatisfy({ plan.unstored.contains($0) })
        else { return false }
        var base = Int64.min
        var ordered: [(order: Int64, mtime: Int64)] = []
        ordered.reserveCapacity(plan.kept.count + 1)
        for (place, mtime) in plan.unchanged {
            guard mtime < now else { return false }
            let entry = plan.entries[place]
            if entry.order == 0 { base = max(base, mtime) } else { ordered.append((entry.order, mtime)) }
        }
        for place in plan.kept {
            let entry = plan.entries[place]
            guard let status = local.listing[entry.path]?.status, status.mtime > base, status.mtime < now
            else {
                return false
            }
            ordered.append((entry.order, status.mtime))
        }
        ordered.sort { $0.order < $1.order }
        return zip(ordered, ordered.dropFirst()).allSatisfy { a, b in
            a.order == b.order ? a.mtime == b.mtime : a.mtime < b.mtime
        }
    }
}
