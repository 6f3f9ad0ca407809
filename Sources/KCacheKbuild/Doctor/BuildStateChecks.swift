import KCacheCore
import KCacheSystem
import KCacheTree

/// Checks how far the build in a tree has come, and what make would do now.
enum BuildStateChecks {
    static func findings(_ tree: TreeCondition, environment: [String: String]) throws -> [DoctorFinding] {
        if let partial = tree.partial {
            return [
                DoctorFinding(
                    .partialPull,
                    "a pull brought only what make install reads, of snapshot \(partial.snapshot.short)",
                    cost: "make would build everything",
                    mend: "kcache pull \(DoctorText.shell(partial.store))")
            ]
        }
        guard tree.tree.hasConfiguration else {
            return [
                DoctorFinding(
                    .noConfiguration, "there is no .config",
                    cost: "make can't build, and nothing can be pushed",
                    mend: "make defconfig (or kcache pull, which brings one)")
            ]
        }
        guard tree.isBuilt else {
            return [
                DoctorFinding(
                    .neverBuilt, "nothing is built here", cost: "make would build everything",
                    mend: "kcache pull, if a store has this kernel")
            ]
        }
        return interrupted(tree) + (try stale(tree, environment))
    }

    private static func interrupted(_ tree: TreeCondition) -> [DoctorFinding] {
        let found = InterruptedBuild.findings(tree.classification).filter { $0.kind != .neverBuilt }
        guard let first = found.first else { return [] }
        let rest = found.count > 1 ? " (and \(found.count - 1) more signs)" : ""
        let unfinished = InterruptedBuild.unfinished(tree.classification).sorted()
        let cost =
            unfinished.isEmpty
            ? "kcache push refuses the tree"
            : "make may keep what is half written: \(DoctorText.paths(unfinished)); kcache push refuses the tree"
        let remove = unfinished.filter { tree.listing.index(of: $0) != nil }.prefix(8)
        let mend =
            remove.isEmpty
            ? "kcache make"
            : "rm \(remove.map { DoctorText.shell($0.description) }.joined(separator: " ")) && kcache make"
        return [
            DoctorFinding(
                .interrupted, "the last build did not end: \(first)\(rest)", cost: cost, mend: mend,
                paths: found.compactMap(\.path))
        ]
    }

    private static func stale(_ tree: TreeCondition, _ environment: [String: String]) throws
        -> [DoctorFinding]
    {
        var options = RebuildModel.Options()
        options.stampsArePinned = BuildPins.stampNames.allSatisfy { environment[$0]?.isEmpty == false }
        let report = try RebuildModel(
            root: tree.root, listing: tree.listing, index: tree.commands, options: options
        ).report()
        guard let first = report.stale.first ?? report.possible.first else { return [] }
        let all = tree.commands.records.count
        let what =
            report.stale.isEmpty
            ? "make may have something to do: \(first)" : "make has something to do, first for \(first)"
        return [
            DoctorFinding(
                .stale, what,
                cost:
                    "rebuilds \(report.stale.count) of \(DoctorText.count(all, "target"))"
                    + (report.possible.isEmpty ? "" : ", and perhaps \(report.possible.count) more"),
                mend: "kcache make (kcache status --all names every target and cause)",
                paths: (report.stale.isEmpty ? report.possible : report.stale).map(\.target))
        ]
    }

    /// make includes the saved commands of files that are there.
    static func commands(_ tree: TreeCondition) -> [DoctorFinding] {
        let found = tree.commands.unreadable.filter { bad in
            guard let name = CommandEvidence.target(of: bad.file.name) else { return false }
            let target = TreePath(Array(bad.file.bytes[..<bad.file.nameStart]) + name)
            return target.flatMap { tree.listing.index(of: $0) } != nil
        }.map(\.file).sorted()
        guard !found.isEmpty else { return [] }
        let arguments = found.prefix(8).map { DoctorText.shell($0.description) }.joined(separator: " ")
        return [
            DoctorFinding(
                .unreadableCommands,
                "\(DoctorText.count(found.count, "saved command")) can't be read: \(DoctorText.paths(found))",
                cost: "make stops there, or builds \(DoctorText.count(found.count, "target")) again",
                mend: "rm \(arguments)", paths: found)
        ]
    }
}
