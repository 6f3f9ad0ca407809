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
    let kernel: Directory?
    let tracked: Set<TreePath>?
    let pulled: Set<TreePath>

    /// - Parameters:
    ///   - kernel: of a directory of external modules, the kernel's with the makefiles.
    ///   - tracked: what version control tracks; nil where there is none.
    ///   - pulled: outputs that a pull brought alone.
    package init(
        tree: KbuildTree, kernel: Directory? = nil, tracked: Set<TreePath>? = nil, pulled: Set<TreePath> = []
    ) {
        (self.tree, self.kernel, self.tracked, self.pulled) = (tree, kernel, tracked, pulled)
    }

    /// Reads the saved commands, the top makefiles and the makefiles of directories that were built in.
    package func classify(_ listing: TreeListing, in directory: Directory) throws -> Classification {
        var work = ClassifierPass(
            listing: listing, directory: directory, tree: tree, tracked: tracked,
            rules: try kernel.map { try CleanRules(modulesOf: $0) }
                ?? CleanRules(directory: directory, architecture: tree.architecture))
        try work.findSavedCommands()
        work.applyCleanPaths()
        work.applyCleanPatterns()
        try work.applyDirectoryRules()
        work.applyShipped()
        work.applyDerivedNames()
        try work.applyWrapped()
        for path in pulled {
            if let i = listing.index(of: path) { work.prove(i, .pulled) }
        }
        try work.applyLeftOut()
        return Classification(listing: listing, classes: work.classes, program: work.rules.program)
    }
}
