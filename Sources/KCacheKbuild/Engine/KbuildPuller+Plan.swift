import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree

/// What of a snapshot comes, what of it stays out, and what here is left to make.
extension KbuildPuller {
    /// Leaves out what another toolchain would have made otherwise.
    func usableEntries(
        _ chosen: SnapshotChooser.Chosen, _ mode: RestorePlan.Mode, _ root: Directory, _ session: StoreSession
    ) throws -> [SnapshotEntry] {
        // No push stores a made key: one in a snapshot would be somebody else's, and sign the modules here.
        let entries = chosen.snapshot.entries.filter {
            $0.role != .output || !SecretFiles.isFixed($0.path) && $0.path != ModuleInputs.path
        }
        if try LayoutSeed.isOther(chosen.snapshot, in: root, session) {
            guard mode == .whole else {
                throw KbuildError(
                    .unfit,
                    "nothing was pulled: the snapshot's structures are laid out by a seed that is not here "
                        + "(CONFIG_RANDSTRUCT), and seeds are in no snapshot: make compiles everything with one of its own; "
                        + "or carry scripts/basic/randstruct.seed over by a safe way, then pull")
            }
            return entries.filter { $0.role != .output }
        }
        switch chosen.toolchainImpact {
        case .none: return entries
        case .typeInformation:
            return entries.filter { entry in
                entry.role != .output
                    || !(entry.path.bytes == Array("vmlinux".utf8) || entry.path.hasSuffix(".ko"))
            }
        case .everything:
            guard mode == .whole else {
                throw KbuildError(
                    .unfit,
                    "nothing was pulled: with the toolchain here make would rebuild every output of this snapshot"
                )
            }
            return entries.filter { $0.role != .output }
        }
    }

    /// What a part is used for does not depend on the toolchain here; whether the rest can come does.
    static func toolchainOfPart(_ impact: ToolchainVerdict.Impact) -> [String] {
        guard impact == .everything else { return [] }
        return [
            "the toolchain here is not the snapshot's: what is installed is as good, but no pull will bring the rest"
        ]
    }

    /// True for an object with the tree's path in its debug information; where it stands in code, none is replaced.
    static func namesPath(_ entry: SnapshotEntry) -> Bool {
        entry.role == .output && entry.holdsTreePath && entry.path.hasSuffix(".o")
    }

    static func remarkOnPaths(_ plan: RestorePlan) -> String? {
        let count = plan.writes.count { namesPath(plan.entries[$0]) }
        guard count > 0 else { return nil }
        // DW_AT_dwo_id (DWARF 5, 3.1.3) is a digest that takes in the path.
        let isSplit = plan.entries.contains { $0.path.hasSuffix(".dwo") }
        let ids = isSplit ? " but for the ids that lead to .dwo files, which stay" : ""
        return (count == 1 ? "1 object names" : "\(count) objects name")
            + " the tree's path in debug information: that is the one here now, as a compiler would write it\(ids); what was "
            + "linked keeps the old one. pull --strict has make compile and link them here; kcache doctor names the flags "
            + "that keep paths out"
    }

    /// What make reads to install the kernel. No compiler is asked for that, so it does not matter which one is here.
    func installFiles(
        _ chosen: SnapshotChooser.Chosen, _ inspection: TreeInspection, _ mode: RestorePlan.Mode,
        _ session: StoreSession
    ) throws -> InstallFiles {
        guard mode == .checkout else {
            throw KbuildError(
                .unfit,
                "nothing was pulled: --only needs the kernel's sources here: unpack them first, then pull")
        }
        let architecture = chosen.snapshot.header.environment.architecture
        let makefile = try KbuildTree.read("arch/\(architecture)/Makefile", inspection.root)
        guard let makefile else {
            throw KbuildError(
                .unfit,
                "nothing was pulled: there is no arch/\(architecture)/Makefile here, which installs the kernel"
            )
        }
        return try InstallFiles(chosen.snapshot, makefile: makefile) { entry in
            try entry.content.map { try session.read(content: $0) } ?? []
        }
    }

    /// Where a file stays in an output's place, the output's saved command does not come: with it make would
    /// take the file for what that command makes.
    func plan(
        _ entries: [SnapshotEntry], _ local: LocalTree, _ inspection: TreeInspection, _ mode: RestorePlan.Mode
    ) throws -> RestorePlan {
        var withheld: Set<TreePath> = []
        for (file, fileClass) in zip(inspection.listing.files, inspection.classification.classes)
        where fileClass == .leftOut(.secret) {
            withheld.insert(file.path)
        }
        let others = TreePlace.othersOutputs(inspection.listing)
        let plan = try RestorePlan(
            snapshot: entries, local: local, mode: mode, withheld: withheld, others: others)
        let commands = Set(plan.conflicts.compactMap { CommandEvidence.file(of: $0.path) })
        let rest = entries.filter { $0.role != .output || !commands.contains($0.path) }
        if rest.count == entries.count { return plan }
        return try RestorePlan(
            snapshot: rest, local: local, mode: mode, withheld: withheld, others: others)
    }

