import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree

/// External modules: what they were made from outside of their directory decides what of them is fresh here.
extension KbuildPuller {
    /// The list that came with the snapshot; nil for a kernel.
    ///
    /// - Throws: `KbuildError` where every output would have to be made again.
    func moduleInputs(
        _ chosen: SnapshotChooser.Chosen, _ inspection: TreeInspection, _ session: StoreSession
    ) throws -> ModuleInputs? {
        guard let kernel = inspection.kernel else { return nil }
        let entry = chosen.snapshot.entries.first { $0.path == ModuleInputs.path && $0.role == .output }
        guard let content = entry?.content else {
            throw KbuildError(
                .unfit,
                "nothing was pulled: snapshot \(chosen.announcement.id.short) does not tell what its modules were made from"
            )
        }
        let inputs = try ModuleInputs(decoding: try session.read(content: content))
        let differing = try ModuleInputSurvey.differing(inputs, kernel)
        guard let first = differing.first else { return inputs }
        let more = differing.count > 1 ? " (and \(differing.count - 1) more)" : ""
        throw KbuildError(
            .unfit,
            "nothing was pulled: the modules were built against another kernel, \(first)\(more) differs in "
                + "\(kernel.output): make would have to build them all")
    }
}

extension ModuleInputs {
    /// Outputs that were made from something else than what is here.
    ///
    /// - Parameter listing: the tree with the outputs in place.
    /// - Throws: `KbuildError` where a file has a time in the future: it would be newer than every output.
    func stale(_ kernel: ModuleKernel, _ plan: RestorePlan, _ root: Directory, _ listing: TreeListing) throws
        -> [TreePath]
    {
        try compare(kernel, plan, root, listing).stale
    }

    /// True if the outputs that stand here are newer than all that they are made from outside.
    func areOlder(than plan: RestorePlan, _ local: LocalTree, _ inspection: TreeInspection) throws -> Bool {
        guard let kernel = inspection.kernel else { return true }
        let newest = try compare(kernel, plan, inspection.root, local.listing).newest
        return plan.kept.allSatisfy { place in
            local.listing[plan.entries[place].path].map { $0.status.mtime > newest } ?? false
        }
    }

    private func compare(
        _ kernel: ModuleKernel, _ plan: RestorePlan, _ root: Directory, _ listing: TreeListing
    )
        throws -> ModuleInputSurvey.Comparison
    {
        var survey = try ModuleInputSurvey(kernel, root: root, listing: listing)
        let comparison = try survey.compare(
            with: self, known: Set(plan.entries.lazy.map(\.path)), now: try TimeResolution.now(in: root))
        if let file = comparison.future {
            throw KbuildError(
                .unfit,
                "nothing is fresh yet: the time of \(file) in \(kernel.output) lies in the future: touch it, then pull "
                    + "again")
        }
        return comparison
    }
}
