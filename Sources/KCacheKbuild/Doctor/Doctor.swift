import KCacheCore
import KCacheSystem
import KCacheTree
package import SystemPackage

/// Looks at a machine, a tree and a store for whatever will cost a rebuild, break exactness or leak something.
///
/// It changes nothing, and runs nothing of the tree but `scripts/setlocalversion` in a git checkout.
package struct Doctor: Sendable {
    package let host: HostEnvironment

    package init(host: HostEnvironment) { self.host = host }

    package struct Request: Sendable {
        package var place: TreePlace
        /// Nil: none can be told.
        package var store: DoctorStore?

        package init(_ place: TreePlace, store: DoctorStore? = nil) {
            (self.place, self.store) = (place, store)
        }
    }

    package struct Report: Sendable {
        /// The Kbuild tree; nil where the directory is none.
        package var tree: FilePath?
        /// Nil where none is yet.
        package var store: String?
        /// The worst first, notes last.
        package var findings: [DoctorFinding] = []

        /// True if there is nothing but notes.
        package var isWell: Bool { findings.allSatisfy { $0.severity == .note } }
    }

    /// - Throws: `SystemError` if the directory can't be opened.
    package func examine(_ request: Request) throws -> Report {
        let root = try request.place.open()
        let path = try root.realPath()
        var sheet = DoctorSheet()
        let location =
            request.place.source.map { KbuildLocation(source: $0, output: path) }
            ?? OutputTreeCheck.location(path, environment: host.environment)
        let unclean = location.map { OutputTreeCheck.findings($0, host: host) } ?? []
        sheet.findings += unclean
        // Make refuses to build there, whatever else stands in it.
        let isRefused = !unclean.isEmpty && request.place.source != nil
        let tree = isRefused ? nil : inspect(root, &sheet)
        var report = Report(tree: tree?.path, store: request.store?.place)
        sheet.check("the cache folder") {
            try CacheFolderChecks.findings(
                host.cacheFolder, tree: tree, user: ProcessTable.effectiveUser)
        }
        var expected: UInt64?
        if let store = request.store {
            let outcome = sheet.look("the store", otherwise: StoreChecks.Outcome()) {
                try StoreChecks(store: store, host: host, tree: tree).run()
            }
            sheet.findings += outcome.findings
            expected = outcome.expectedOutputs
            if !outcome.isThere { report.store = nil }
        }
        if isRefused { report.tree = path }
        if let tree {
            var ofTree = DoctorSheet()
            examine(tree, &ofTree, expected)
            sheet.findings +=
                tree.root.base == nil ? ofTree.findings : ofTree.findings.map { $0.run(in: path) }
        }
        report.findings = sheet.findings.enumerated().sorted {
            ($0.element.severity, $0.offset) < ($1.element.severity, $1.offset)
        }.map(\.element)
        return report
    }

    private func inspect(_ root: Directory, _ sheet: inout DoctorSheet) -> TreeCondition? {
        let listing: TreeListing
        do { listing = try TreeScanner().scan(root) } catch {
            sheet.findings.append(
                DoctorFinding(
                    .unreadableTree, "\(error)", cost: "kcache can't look at the tree, and make fails there",
                    mend: "sudo chown -R \"$(id -un)\" \(DoctorText.shell(root.path.string))"))
            return nil
        }
        let tree = sheet.look("the tree", otherwise: nil) {
            try TreeCondition(root, listing: listing, host: host)
        }
        if tree == nil {
            sheet.check("the filesystem") {
                try FilesystemTraits.isCaseInsensitive(root, listing)
                    ? [TreePlaceChecks.caseInsensitive()] : []
            }
        }
        return tree
    }

    private func examine(_ tree: TreeCondition, _ sheet: inout DoctorSheet, _ expected: UInt64?) {
        sheet.findings += TreePlaceChecks.path(tree.path)
        sheet.check("the tree's filesystem") {
            let traits = try FilesystemTraits(tree)
            return TreePlaceChecks.filesystem(traits, tree)
                + (tree.isBuilt ? [] : TreePlaceChecks.space(traits.room, tree, expected: expected))
        }
        sheet.check("links") { try TreePlaceChecks.lostLinks(tree) }
        sheet.findings += TreeFileChecks.otherMakefile(tree)
        if let problem = tree.gitProblem {
            sheet.findings.append(
                DoctorFinding(
                    .git, problem, cost: "kcache push and pull refuse the tree: they can't tell its sources",
                    mend: "apt install git, or mend the repository (git fsck)"))
        }
        sheet.check("saved paths") {
            let moved = try MovedTreeCheck.findings(tree)
            return try moved.isEmpty ? MovedTreeCheck.otherSources(tree) : moved
        }
        sheet.findings += BuildStateChecks.commands(tree)
        sheet.check("who owns the files") {
            try TreeFileChecks.foreign(tree, user: ProcessTable.effectiveUser)
        }
        sheet.check("times") { try TreeFileChecks.future(tree, now: host.clock.now()) }
        sheet.check("links out of the tree") { try TreeFileChecks.outsideLinks(tree) }
        sheet.findings += TreeFileChecks.trackedOutputs(tree)
        sheet.check("secrets") { try SecretChecks.findings(tree) }
        sheet.check("the build") {
            try BuildStateChecks.findings(tree, environment: host.environment)
        }
        sheet.check("build variables") {
            PinChecks.pins(
                try BuildPins.recorded(in: tree.root), environment: host.environment,
                emptyPins: try PinChecks.emptyPins(tree))
        }
        sheet.check("the kernel's release") { try PinChecks.release(tree, host: host) }
        sheet.check("the shell's variables") { try EnvironmentChecks.findings(tree, host.environment) }
        sheet.check("the configuration") { try ConfigurationChecks.findings(tree, host: host) }
        let machine = sheet.look("the toolchain", otherwise: nil) {
            try MachineCondition(host: host, tree: tree)
        }
        guard let machine else { return }
        sheet.check("programs") { try ProgramChecks.findings(tree, machine: machine) }
        sheet.check("the toolchain") { try ToolChecks.findings(tree, machine: machine) }
        sheet.check("host programs") { try HostProgramCheck.findings(tree, machine: machine) }
    }
}

/// What has been found so far. A check that fails is told of, and the others go on.
struct DoctorSheet {
    var findings: [DoctorFinding] = []

    mutating func check(_ what: String, _ body: () throws -> [DoctorFinding]) {
        findings += look(what, otherwise: [], body)
    }

    mutating func look<T>(_ what: String, otherwise: T, _ body: () throws -> T) -> T {
        do { return try body() } catch {
            findings.append(
                DoctorFinding(
                    .unchecked, "\(what) could not be looked at: \(error)", cost: "not known",
                    mend: "see the reason"))
            return otherwise
        }
    }
}
