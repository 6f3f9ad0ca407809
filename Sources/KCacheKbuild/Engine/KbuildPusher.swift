package import KCacheCore
package import KCacheStore
import KCacheSystem
package import KCacheTree
package import SystemPackage

/// Takes a snapshot of a built tree into a store.
package struct KbuildPusher: Sendable {
    package let host: HostEnvironment
    package let store: Store

    package init(host: HostEnvironment, store: Store) { (self.host, self.store) = (host, store) }

    package struct Request: Sendable {
        package var place: TreePlace
        package var name = ""
        package var withoutSources = false
        /// Takes sources and `.config` alone, of a tree that need not be built.
        package var sourcesOnly = false
        /// Takes a tree whose build was interrupted all the same.
        package var partial = false
        package var dryRun = false
        /// Signs the snapshot; nil: nobody does.
        package var sign: (@Sendable (SnapshotID) throws -> SshSignature)?
        package var progress: ProgressSink = { _ in }
        /// Gets a line when another process has to be waited for.
        package var waiting: @Sendable (String) -> Void = { _ in }
        package init(_ place: TreePlace) { self.place = place }
        /// A tree in one directory.
        package init(tree: FilePath) { place = TreePlace(output: tree) }
    }

    package struct Report: Sendable {
        /// Nil for a dry run.
        package var id: SnapshotID?
        package var header: SnapshotHeader
        /// The store held exactly this tree already, under this snapshot.
        package var alreadyThere = false
        /// The key that signed it, `ED25519 SHA256:…`; nil if it was not asked for.
        package var signedBy: String?
        package var filesRead = 0
        package var bytesRead = ByteCount.zero
        /// Content that the store did not have, and what it takes there.
        package var newBytes = ByteCount.zero
        package var storedBytes = ByteCount.zero
        package var leftOut: [(path: TreePath, reason: String)] = []
        package var lateSources = 0
        package var special: [TreePath] = []
        package var remarks: [String] = []
    }

    package func push(_ request: Request) throws -> Report {
        let root = try request.place.open()
        let state = try TreeState(cache: host.cacheFolder, root: root)
        let lock = try state.lock(.shared) { request.waiting("waiting for another kcache in this tree") }
        defer { lock.end() }
        let inspection = try TreeInspection(
            root, kernel: try request.place.kernel(host), state: state, host: host)
        // Sources are whole, whatever the outputs are.
        if !request.sourcesOnly {
            try refusePartial(inspection, state)
            try refuseOtherRoot(inspection)
        }
        try refuseUnfit(inspection, request)

        let session = try store.begin { request.waiting("waiting for a kcache gc of \(store.place)") }
        let writer = session.makeWriter()
        defer { writer.cancel() }
        let finder = try DerivationFinder(inspection)
        let modules = request.sourcesOnly ? nil : try ModulePush(inspection)
        // What changes from now on must not look settled.
        let now = try filesystemTime(root)
        let local = try read(inspection, finder, session, writer, request)
        let plan = SnapshotPlan(local, earlier: inspection.earlier)
        let bound = try PathInCode.defined(
            in: plan.entries.filter { $0.role == .output && $0.holdsTreePath }, root: root, inspection.paths)
        let unfinished = request.partial ? InterruptedBuild.unfinished(inspection.classification) : []
        var snapshot = Snapshot(
            header: try header(inspection, request),
            entries: request.sourcesOnly
                ? Self.sources(plan.entries)
                : plan.entries.filter {
                    !unfinished.contains($0.path) && !bound.contains($0.path)
                        && modules?.leftOut[$0.path] == nil
                })
        finder.annotate(&snapshot.entries)
        try modules?.add(to: &snapshot, request.dryRun ? nil : writer)
        snapshot.seal()

        var report = Report(header: snapshot.header)
        report.filesRead = local.contents.filesRead
        report.bytesRead = local.contents.bytesRead
        report.leftOut = plan.leftOut + namedLeftOut(inspection)
        report.leftOut += plan.entries.filter { bound.contains($0.path) }.map { ($0.path, PathInCode.reason) }
        report.leftOut += modules?.leftOut.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } ?? []
        report.lateSources = plan.lateSources
        report.special = local.listing.special
        // With nothing read and nothing gone the index on the disk is this one.
        if report.filesRead > 0 || inspection.index.records.count != plan.entries.count {
            let index = local.contents.statIndex(
                for: local.listing, now: now, backdated: plan.backdated)
            report.remarks += try [state.keep(index)].compactMap { $0 }
        }
        if request.dryRun {
            report.newBytes = missingBytes(snapshot.entries, session, request)
            return report
        }
        try commit(snapshot, root, session, writer, request, &report)
        return report
    }

    // MARK: Steps

    /// The filesystem's clock; this machine's where the tree can't be written to.
    private func filesystemTime(_ root: Directory) throws -> Int64 {
        do { return try TimeResolution.now(in: root) } catch let error as SystemError {
            guard [.permissionDenied, .readOnlyFileSystem, .noSpace].contains(error.errno) else {
                throw error
            }
            return host.clock.now()
        }
    }

    /// A part of somebody's build is none, whatever is asked for.
    private func refusePartial(_ inspection: TreeInspection, _ state: TreeState) throws {
        // Without the note: after a whole pull, or a make, some output has another stamp.
        let outputs = zip(inspection.listing.files, inspection.roles).filter { $0.1 == .output }
        let isCold = !outputs.isEmpty && outputs.allSatisfy { $0.0.status.mtime == FreshnessPlan.staleTime }
        guard try isCold || state.partial(in: inspection.root) != nil else { return }
        throw KbuildError(
            .interrupted,
            "\(inspection.rootPath.string) has only what a pull brought of another build, and not all of that: "
                + "complete it (kcache pull) or build it (make), then push")
    }

    /// What is noted as the toolchain must be what built the tree.
    private func refuseOtherRoot(_ inspection: TreeInspection) throws {
        let note = try RootNote.read(in: inspection.root)
        let place = inspection.rootPath.string
        guard let note else { return try refuseUnproven(inspection) }
        guard note.root.digest != host.root?.digest else { return }
        let root = quoteForPeople(Array(note.root.name.utf8))
        if note == .unknown {
            throw KbuildError(
                .unfit, "nobody knows with which tools \(place) was built: run kcache make there, then push")
        }
        throw KbuildError(
            .unfit,
            host.root == nil
                ? "\(place) was built in the root \(root): push it with --root \(root)"
                : "\(place) was built in another root, \(root) (\(note.root.digest.short)): push it with that one, or "
                    + "run kcache make --root first")
    }

    /// Without a note only tools that are the machine's own too can have built it.
    private func refuseUnproven(_ inspection: TreeInspection) throws {
        // What is not built is refused for that.
        guard let root = host.root, inspection.tree != nil, inspection.roles.contains(.output) else { return }
        var outside = host
        outside.root = nil
        if try LocalToolchain(host: host).recorded(inspection)
            == LocalToolchain(host: outside).recorded(inspection)
        {
            return
        }
        throw KbuildError(
            .unfit,
            "\(inspection.rootPath) was not built in the root \(root.name) by kcache make --root: build it there first, "
                + "then push")
    }

    private func refuseUnfit(_ inspection: TreeInspection, _ request: Request) throws {
        let place = inspection.rootPath.string
        guard let tree = inspection.tree else {
            if inspection.kernel != nil { throw KbuildError(.notKbuild, ModuleKernel.noModules(in: place)) }
            throw KbuildError(
                .notKbuild,
                "\(place) is no Kbuild tree (no Makefile with scripts/Kbuild.include): go to a kernel tree, or name it "
                    + "with -C and modules' directory with M=")
        }
        guard tree.hasConfiguration else {
            throw KbuildError(.noConfig, "\(place) has no .config: configure and build it first, then push")
        }
        if request.sourcesOnly { return }
        guard inspection.roles.contains(.output) else {
            throw KbuildError(.notBuilt, "nothing is built in \(place): run make first, then push")
        }
        if let other = try TreePlace.otherSources(of: inspection.root) {
            throw KbuildError(
                .unfit,
                "what is built in \(place) was made from the sources in \(other): run make here first, then push"
            )
        }
        if request.partial { return }
        let findings = InterruptedBuild.findings(inspection.classification)
        guard let first = findings.first else { return }
        let more = findings.count > 1 ? " (and \(findings.count - 1) more)" : ""
        throw KbuildError(
            .interrupted,
            "the build in \(place) was interrupted or failed: \(first)\(more): run make to its end, or push --partial"
        )
    }

    private func read(
        _ inspection: TreeInspection, _ finder: DerivationFinder, _ session: StoreSession,
        _ writer: PackWriter, _ request: Request
    ) throws -> LocalTree {
        var options = ContentReader.Options()
        options.round = { finder.round($0) }
        guard !request.dryRun else { return try inspection.local(options) }
        options.mustRead = { role, content in
            if role == .source, request.withoutSources { return false }
            if role == .output, request.sourcesOnly { return false }
            return !content.chunks.allSatisfy { session.contains($0.digest) }
        }
        options.advance = { request.progress(.advanced(phase: .storing, by: $0)) }
        let total = inspection.listing.files.reduce(ByteCount.zero) { $0 + ByteCount($1.status.size) }
        request.progress(.started(phase: .storing, total: total))
        defer { request.progress(.finished(phase: .storing)) }
        options.consume = { batch in
            if batch.role == .source, request.withoutSources { return }
            if batch.role == .output, request.sourcesOnly { return }
            try writer.add(
                FrameInput(chunks: batch.chunks, bytes: batch.bytes),
                // A pull reads the configuration even where it has all sources.
                kind: batch.role == .source ? .sources : .outputs)
        }
        return try inspection.local(options)
    }

    private func header(_ inspection: TreeInspection, _ request: Request) throws -> SnapshotHeader {
        var header = SnapshotHeader()
        header.name = request.name
        header.created = host.clock.now() / 1_000_000_000
        header.withoutSources = request.withoutSources
        header.partial = request.partial
        header.environment.architecture = inspection.tree?.architecture ?? ""
        header.environment.kernelRelease = inspection.tree?.kernelRelease ?? ""
        if inspection.root.base != nil, !request.sourcesOnly {
            header.emptyFolders = try EmptyFolders.find(in: inspection.root.withoutBase())
        }
        header.environment.layout =
            try inspection.kernel?.layout
            ?? TreePlace.recordedLayout(of: inspection.root, environment: host.environment)
        header.environment.pins = try BuildPins.recorded(in: inspection.root)
        header.environment.root = host.root?.reference
        header.environment.toolchain = try LocalToolchain(host: host).recorded(inspection)
        return header
    }

    /// Without their places in time, which only outputs need.
    private static func sources(_ entries: [SnapshotEntry]) -> [SnapshotEntry] {
        entries.filter { $0.role != .output }.map { entry in
            var entry = entry
            entry.order = 0
            return entry
        }
    }

    private func commit(
        _ snapshot: Snapshot, _ root: Directory, _ session: StoreSession, _ writer: PackWriter,
        _ request: Request, _ report: inout Report
    ) throws {
        var plain = snapshot.entries
        for i in plain.indices { plain[i].derivation = nil }
        let tree = Self.content(of: SnapshotCodec.sections(of: plain))
        if let same = try existing(holding: tree, like: snapshot.header, in: session) {
            if let sign = request.sign {
                let signature = try sign(same.id)
                report.signedBy = signature.keyDescription
                try session.add(signature, to: same.id)
            }
            try session.touch(same.id)
            report.id = same.id
            report.header = same.header
            report.alreadyThere = true
            let summary = try writer.finish()
            (report.newBytes, report.storedBytes) = (summary.newRawBytes, summary.storedBytes)
            return
        }
        var entries = snapshot.entries
        if !request.sourcesOnly, !store.options.isRemote,
            let earlier = try earlierEntries(snapshot.header, session)
        {
            try DerivationFinder.addDeltas(
                to: &entries, from: earlier, root: root, session: session, writer: writer)
        }
        let sections = SnapshotCodec.sections(of: entries)
        for section in sections {
            try writer.add(section, ContentCutter.content(of: section), kind: .manifests)
        }
        let summary = try writer.finish()
        (report.newBytes, report.storedBytes) = (summary.newRawBytes, summary.storedBytes)
        let record = SnapshotRecord(header: snapshot.header, manifest: Self.content(of: sections))
        report.id = try session.commit(record) { id in
            guard let sign = request.sign else { return [] }
            let signature = try sign(id)
            report.signedBy = signature.keyDescription
            return [signature]
        }
    }

    /// Each section is cut by itself, so that one that is the same is the same chunks.
    private static func content(of sections: [[UInt8]]) -> Content {
        Content(sections.flatMap { ContentCutter.content(of: $0).chunks })
    }

    /// What whoever pulls this snapshot most probably has: the newest one before it.
    private func earlierEntries(_ header: SnapshotHeader, _ session: StoreSession) throws -> [SnapshotEntry]?
    {
        let (architecture, layout) = (header.environment.architecture, header.environment.layout)
        let earlier = try session.catalog().entries.first {
            let other = $0.header.environment
            return other.architecture == architecture && other.layout == layout && !other.isRoot
        }
        guard let earlier else { return nil }
        do { return try session.snapshot(earlier.id).entries } catch is StoreError {
            // A damaged snapshot is no reason to fail: this one then has no deltas.
            return nil
        }
    }

    /// A snapshot of exactly this tree, if the store has one; how its outputs are derived does not matter.
    private func existing(holding manifest: Content, like header: SnapshotHeader, in session: StoreSession)
        throws
        -> CatalogEntry?
    {
        for entry in try session.catalog().entries where entry.header.sameTree(as: header) {
            do {
                if let found = try session.record(entry.id)?.manifest.chunks,
                    found.starts(with: manifest.chunks)
                {
                    return entry
                }
            } catch is StoreError {
                // A damaged record is no reason to fail: this push makes a new one.
                continue
            }
        }
        return nil
    }

    private func namedLeftOut(_ inspection: TreeInspection) -> [(path: TreePath, reason: String)] {
        var named: [(path: TreePath, reason: String)] = []
        for (file, fileClass) in zip(inspection.listing.files, inspection.classification.classes) {
            if case .leftOut(let reason) = fileClass { named.append((file.path, reason.text)) }
        }
        return named
    }

    private func missingBytes(_ entries: [SnapshotEntry], _ session: StoreSession, _ request: Request)
        -> ByteCount
    {
        var seen = Set<Digest>()
        var total = ByteCount.zero
        for entry in entries where !(entry.role != .output && request.withoutSources) {
            for chunk in entry.content?.chunks ?? []
            where !session.contains(chunk.digest) && seen.insert(chunk.digest).inserted {
                total += ByteCount(UInt64(chunk.length))
            }
        }
        return total
    }
}

extension SnapshotHeader {
    /// True if only the moment of the push tells the two apart.
    fileprivate func sameTree(as other: SnapshotHeader) -> Bool {
        var copy = other
        copy.created = created
        return copy == self
    }
}

extension LeftOutReason {
    /// For people: what these files are.
    package var text: String {
        switch self {
        case .versionControl: "version control"
        case .editor: "editor's file"
        case .secret: "private key or secret seed"
        case .packaging: "packaging result"
        case .intermediate: "intermediate"
        case .temporary: "kcache's own temporary"
        }
    }
}
