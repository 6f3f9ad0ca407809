import KCacheCore
package import KCacheSystem
package import KCacheTree

/// Tells what plain `make` would make again in a tree, and why, without running it or changing anything.
///
/// It follows make's rule (a file strictly older than a prerequisite is made again; an equal time is fresh)
/// through the prerequisites that the `.cmd` files record, those that stand in saved commands, and those that
/// only the Makefiles know (`KbuildKnowledge`). The lists of objects of a directory come from its saved
/// commands unless its Makefile or a CONFIG symbol changed since; then its Makefile is read.
package struct RebuildModel: Sendable {
    package struct Options: Sendable {
        /// The build number and time are pinned (KBUILD_BUILD_VERSION, KBUILD_BUILD_TIMESTAMP), so that a
        /// link does not bring new ones. Off by default, as in a plain make.
        package var stampsArePinned = false
        /// Names outside the tree are looked up too, as make does for system headers that host tools use.
        package var looksOutside = true
        /// Where the tree is built in a root, that one's system headers count.
        package var outside: RootView?

        package init() {}
    }

    package let listing: TreeListing
    package let index: CmdIndex
    /// What the tree was built with last, and what `.config` says now.
    package let built: AutoConf
    package let wanted: AutoConf
    package let options: Options
    let root: Directory
    let kconfigFiles: [TreePath]

    /// Reads what the model needs from the tree.
    ///
    /// - Throws: `SystemError` naming a file that can't be read.
    package init(reading root: Directory, listing: TreeListing, options: Options = Options()) throws {
        try self.init(
            root: root, listing: listing, index: CmdIndex(reading: root, listing: listing), options: options)
    }

    package init(root: Directory, listing: TreeListing, index: CmdIndex, options: Options = Options()) throws
    {
        (self.root, self.listing, self.index, self.options) = (root, listing, index, options)
        func configuration(_ path: TreePath?) throws(SystemError) -> AutoConf? {
            guard let path, listing[path] != nil else { return nil }
            return try root.readFile(path).map { AutoConf(parsing: $0) }
        }
        let wanted = try configuration(Self.configPath)
        let built = try configuration(Self.autoConfPath)
        self.wanted = wanted ?? built ?? AutoConf()
        // Kbuild of before 2.6.27 (BusyBox) has no auto.conf; then nothing tells what was built with.
        self.built = built ?? (Self.isSet(Self.oldAutoConfPath, listing) ? self.wanted : AutoConf())
        var kconfigFiles: [TreePath] = []
        for name in ["include/config/auto.conf.cmd", ".kconfig.d"] {
            guard kconfigFiles.isEmpty, let path = TreePath(name), listing[path] != nil else { continue }
            kconfigFiles = try root.readFile(path).map { Self.kconfigFiles(in: $0, index.resolver) } ?? []
        }
        self.kconfigFiles = kconfigFiles
    }

    static let configPath = TreePath(".config")
    static let autoConfPath = TreePath("include/config/auto.conf")
    static let oldAutoConfPath = TreePath("include/autoconf.h")

    private static func isSet(_ path: TreePath?, _ listing: TreeListing) -> Bool {
        path.map { listing[$0] != nil } ?? false
    }

    /// What Kconfig writes anew for a changed configuration.
    var syncTarget: TreePath? {
        if Self.isSet(Self.oldAutoConfPath, listing), !Self.isSet(Self.autoConfPath, listing) {
            return Self.oldAutoConfPath
        }
        return Self.autoConfPath
    }

    /// True where directories are archived as `built-in.a` (Linux 4.17 and later): the layout of which
    /// `RebuildGoals`, `PlanWalk` and `KbuildKnowledge` know everything.
    var hasArchives: Bool { index.records.contains { $0.target.hasSuffix("built-in.a") } }

    /// Works out the report. Reads only small files of the tree.
    ///
    /// - Throws: `SystemError` naming a file that can't be read.
    package func report() throws -> RebuildReport {
        var graph = BuildGraph(index: index, times: TreeTimes(root: root, listing: listing))
        graph.readCommands()
        graph.addKnowledge(modules: wanted["MODULES"] == "y")
        try graph.addPayloads(root)
        guard hasArchives else {
            let planner = BuildPlanner(root: root, listing: listing, config: wanted, index: index)
            graph.addMakefileDoubts { planner.makefile(of: $0) }
            return RebuildEvaluator(graph: graph, model: self).run()
        }
        let planner = BuildPlanner(root: root, listing: listing, config: wanted, index: index)
        var walk = PlanWalk(model: self, planner: planner, graph: graph)
        walk.run()
        walk.graph.addWantedModules()
        let evaluator = RebuildEvaluator(graph: walk.graph, model: self)
        return evaluator.run()
    }
}

extension RebuildModel {
    /// Why make would run syncconfig first; nil if it wouldn't: `.config` or a Kconfig file is newer than
    /// auto.conf (top Makefile, and deps_config in include/config/auto.conf.cmd).
    var syncCause: StaleCause? {
        guard let config = Self.configPath, let auto = syncTarget, let wanted = listing[config] else {
            return nil
        }
        guard let built = listing[auto] else { return .missing }
        if wanted.status.mtime > built.status.mtime { return .newerPrerequisite(config) }
        for path in kconfigFiles {
            guard let file = listing[path] else { return .missingPrerequisite(path) }
            if file.status.mtime > built.status.mtime { return .newerPrerequisite(path) }
        }
        return nil
    }

    var needsSync: Bool { syncCause != nil }

    /// The Kconfig files that the last configuration was read from.
    static func kconfigFiles(in text: [UInt8], _ resolver: PathResolver) -> [TreePath] {
        var files: [TreePath] = []
        text.withUnsafeBytes { raw in
            guard raw.has("deps_config := \\", at: 0) else { return }
            var at = raw.firstIndex(of: UInt8(ascii: "\n"), from: 0) + 1
            while at < raw.count {
                let end = raw.firstIndex(of: UInt8(ascii: "\n"), from: at)
                var line = raw.trimmed(at..<end)
                let isLast = line.isEmpty || raw[line.upperBound - 1] != UInt8(ascii: "\\")
                if !isLast { line = raw.trimmed(line.lowerBound..<(line.upperBound - 1)) }
                if let path = resolver.resolve(Array(raw[line])) { files.append(path) }
                if isLast { return }
                at = end + 1
            }
        }
        return files
    }
}
