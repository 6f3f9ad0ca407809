import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree

/// External modules: what they were made from outside of their directory decides what of them is fresh here.
extension KbuildPuller {
    /// The list that came with the snapshot; nil for a kernel.
    ///
    /// - Throws: `KbuildError` where every output would have to be made again, or would look old.
    func moduleInputs(
        _ chosen: SnapshotChooser.Chosen, _ inspection: TreeInspection, _ session: StoreSession
    ) throws -> ModuleInputs? {
        guard let kernel = inspection.kernel else { return nil }
        guard let inputs = try ModuleInputs.read(of: chosen.snapshot, session) else {
            throw KbuildError(
                .unfit,
                "nothing was pulled: snapshot \(chosen.announcement.id.short) does not tell what its modules were made from"
            )
        }
        let differing = try ModuleInputSurvey.differing(inputs, kernel)
        if let first = differing.first {
            let more = differing.count > 1 ? " (and \(differing.count - 1) more)" : ""
            throw KbuildError(
                .unfit,
                "nothing was pulled: the modules were built against another kernel: \(kernel.name(of: first)) differs\(more), "
                    + "and make would have to build them all")
        }
        let now = host.clock.now()
        let future = (Array(inputs.common.keys) + inputs.named.keys).first { file in
            OutsideState.modified(file, kernel).map { $0 > now } ?? false
        }
        if let future {
            throw KbuildError(
                .unfit,
                "nothing was pulled: the time of \(kernel.name(of: future)) lies in the future, so make would take every "
                    + "module for old: touch it, then pull")
        }
        return inputs
    }
}

extension ModuleInputs {
    /// The list in a snapshot; nil if it has none.
    static func read(of snapshot: Snapshot, _ session: StoreSession) throws -> ModuleInputs? {
        let entry = snapshot.entries.first { $0.path == path && $0.role == .output }
        return try entry?.content.map { try ModuleInputs(decoding: try session.read(content: $0)) }
    }

    /// Outputs that were made from something else than what is here.
    ///
    /// - Parameter listing: the tree with the outputs in place.
    func stale(_ kernel: ModuleKernel, _ plan: RestorePlan, _ root: Directory, _ listing: TreeListing) throws
        -> [TreePath]
    {
        try compare(kernel, plan, root, listing).stale
    }

    /// True if the outputs that stand here were made from what is here, and are newer than that.
    func areSettled(_ plan: RestorePlan, _ local: LocalTree, _ inspection: TreeInspection) throws -> Bool {
        guard let kernel = inspection.kernel else { return true }
        let comparison = try compare(kernel, plan, inspection.root, local.listing)
        return comparison.stale.isEmpty
            && plan.kept.allSatisfy { place in
                local.listing[plan.entries[place].path].map { $0.status.mtime > comparison.newest } ?? false
            }
    }

    private func compare(
        _ kernel: ModuleKernel, _ plan: RestorePlan, _ root: Directory, _ listing: TreeListing
    ) throws -> ModuleInputSurvey.Comparison {
        let outputs = Set(plan.entries.lazy.filter { $0.role == .output }.map(\.path))
        var survey = try ModuleInputSurvey(kernel, root: root, listing: listing, outputs: outputs)
        var comparison = try survey.compare(with: self, known: Set(plan.entries.lazy.map(\.path)))
        // Objects of others stay, whatever is said of them beside.
        comparison.stale.removeAll { !outputs.contains($0) }
        return comparison
    }
}
