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

        package init() {}
    }

    package let listing: TreeListing
    package let index: CmdIndex
    /// What the tree was built with last, and what `.config` says now.
    package let built: AutoConf
    package let wanted: AutoConf
    package let options: Options
    let root: Directory

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
        self.built = built ?? AutoConf()
    }

    static let configPath = TreePath(".config")
    static let autoConfPath = TreePath("include/config/auto.conf")

    /// Works out the report. Reads only small files of the tree.
    ///
    /// - Throws: `SystemError` naming a file that can't be read.
    package func report() throws -> RebuildReport {
        var graph = BuildGraph(index: index, times: TreeTimes(root: root, listing: listing))
        graph.readCommands()
        graph.addKnowledge(modules: wanted["MODULES"] == "y")
        try graph.addPayloads(root)
        let evaluator = RebuildEvaluator(graph: graph, model: self)
        return evaluator.run()
    }
}

extension RebuildModel {
    /// True if make would run syncconfig first: `.config` or a Kconfig file is newer than auto.conf.
    var needsSync: Bool {
        guard let config = Self.configPath, let auto = Self.autoConfPath, let wanted = listing[config] else {
            return false
        }
        guard let built = listing[auto] else { return true }
        return wanted.status.mtime > built.status.mtime
    }
}
