package import KCacheCore
package import KCacheStore
import KCacheSystem
package import KCacheTree
package import SystemPackage

/// Warms a tree, or an empty directory, from a snapshot.
package struct KbuildPuller: Sendable {
    package let host: HostEnvironment
    package let store: Store
    /// A nearer store, in front of one that is far away: what it has is read there, and it keeps what is fetched.
    package let near: Store?

    package init(host: HostEnvironment, store: Store, near: Store? = nil) {
        (self.host, self.store, self.near) = (host, store, near)
    }

    /// What may be pulled alone.
    package enum Part: String, Sendable, CaseIterable {
        /// What `make install modules_install` reads.
        case install
    }

    package struct Request: Sendable {
        package var place: TreePlace
        /// Nil: all of it.
        package var only: Part?
        /// What the user calls the store, to find it again; nil: by its place.
        package var storeName: String?
        /// A snapshot's name or the start of its id; nil picks the best.
        package var snapshot: String?
        package var dryRun = false
        /// See `TreeRestorer.Options.sync`.
        package var sync = true
        /// Leaves objects to make that name the tree's path in their debug information, instead of giving them the
        /// path here.
        package var strict = false
        /// Whose snapshots may be pulled.
        package var trust = SnapshotTrust.none
        /// Has make make programs of the build that can't be started here.
        package var makesPrograms = true
        /// Derives outputs and copies pieces of files here instead of reading them; nil: if the store is remote.
        package var derive: Bool?
        package var progress: ProgressSink = { _ in }
        package var waiting: @Sendable (String) -> Void = { _ in }
        /// Gets what the user has to know before anything is written.
        package var announce: @Sendable (Announcement) -> Void = { _ in }
        /// Gets what is found after that, and before anything is written; each is one of the announcement's remarks too.
        package var remark: @Sendable (String) -> Void = { _ in }
        package init(_ place: TreePlace) { self.place = place }
        /// A tree in one directory.
        package init(tree: FilePath) { place = TreePlace(output: tree) }
    }

    /// What was chosen, why, and what it will cost: known before anything is written.
    package struct Announcement: Sendable {
        package var id: SnapshotID
        package var header: SnapshotHeader
        /// Nil where the user named the snapshot.
        package var reason: String?
        package var signature = SignatureJudgement.notAsked
        /// What is wrong with the signature or with what the store lists, and accepted; a line each.
        package var warnings: [String] = []
        /// How the toolchain here differs, and what that will cost; a line each.
        package var toolchain: [String] = []
        /// Pinned variables whose values here differ from the snapshot's; a line each.
        package var pins: [String] = []
        package var remarks: [String] = []
    }

    package struct Report: Sendable {
        package var announcement: Announcement
        package var whole = false
        /// Only a part was asked for.
        package var only: Part?
        /// Nothing was to be written or changed.
        package var written = 0
        package var writtenBytes = ByteCount.zero
        package var kept = 0
        package var changed: [TreePath] = []
        package var added: [TreePath] = []
        package var missing: [TreePath] = []
        package var conflicts: [TreePath] = []
        package var leftovers: [TreePath] = []
        /// Outputs left out, since make would wrongly take them as fresh.
        package var invalidated: [TreePath] = []
        package var fromTheFuture = 0
        /// What was read of the store's packs, manifests included.
        package var bytesRead = ByteCount.zero
        package var thrift = Thrift.Summary()
        package var remarks: [String] = []
    }

    package func pull(_ request: Request) throws -> Report {
        let signatures = SignatureCheck(request.trust, store)
        try signatures.begin()
        let root = try request.place.open(create: !request.dryRun)
        let state = try TreeState(cache: host.cacheFolder, root: root)
        let lock = try state.lock(.exclusive) { request.waiting("waiting for another kcache in this tree") }
        defer { lock.end() }
        // Two pulls into output trees of the same sources would set times of these against each other.
        let sourceLock = try root.base.map { base throws in
            try TreeState(cache: host.cacheFolder, root: base.directory).lock(.exclusive) {
                request.waiting("waiting for another kcache in these sources")
            }
        }
        defer { sourceLock?.end() }
        let isEmpty = try Self.isEmpty(root)
        let ahead = Ahead { try look(request, isEmpty ? .whole : .checkout) }
        let inspection = try TreeInspection(
            root, kernel: try request.place.kernel(host), state: state, host: host)
        let mode = try mode(of: inspection)
        let started = SteadyClock.now()
        let local = try compare(inspection, request)
        let here = local.entries()
        let isThrifty = request.derive ?? store.options.isRemote
        // Most of a snapshot's manifest says what this tree says too: its own entries give the same chunks.
        let loan = isThrifty ? StoreSession.Loan(SnapshotCodec.sections(of: here).prefix(2)) : nil
        var far = try ahead.get()
        if far.mode != mode { far = try look(request, mode) }
        let session = far.session
        if let loan { session.lend(loan) }
        let warnings = try ReplayCheck.warnings(
            signatures: signatures, session: session, catalog: far.catalog, keeping: !request.dryRun)

        let chooser = SnapshotChooser(
            host: host, session: session, inspection: inspection, entries: here, mode: mode,
            catalog: far.catalog, signatures: signatures, verdicts: far.verdicts)
        var chosen = try chooser.choose(request.snapshot, in: store)
        chosen.announcement.warnings += warnings
        if request.only != nil {
            chosen.announcement.toolchain = Self.toolchainOfPart(chosen.toolchainImpact)
        }
        request.announce(chosen.announcement)
        let inputs = try moduleInputs(chosen, inspection, session)
        let install = request.only == nil ? nil : try installFiles(chosen, inspection, mode, session)
        let entries =
            try install.map { files in
                chosen.snapshot.entries.filter {
                    $0.role != .output || files.outputs.contains($0.path) && !SecretFiles.isFixed($0.path)
                }
            } ?? usableEntries(chosen, mode, root, session).filter { !request.strict || !Self.namesPath($0) }
        let plan = try plan(entries, local, inspection, mode)
        try refuseIncomplete(chosen.snapshot, plan)
        if install != nil { try refuseMixture(plan) }

        var report = Report(announcement: chosen.announcement)
        (report.whole, report.only) = (mode == .whole, request.only)
        report.changed = plan.changed.map(\.path)
        report.added = (plan.added.map(\.path) + plan.foreign).sorted()
        report.missing = plan.missing
        report.conflicts = plan.conflicts.map(\.path)
        report.leftovers = plan.leftovers
        let unusable =
            request.only != nil || inspection.kernel != nil
            ? UnusablePrograms()
            : try UnusablePrograms.find(
                in: plan, of: chosen.snapshot, root: root, session: session, host: host)
        if let remark = unusable.remark(made: request.makesPrograms) {
            report.announcement.remarks.append(remark)
            request.remark(remark)
        }
        // What make reads to install stands here: no reason to count a whole tree as old.
        let isAtHand = install != nil && plan.writes.isEmpty && Self.moduleLists(plan).isEmpty
        if isAtHand { report.leftovers = [] }
        if request.dryRun || isAtHand {
            report.written = plan.writes.count
            report.writtenBytes = plan.bytesToWrite
            report.kept = plan.kept.count
            return report
        }
        if request.only == nil, let remark = Self.remarkOnPaths(plan) { report.remarks.append(remark) }
        try removeTemporaries(inspection)
        // When the reading began, by the filesystem's clock, which can't be read without writing: what has changed since
        // must look neither settled nor older than the outputs.
        let begun = try TimeResolution.now(in: root) - (SteadyClock.now() - started)
        let changes = Self.changes(plan)
        if install == nil, unusable.programs.isEmpty,
            FreshnessPlan.isCarriedOut(plan, in: local, now: begun),
            try inputs == nil && isAsLeft(chosen, local, inspection, state)
                || invalidated(by: changes, plan, inspection, inspection.listing, nil).isEmpty,
            try inputs?.areSettled(plan, local, inspection) ?? true
        {
            report.kept = plan.kept.count
            if local.contents.filesRead > 0, !plan.sparesAny {
                try save(local, of: chosen, in: state, as: begun, &report)
            }
            try finish(chosen, session, root, state, request, &report)
            return report
        }
        var options = restoreOptions(inspection, plan, changes, inputs, request)
        options.readingBegan = begun
        options.leavesStale = install != nil
        options.newestOutput = zip(inspection.listing.files, inspection.roles).lazy
            .filter { $0.1 == .output }.map { $0.0.status.mtime }.max()
        if isThrifty {
            options.thrift = thrift(local)
            if request.derive == nil { options.thrift?.bytesPerSecond = store.options.bytesPerSecond }
        }
        let restorer = TreeRestorer(
            root: root, plan: plan, rules: inspection.rules, session: session, options: options)
        let start = try restorer.prepare()
        try doubtRoot(root, mode)
        try stampIntermediates(inspection)
        if let install {
            // Before anything is written: a pull that is killed leaves a part as well.
            try state.save(
                PartialPull(
                    snapshot: chosen.announcement.id, store: request.storeName ?? store.place,
                    paths: install.images,
                    outputs: install.outputs.union(try state.brought(in: inspection.listing)).sorted()))
        } else {
            try EmptyFolders.make(chosen.snapshot.header.emptyFolders, in: root, inspection.listing)
        }
        let summary = try restorer.run(start)
        // Before anything else can fail: what was edited meanwhile must not look older than the outputs.
        try settle(plan, local, compared: begun, summary.freshness, root, state, chosen, &report)
        try finish(chosen, session, root, state, request, &report)
        if request.makesPrograms, !unusable.programs.isEmpty {
            report.remarks += try [remake(unusable, plan, root, chosen, summary.freshness, request)]
                .compactMap { $0 }
        }
        report.written = summary.written
        report.writtenBytes = summary.writtenBytes
        report.kept = summary.kept
        report.thrift = summary.thrift
        report.invalidated = summary.removed + summary.disturbed
        report.fromTheFuture = summary.freshness.fromTheFuture
        return report
    }

    // MARK: Steps

    /// What is left when the tree is done.
    private func finish(
        _ chosen: SnapshotChooser.Chosen, _ session: StoreSession, _ root: Directory, _ state: TreeState,
        _ request: Request, _ report: inout Report
    ) throws {
        if request.only == nil { try state.clearPartial() }
        try keepRoot(chosen, root)
        do { try session.touch(chosen.announcement.id) } catch let error as StoreError {
            report.remarks.append("gc of \(store.place) is not told that this snapshot is in use: \(error)")
        }
        if let failure = try session.keep(chosen.announcement.id, chosen.snapshot) {
            report.remarks.append("the next pull fetches this again: \(failure)")
        }
        report.bytesRead = session.bytesRead
    }

    /// Makes those programs here; a line for people where that was not all.
    private func remake(
        _ unusable: UnusablePrograms, _ plan: RestorePlan, _ root: Directory,
        _ chosen: SnapshotChooser.Chosen, _ freshness: FreshnessPlan, _ request: Request
    ) throws -> String? {
        let place = TreePlace(output: try root.realPath(), source: try root.base?.directory.realPath())
        let maker = HostProgramMaker(
            root: root, place: place, host: host, snapshot: chosen.snapshot.header,
            times: Dictionary(
                freshness.outputs.map { ($0.path, $0.mtime) }, uniquingKeysWith: { a, _ in a }),
            sync: request.sync)
        return try maker.make(
            unusable.programs.map(\.path), sources: Self.changes(plan).all.sorted())
    }

    /// What was pulled is as if it had been built here, or in the root: the tools are the same.
    private func keepRoot(_ chosen: SnapshotChooser.Chosen, _ root: Directory) throws {
        let toolchain = chosen.snapshot.header.environment.toolchainDigest
        let note = host.root.map { RootNote(root: $0.reference, toolchain: toolchain) }
        if try RootNote.read(in: root) != note { try RootNote.keep(note, in: root) }
    }

    /// A pull that is killed leaves a tree of which nobody knows what built it.
    private func doubtRoot(_ root: Directory, _ mode: RestorePlan.Mode) throws {
        guard try host.root != nil || RootNote.read(in: root) != nil else { return }
        // First, or a directory with the note in it would be no empty one.
        if mode == .whole { try PullMarker.set(in: root) }
        try RootNote.keep(.unknown, in: root)
    }

    /// Keeps what was read of a tree in which nothing was touched.
    private func save(
        _ local: LocalTree, of chosen: SnapshotChooser.Chosen, in state: TreeState, as now: Int64,
        _ report: inout Report
    ) throws {
        let index = local.contents.statIndex(for: local.listing, now: now)
        report.remarks += try [state.keep(index, leftBy: chosen.announcement.id)].compactMap { $0 }
    }

    /// True if the tree is, to the last file, as a pull of this snapshot has left it.
    private func isAsLeft(
        _ chosen: SnapshotChooser.Chosen, _ local: LocalTree, _ inspection: TreeInspection, _ state: TreeState
    ) throws -> Bool {
        try local.contents.filesRead == 0 && state.isLeft(by: chosen.announcement.id, inspection.index)
    }

    /// What the store says, as far as it does not depend on what is here.
    private struct Far: Sendable {
        var mode: RestorePlan.Mode
        var session: StoreSession
        var catalog: Catalog
        var verdicts: LocalToolchain.Verdicts
    }

    private func look(_ request: Request, _ mode: RestorePlan.Mode) throws -> Far {
        let session = try session(request, mode)
        let catalog = try session.catalog().only(roots: false)
        // Of one that is named only its own is asked for.
        let likely = catalog.entries.prefix(request.snapshot == nil ? SnapshotChooser.closelyCompared : 0)
        return Far(
            mode: mode, session: session, catalog: catalog,
            verdicts: try LocalToolchain.verdicts(of: likely, host: host))
    }

    /// True for a directory that will be filled, as far as a glance tells.
    private static func isEmpty(_ root: Directory) throws -> Bool {
        // Who builds apart from sources has them.
        if root.base != nil { return false }
        if try PullMarker.isSet(in: root) { return true }
        return try root.entries().allSatisfy { ReservedName.isVersionControl($0.name) }
    }

    private func session(_ request: Request, _ mode: RestorePlan.Mode) throws -> StoreSession {
        func begin(_ store: Store, _ begin: (@escaping @Sendable () -> Void) throws -> StoreSession) throws
            -> StoreSession
        { try begin { request.waiting("waiting for a kcache gc of \(store.place)") } }
        guard let near else { return try begin(store) { try store.begin(waiting: $0) } }
        let tier = try begin(near) { try near.begin(waiting: $0) }
        // Who has the sources reads none.
        return try begin(store) {
            try store.begin(near: tier, withoutSources: mode == .checkout, waiting: $0)
        }
    }

    private func mode(of inspection: TreeInspection) throws -> RestorePlan.Mode {
        if let base = inspection.root.base?.directory, try PullMarker.isSet(in: base) {
            throw KbuildError(
                .unfit,
                "nothing was pulled: a pull into the sources \(base.path.string) did not come to its end: pull there again "
                    + "first")
        }
        if try PullMarker.isSet(in: inspection.root) { return .whole }
        if inspection.listing.files.isEmpty, inspection.listing.special.isEmpty { return .whole }
        guard inspection.tree != nil else {
            if inspection.kernel != nil {
                throw KbuildError(.notKbuild, ModuleKernel.noModules(in: inspection.rootPath.string))
            }
            throw KbuildError(
                .notKbuild,
                "\(inspection.rootPath.string) is neither empty nor a Kbuild tree: pull into a kernel tree or an "
                    + "empty directory")
        }
        return .checkout
    }

    private func compare(_ inspection: TreeInspection, _ request: Request) throws -> LocalTree {
        var options = ContentReader.Options()
        options.toleratesUnreadable = true
        options.advance = { request.progress(.advanced(phase: .comparing, by: $0)) }
        let total = inspection.listing.files.reduce(ByteCount.zero) { $0 + ByteCount($1.status.size) }
        request.progress(.started(phase: .comparing, total: total))
        defer { request.progress(.finished(phase: .comparing)) }
        return try inspection.local(options)
    }

    private func thrift(_ local: LocalTree) -> Thrift {
        let runner = CompressorRunner(environment: host.environment)
        return Thrift(local: local) { runner.run($0, $1, limit: $2) }
    }

    /// What killed pulls left; no other one can run here, since the tree's lock is held.
    private func removeTemporaries(_ inspection: TreeInspection) throws {
        for file in inspection.listing.files
        where TemporaryName.isTemporary(file.path.name) && !PullMarker.isMarker(file.path) {
            guard file.isInBase, let base = inspection.root.base?.directory else {
                try inspection.root.remove(file.path)
                continue
            }
            // Where the clock was asked; what lies deeper is of other pulls. The sources may be another user's.
            guard file.path.parent == nil else { continue }
            do throws(SystemError) { try base.remove(file.path) } catch {
                guard error.isOfPermission else { throw error }
            }
        }
    }

    /// What an earlier link left here belongs to no output that comes, and must not look newer than these: that would
    /// be a link that was interrupted.
    private func stampIntermediates(_ inspection: TreeInspection) throws {
        for (file, fileClass) in zip(inspection.listing.files, inspection.classification.classes)
        where fileClass == .leftOut(.intermediate) && !file.isInBase {
            try inspection.root.setModificationTime(file.path, FreshnessPlan.staleTime)
        }
    }

    private func restoreOptions(
        _ inspection: TreeInspection, _ plan: RestorePlan, _ changes: Invalidation.Changes,
        _ inputs: ModuleInputs?, _ request: Request
    ) -> TreeRestorer.Options {
        var options = TreeRestorer.Options()
        options.sync = request.sync
        options.progress = request.progress
        let root = inspection.root
        let stray = Self.strayCommands(plan) + (request.only == nil ? [] : Self.moduleLists(plan))
        options.invalidated = {
            if request.only != nil { return stray }
            let written = plan.writes.map { plan.entries[$0].path }
            let listing = try inspection.listing.looking(again: written, in: root)
            return try invalidated(by: changes, plan, inspection, listing, inputs) + stray
        }
        if let sums = KheadersSums.path,
            plan.entries.contains(where: { $0.path == sums && $0.role == .output })
        {
            let architecture = inspection.tree?.architecture ?? ""
            let made = changes.made[sums] ?? .max
            let late = changes.late.filter { $0.value > made }.keys
            let isOther = [Array(changes.all), Array(late), plan.leftovers].joined().contains {
                $0.hasSuffix(".h")
            }
            options.computed[sums] = {
                // The archive that came has the snapshot's headers in it.
                if isOther { return nil }
                return try KheadersSums.content(
                    in: root, architecture: architecture,
                    environment: host.environment.merging(host.arguments) { $1 }, runner: host.runner)
            }
        }
        return options
    }

    /// Looks once more: a source that was edited meanwhile must not look older than the outputs.
    private func settle(
        _ plan: RestorePlan, _ local: LocalTree, compared: Int64, _ freshness: FreshnessPlan,
        _ root: Directory, _ state: TreeState, _ chosen: SnapshotChooser.Chosen, _ report: inout Report
    ) throws {
        let result = try RestoredIndex.make(plan, local, freshness, root: root, compared: compared)
        for path in result.edited {
            // One that is newer than all outputs needs no other time, and no source of other output trees may become older.
            let current = try root.status(path)?.mtime ?? 0
            if current > freshness.settledAt { continue }
            try root.setModificationTime(path, max(current, try TimeResolution.now(in: root)))
        }
        // What was spared may be an output to the next pull, and stale.
        let isClean = report.only == nil && !plan.sparesAny
        report.remarks += try [state.keep(result.index, leftBy: isClean ? chosen.announcement.id : nil)]
            .compactMap { $0 }
    }
}