    /// Saved commands here that speak of a file which another build made, or nobody.
    static func strayCommands(_ plan: RestorePlan) -> [TreePath] {
        let conflicts = Set(plan.conflicts.map(\.path))
        let outputs = Set(plan.entries.lazy.filter { $0.role == .output }.map(\.path))
        return plan.leftovers.filter { path in
            guard let name = CommandEvidence.target(of: path.name),
                let target = TreePath(path.bytes[..<path.nameStart] + name)
            else { return false }
            return conflicts.contains(target) || outputs.contains(target)
        }
    }

    /// Up to Linux 5.2 what is installed are the modules of all lists in this folder, those of another build included.
    static func moduleLists(_ plan: RestorePlan) -> [TreePath] {
        plan.leftovers.filter { $0.hasPrefix(".tmp_versions/") }
    }

    func refuseIncomplete(_ snapshot: Snapshot, _ plan: RestorePlan) throws {
        guard plan.mode == .whole, snapshot.header.withoutSources else { return }
        throw KbuildError(
            .unfit,
            "this snapshot was pushed --without-sources: unpack the kernel's sources here first, then pull")
    }

    /// Make would install what stands there with the rest of the snapshot.
    func refuseMixture(_ plan: RestorePlan) throws {
        guard let first = plan.conflicts.first?.path else { return }
        let more = plan.conflicts.count > 1 ? " (and \(plan.conflicts.count - 1) more)" : ""
        throw KbuildError(
            .unfit,
            "nothing was pulled: \(first)\(more) stands where the snapshot has an output, and may be yours; make would "
                + "install it with the rest: move it away")
    }

    /// Sources that are the same here and were newer than outputs where those were made, with the places in
    /// time of both. What a stamp of an earlier pull marks as cold does not count.
    static func lateSources(_ plan: RestorePlan) -> (
        late: [TreePath: Int64], made: [TreePath: Int64]
    ) {
        let outputs = plan.entries.filter { $0.role == .output && $0.order != FreshnessPlan.staleTime }
        guard let oldest = outputs.lazy.map(\.order).min() else { return ([:], [:]) }
        var late: [TreePath: Int64] = [:]
        for place in plan.unchanged.map(\.entry) + plan.writes {
            let entry = plan.entries[place]
            if entry.role == .source, entry.order > oldest { late[entry.path] = entry.order }
        }
        guard !late.isEmpty else { return ([:], [:]) }
        return (late, Dictionary(outputs.map { ($0.path, $0.order) }, uniquingKeysWith: { a, _ in a }))
    }

    static func changes(_ plan: RestorePlan) -> Invalidation.Changes {
        var changes = Invalidation.Changes(
            changed: Set(plan.changed.map(\.path) + plan.conflicts.map(\.path)),
            added: Set(plan.added.map(\.path) + plan.foreign), removed: Set(plan.missing))
        (changes.late, changes.made) = lateSources(plan)
        return changes
    }

    /// The outputs that make would wrongly take as fresh.
    ///
    /// Their `.cmd` files may stay: Kbuild reads those of existing targets only (`existing-targets` in
    /// scripts/Makefile.build), and `kcache status` learns from them what is to be made.
    /// - Parameters:
    ///   - listing: the tree with the outputs in place.
    ///   - inputs: of external modules, what these were made from.
    func invalidated(
        by changes: Invalidation.Changes, _ plan: RestorePlan, _ inspection: TreeInspection,
        _ listing: TreeListing, _ inputs: ModuleInputs?
    ) throws -> [TreePath] {
        let root = inspection.root
        let outputs = Set(plan.entries.lazy.filter { $0.role == .output }.map(\.path))
        var found = try OutsideInputs.dependents(of: root, among: outputs)
        if let inputs, let kernel = inspection.kernel {
            found += try inputs.stale(kernel, plan, root, listing)
        }
        if changes.isEmpty && changes.late.isEmpty { return found }
        let index = try CmdIndex(reading: root, listing: listing, isOfModule: inspection.kernel != nil)
        let stale = try Invalidation.outputs(
            stale: changes, outputs: outputs, index: index, root: root, listing: listing)
        return found + stale.lazy.map(\.target).filter { !found.contains($0) }
    }
}
