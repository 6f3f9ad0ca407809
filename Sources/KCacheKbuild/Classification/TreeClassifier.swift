package import KCacheCore
package import KCacheSystem
package import KCacheTree

/// Tells outputs from sources.
///
/// A file is an output only if something proves that the build made it (`OutputEvidence`); in doubt it is a
/// source, because taking a person's file for an output could overwrite it elsewhere, while the reverse only
/// costs a rebuild. So a `blob.o` or `notes.a` without a saved command is a source, although `make clean` would
/// remove it. What git tracks is never an output.
package struct TreeClassifier: Sendable {
    let tree: KbuildTree
    let kernel: ModuleKernel?
    let tracked: Set<TreePath>?
    let pulled: Set<TreePath>

    /// - Parameters:
    ///   - tracked: what version control tracks; nil where there is none.
    ///   - pulled: outputs that a pull brought alone.
    package init(tree: KbuildTree, tracked: Set<TreePath>? = nil, pulled: Set<TreePath> = []) {
        self.init(tree: tree, kernel: nil, tracked: tracked, pulled: pulled)
    }

    /// - Parameter kernel: of a directory of external modules.
    init(
        tree: KbuildTree, kernel: ModuleKernel?, tracked: Set<TreePath>? = nil, pulled: Set<TreePath> = []
    ) {
        (self.tree, self.kernel, self.tracked, self.pulled) = (tree, kernel, tracked, pulled)
    }

    /// Reads the saved commands, the top makefiles and the makefiles of directories that were built in.
    package func classify(_ listing: TreeListing, in directory: Directory) throws -> Classification {
        var work = ClassifierPass(
            listing: listing, directory: directory, tree: tree, tracked: tracked,
            rules: try kernel.map { try CleanRules(modulesOf: try Directory.open($0.makefiles)) }
                ?? CleanRules(directory: directory, architecture: tree.architecture),
            isOfModules: kernel != nil)
        try work.findSavedCommands()
        work.applyCleanPaths()
        work.applyCleanPatterns()
        try work.applyDirectoryRules()
        work.applyLinkedTools()
        work.applyShipped()
        work.applyDerivedNames()
        try work.applyWrapped()
        for path in pulled {
            if let i = listing.index(of: path) { work.prove(i, .pulled) }
        }
        try work.applyLeftOut()
        return Classification(
            listing: listing, classes: work.classes, program: work.rules.program,
            addsTypes: kernel?.addsTypes ?? Self.addsTypes(listing))
    }

    /// Kconfig makes a file of the symbol once it is set; in small letters up to Linux 5.12.
    private static func addsTypes(_ listing: TreeListing) -> Bool {
        ["DEBUG_INFO_BTF_MODULES", "debug/info/btf/modules.h"].contains { symbol in
            TreePath("include/config/\(symbol)").flatMap { listing.index(of: $0) } != nil
        }
    }
}
