import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree

/// Finds the snapshot for a pull, and what has to be said about it.
struct SnapshotChooser {
    let host: HostEnvironment
    let session: StoreSession
    let inspection: TreeInspection
    /// Those of the tree here.
    let entries: [SnapshotEntry]
    let mode: RestorePlan.Mode
    let catalog: Catalog
    let signatures: SignatureCheck
    /// What is known already of the toolchain here.
    let verdicts: LocalToolchain.Verdicts

    struct Chosen {
        var announcement: KbuildPuller.Announcement
        var snapshot: Snapshot
        var toolchainImpact: ToolchainVerdict.Impact
    }

    /// Candidates whose manifests are read to count differences; the rest are judged by their headers.
    static let closelyCompared = 8
    /// The same for the tree here: external modules are small and of many kinds.
    private var closelyCompared: Int { inspection.kernel == nil ? Self.closelyCompared : 100 }

    func choose(_ wanted: String?, in store: Store) throws -> Chosen {
        let here = try here()
        let toolchains = LocalToolchain(host: host, known: verdicts)
        if let wanted {
            let result = try chosen(try catalog.resolve(wanted), reason: nil, toolchains)
            let layout = result.snapshot.header.environment.layout
            guard layout == here.layout else {
                throw KbuildError(
                    .unfit,
                    "nothing was pulled: snapshot \(result.announcement.id.short) was built \(layout.forPeople), and here "
                        + "make builds \(here.layout.forPeople): it would rebuild every output")
            }
            return result
        }
        var candidates: [SnapshotChoice.Candidate] = []
        for entry in catalog.entries {
            let same = try toolchains.compare(entry.header.environment.toolchain).isSame
            candidates.append(.init(id: entry.id, header: entry.header, sameToolchain: same, here: here))
        }
        candidates = SnapshotChoice.usable(candidates, here: here)
        guard !candidates.isEmpty else { throw nothingFits(here, store) }
        candidates = try admitted(candidates, store)
        if mode == .checkout { try count(&candidates, here) }
        if mode == .checkout, here.layout.isOfModules {
            // Any two kernels have most in common; of modules those that do not are different ones.
            candidates = candidates.filter { candidate in
                candidate.differingSources.map { UInt64($0) * 2 <= candidate.header.sourceCount } ?? false
            }
        }
        let ranked = SnapshotChoice.ranked(candidates)
        guard let best = try ranked.first(where: isOfThisKernel) ?? ranked.first else {
            throw nothingFits(here, store)
        }
        let reason = SnapshotChoice.reason(best, here: here)
        var result = try chosen(best.id, reason: reason, toolchains)
        result.announcement.remarks += catalog.unreadable.map { "skipped \($0.name): \($0.problem)" }
        return result
    }

    private func here() throws -> SnapshotChoice.Here {
        var here = SnapshotChoice.Here()
        here.layout =
            try inspection.kernel?.layout
            ?? TreePlace.layout(
                of: inspection.root, environment: host.environment.merging(host.arguments) { $1 })
        here.hasSources = mode == .checkout
        if let kernel = inspection.kernel { here.architecture = kernel.architecture }
        if inspection.tree?.hasConfiguration == true {
            here.architecture = inspection.tree?.architecture ?? ""
        }
        var sources = SourcesDigest()
        for entry in entries {
            switch entry.role {
            case .source: sources.add(entry)
            case .configuration: here.configDigest = entry.content?.digest ?? .zero
            case .output: break
            }
        }
        here.sourcesDigest = sources.finish()
        return here
    }

    /// Counts differences for the most promising candidates.
    private func count(_ candidates: inout [SnapshotChoice.Candidate], _ here: SnapshotChoice.Here) throws {
        let order = SnapshotChoice.ranked(candidates)
        // Nothing comes before one without any difference.
        if let best = order.first, best.sameToolchain, best.distance == 0, !best.header.partial { return }
        let close = Set(order.prefix(closelyCompared).map(\.id))
        let mine = Dictionary(
            entries.filter { $0.role == .source }.map { ($0.path, $0) },
            uniquingKeysWith: { a, _ in a })
        try session.fetch(
            snapshots: candidates.filter {
                close.contains($0.id) && ($0.differingSources == nil || $0.differingSymbols == nil)
            }.map(\.id))
        for i in candidates.indices where close.contains(candidates[i].id) {
            if candidates[i].differingSources != nil, candidates[i].differingSymbols != nil { continue }
            let snapshot: Snapshot
            do { snapshot = try session.snapshot(candidates[i].id) } catch let error as StoreError
                where !error.isOfThePlace
            {
                // Damaged or being forgotten: another one may serve.
                continue
            }
            if candidates[i].differingSources == nil {
                candidates[i].differingSources = differences(snapshot.entries, mine)
            }
            if candidates[i].differingSymbols == nil {
                candidates[i].differingSymbols = try differingSymbols(snapshot.entries)
            }
        }
    }

    private func differences(_ theirs: [SnapshotEntry], _ mine: [TreePath: SnapshotEntry]) -> Int {
        var same = 0
        var count = 0
        for entry in theirs where entry.role == .source {
            if let own = mine[entry.path] {
                if own.content == entry.content, own.holdsTreePath == entry.holdsTreePath {
                    same += 1
                } else {
                    count += 1
                }
            } else {
                count += 1
            }
        }
        // Sources that only stand here.
        return count + max(0, mine.count - same - count)
    }

