package import KCacheCore
package import KCacheStore
package import KCacheSystem

/// Carries out a restore plan.
///
/// The order of steps is what makes a kill or a power cut harmless at any moment:
/// 1. every output here is stamped older than any source, so that make would remake it;
/// 2. the snapshot's outputs are written, with that stamp too, each under a temporary name first;
/// 3. what make could wrongly take as fresh is removed;
/// 4. the filesystem is synced, so that no fresh time can outlive the content it vouches for;
/// 5. sources that differ get their times, then the outputs theirs, oldest first.
package struct TreeRestorer: Sendable {
    package let root: Directory
    package let plan: RestorePlan
    package let rules: ContentRules
    package let session: StoreSession
    package var options: Options

    package struct Options: Sendable {
        /// Waits for the disk before anything counts as fresh. Without it a power cut may leave empty outputs.
        package var sync = true
        /// Runs when the outputs are in place; names those that make would wrongly take as fresh.
        package var invalidated: @Sendable () throws -> [TreePath] = { [] }
        /// Outputs whose bytes depend on this tree's times or owners, and are made here: nil means leave it out.
        package var computed: [TreePath: @Sendable () throws -> [UInt8]?] = [:]
        package var progress: ProgressSink = { _ in }
        /// The plan is for a part of the outputs: none of them is to count as fresh when they are in place.
        package var leavesStale = false
        /// The filesystem's clock before the tree was read; nil: before the first write. No output is older: what
        /// lies outside of the tree counts as what outputs were made from, what was edited since does not.
        package var readingBegan: Int64?
        /// The newest time of an output that stands here.
        package var newestOutput: Int64?
        /// Reads as little as it can; nil where reading is cheap.
        package var thrift: Thrift?
        package init() {}
    }

    package struct Summary: Sendable {
        package var written = 0
        package var writtenBytes = ByteCount.zero
        package var kept = 0
        package var removed: [TreePath] = []
        /// Outputs that were right and that somebody wrote to meanwhile: they look stale now.
        package var disturbed: [TreePath] = []
        package var thrift = Thrift.Summary()
        package var freshness: FreshnessPlan
    }

    package init(
        root: Directory, plan: RestorePlan, rules: ContentRules, session: StoreSession,
        options: Options = Options()
    ) {
        (self.root, self.plan, self.rules) = (root, plan, rules)
        (self.session, self.options) = (session, options)
    }

    /// What was found out before anything is written.
    package struct Start: Sendable {
        let resolution: TimeResolution
        /// The filesystem's clock.
        let now: Int64
        /// Sources that differ keep their times: see `FreshnessPlan.Sources.fixed`.
        var keepsEdits = false
    }

    /// Looks whether the plan can be carried out here. Nothing is changed.
    ///
    /// - Throws: `TreeError` where it can't.
    package func prepare() throws -> Start {
        try FilesystemCheck.check(plan, in: root)
        var start = Start(
            resolution: try TimeResolution.measureEverywhere(in: root), now: try TimeResolution.now(in: root))
        guard root.base != nil else { return start }
        if try SharedSources.firstFixed(times(start, without: []), in: root) != nil {
            start.keepsEdits = true
        }
        try SharedSources.check(plan, times(start, without: []), in: root, now: start.now)
        return start
    }

    /// - Parameter removed: outputs that make has to remake.
    private func times(_ start: Start, without removed: [TreePath]) -> FreshnessPlan {
        if options.leavesStale {
            return FreshnessPlan(leavingStale: plan, resolution: start.resolution, now: start.now)
        }
        let sources: FreshnessPlan.Sources =
            root.base == nil
            ? .own : start.keepsEdits ? .fixed(newestOutput: options.newestOutput ?? .min) : .shared
        return FreshnessPlan(
            plan, resolution: start.resolution, now: start.now, without: Set(removed), sources: sources,
            notBefore: start.resolution.floor(options.readingBegan ?? start.now))
    }

    package func run() throws -> Summary { try run(try prepare()) }

    package func run(_ start: Start) throws -> Summary {
        let writes = plan.writes.filter { options.computed[plan.entries[$0].path] == nil }
        let standing = plan.kept + plan.unchanged.map(\.entry)
        try ContentCheck.check(
            writes, of: plan.entries, standing: options.thrift == nil ? [] : standing, session)
        if plan.mode == .whole { try PullMarker.set(in: root) }
        // Before any output gets the stamp: it must be older than all sources.
        for setting in FreshnessPlan.ancient(plan, resolution: start.resolution, now: start.now) {
            try root.setModificationTime(setting.path, setting.mtime)
        }
        var disturbed = try stampStale()
        try root.makeParents(of: plan.writes.lazy.map { plan.entries[$0].path })
        let outcome = try ContentWriter(
            placer: FilePlacer(root: root), entries: plan.entries, session: session, rules: rules,
            progress: options.progress, thrift: options.thrift,
            present: standing
        ).write(writes)

        let invalidated = outcome.unmade + (try options.invalidated()).filter { plan.mayRemove($0) }
        for path in invalidated { try root.remove(path) }
        if options.sync, !plan.writes.isEmpty { try root.syncFilesystem() }

        let freshness = times(start, without: invalidated)
        var summary = Summary(removed: invalidated, freshness: freshness)
        for setting in freshness.sources { try root.setModificationTime(setting.path, setting.mtime) }
        var computed: [FreshnessPlan.Setting] = []
        let kept = Set(plan.kept.lazy.map { plan.entries[$0].path })
        for setting in freshness.outputs {
            if options.computed[setting.path] != nil {
                computed.append(setting)
            } else if try kept.contains(setting.path) && !isAsStamped(setting.path, &disturbed) {
                try root.setModificationTime(setting.path, FreshnessPlan.staleTime)
            } else {
                try root.setModificationTime(setting.path, setting.mtime)
            }
        }
        for setting in computed { try writeComputed(setting, &summary) }
        try PullMarker.clear(in: root)
        try wait(until: freshness.settledAt)

        summary.written = writes.count - outcome.unmade.count
        summary.thrift = outcome.thrift
        summary.writtenBytes = writes.reduce(ByteCount.zero) { $0 + plan.entries[$1].size }
        summary.kept = plan.kept.count
        summary.disturbed = disturbed.sorted()
        return summary
    }

    /// Returns the kept outputs that are not what was read.
    private func stampStale() throws -> Set<TreePath> {
        let kept = plan.kept.map { plan.entries[$0].path }
        var disturbed = Set<TreePath>()
        for (path, earlier) in zip(kept, plan.keptAs)
        where try root.status(path)?.isUnchanged(since: earlier) != true { disturbed.insert(path) }
        // Also where nothing is to be written: the times that follow are set one by one, and a kill between
        // two of them must not leave an output newer than a source that differs.
        for path in plan.replaced + kept + plan.leftovers {
            try root.setModificationTime(path, FreshnessPlan.staleTime)
        }
        return disturbed
    }

    /// True if nobody has written to a kept output since it was compared.
    private func isAsStamped(_ path: TreePath, _ disturbed: inout Set<TreePath>) throws -> Bool {
        if try root.status(path)?.mtime != FreshnessPlan.staleTime { disturbed.insert(path) }
        return !disturbed.contains(path)
    }

    private func writeComputed(_ setting: FreshnessPlan.Setting, _ summary: inout Summary) throws {
        guard plan.mayRemove(setting.path) else { return }
        guard let bytes = try options.computed[setting.path]?() else {
            try root.remove(setting.path)
            summary.removed.append(setting.path)
            return
        }
        try FilePlacer(root: root).file(setting.path, executable: false, stamp: .stale) { file in
            try file.write(bytes)
            if options.sync { try file.sync() }
        }
        try root.setModificationTime(setting.path, setting.mtime)
    }

    /// Until the filesystem gives a later time to whatever is edited or built next.
    private func wait(until time: Int64) throws {
        for _ in 0..<10_000 {
            let now = try TimeResolution.nowEverywhere(in: root)
            if now >= time { return }
            WallClock.sleep(min(max(time - now, 1_000_000), 500_000_000))
        }
    }
}

/// Marks a directory that a pull is filling from nothing, so that a killed one can be taken up again.
package enum PullMarker {
    private static let name = TreePath(literal: TemporaryName.prefix + Array("pull".utf8))

    package static func set(in root: Directory) throws { try AtomicFile.write([], to: name, in: root) }

    package static func isSet(in root: Directory) throws -> Bool { try root.status(name) != nil }

    /// True for this one, and for the note of the root: both stay until they are taken away by name.
    package static func isMarker(_ path: TreePath) -> Bool { path == name || RootNote.isNote(path) }

    package static func clear(in root: Directory) throws { try root.remove(name) }
}