    /// False for external modules that were built against another kernel.
    private func isOfThisKernel(_ candidate: SnapshotChoice.Candidate) throws -> Bool {
        guard let kernel = inspection.kernel else { return true }
        do {
            let inputs = try ModuleInputs.read(of: try session.snapshot(candidate.id), session)
            return try inputs.map { try ModuleInputSurvey.differing($0, kernel).isEmpty } ?? false
        } catch let error as StoreError where !error.isOfThePlace { return false } catch is FormatError {
            return false
        }
    }

    private func differingSymbols(_ theirs: [SnapshotEntry]) throws -> Int {
        guard let entry = theirs.first(where: { $0.role == .configuration }), let content = entry.content,
            let mine = try inspection.root.readFile(entry.path, limit: 16 << 20)
        else { return 0 }
        let other = try session.read(content: content)
        return AutoConf(parsing: mine).differences(from: AutoConf(parsing: other)).count
    }

    /// Where signatures are required, the most promising candidates that have one; else all. Asked before any
    /// manifest is read.
    private func admitted(_ candidates: [SnapshotChoice.Candidate], _ store: Store) throws
        -> [SnapshotChoice.Candidate]
    {
        guard signatures.isRequired else { return candidates }
        var admitted: [SnapshotChoice.Candidate] = []
        var refusal: (id: SnapshotID, problem: String)?
        for candidate in SnapshotChoice.ranked(candidates) where admitted.count < closelyCompared {
            if signatures.isExhausted { break }
            let judgement = try signatures.judge(candidate.id)
            if judgement.isGood, try isAsListed(candidate.id, candidate.header) {
                admitted.append(candidate)
            } else if let problem = judgement.problem, refusal == nil {
                refusal = (candidate.id, problem)
            }
        }
        guard admitted.isEmpty else { return admitted }
        let example = refusal.map { ": snapshot \($0.id.short) \($0.problem)" } ?? ""
        throw KbuildError(
            .untrusted,
            "nothing was pulled, since signatures are required: none of the \(candidates.count) snapshots that "
                + "would do in \(store.place) has one that counts\(example)")
    }

    /// True if the catalog says what the record says, by whose digest a snapshot is named and signed.
    private func isAsListed(_ id: SnapshotID, _ header: SnapshotHeader) throws -> Bool {
        do { return try session.record(id)?.header == header } catch is StoreError { return false }
    }

    private func chosen(_ id: SnapshotID, reason: String?, _ toolchains: LocalToolchain) throws -> Chosen {
        let (judgement, warning) = try signatures.admit(id)
        let snapshot = try session.snapshot(id)
        if let listed = catalog[id], listed.header != snapshot.header {
            throw KbuildError(
                .untrusted,
                "nothing was pulled: the catalog says other things of snapshot \(id.short) than its record does: "
                    + "run kcache verify")
        }
        var announcement = KbuildPuller.Announcement(id: id, header: snapshot.header, reason: reason)
        announcement.signature = judgement
        if let warning { announcement.warnings.append(warning) }
        let comparison = try toolchains.compare(snapshot.header.environment.toolchain)
        announcement.toolchain = comparison.lines(objects: snapshot.entries.count { $0.path.hasSuffix(".o") })
        announcement.toolchain += RootAdvice.lines(
            built: snapshot.header.environment.root, here: host.root, sameTools: comparison.isSame)
        announcement.pins = BuildPins.differences(
            snapshot.header.environment.pins, environment: host.environment)
        return Chosen(announcement: announcement, snapshot: snapshot, toolchainImpact: comparison.impact)
    }

    private func nothingFits(_ here: SnapshotChoice.Here, _ store: Store) -> KbuildError {
        if catalog.entries.isEmpty {
            return KbuildError(
                .noSnapshot,
                "the store \(store.place) holds no snapshot: run kcache push in a built tree first")
        }
        if here.layout.isOfModules,
            catalog.entries.contains(where: { $0.header.environment.layout == here.layout })
        {
            return KbuildError(
                .noSnapshot,
                "none of the snapshots in \(store.place) is of these modules: at least half of the sources have to be the "
                    + "same; kcache pull with a snapshot's name takes another")
        }
        let others = catalog.entries.filter {
            $0.header.environment.layout != here.layout
                && (here.architecture.isEmpty || $0.header.environment.architecture == here.architecture)
        }
        if let other = others.first, others.count == catalog.entries.count || here.hasSources {
            return KbuildError(
                .noSnapshot,
                "the snapshots in \(store.place) were built \(other.header.environment.layout.forPeople), and here make "
                    + "builds \(here.layout.forPeople): it would rebuild every output")
        }
        let what = here.hasSources ? "for the architecture \(here.architecture)" : "with its sources"
        return KbuildError(
            .noSnapshot,
            "none of the \(catalog.entries.count) snapshots in \(store.place) is \(what): see kcache list")
    }
}

extension TreeLayout {
    fileprivate var forPeople: String {
        switch self {
        case .together: "among its sources"
        case .apart: "apart from its sources (O=)"
        case .below: "right below its sources (O=, which calls them ..)"
        case .module: "as modules of a kernel (M=)"
        case .moduleApart: "as modules of a kernel that lies apart from its sources (M=, O=)"
        case .moduleBelow: "as modules of a kernel that lies right below its sources (M=, O=)"
        }
    }
}
