import KCacheCore
package import KCacheSystem
package import KCacheTree
package import SystemPackage

/// A tree looked at once: what stands in it, what each file is, and what each holds.
package struct TreeInspection: Sendable {
    package let root: Directory
    package let rootPath: FilePath
    package let listing: TreeListing
    /// Nil in a directory that is no Kbuild tree.
    package let tree: KbuildTree?
    /// What external modules are built against; nil where this is no directory of such.
    let kernel: ModuleKernel?
    package let classification: Classification
    /// What git tracks; nil where there is none.
    let tracked: Set<TreePath>?
    package let roles: [PathRole]
    package let rules: ContentRules
    /// The absolute paths that Kbuild writes into what it makes here.
    let paths: TreePaths
    package let index: StatIndex
    /// The same with what is not believed of these files: what they, or others at their paths, held before.
    package let earlier: StatIndex

    /// Scans and classifies; reads no content yet.
    package init(_ root: Directory, state: TreeState, host: HostEnvironment) throws {
        try self.init(root, kernel: nil, state: state, host: host)
    }

    /// - Parameter kernel: see `TreePlace.kernel`.
    init(_ root: Directory, kernel: ModuleKernel?, state: TreeState, host: HostEnvironment) throws {
        (self.root, self.kernel) = (root, kernel)
        rootPath = try root.realPath()
        listing = try TreeScanner().scan(root)
        tree =
            if let kernel {
                kernel.tree(listing)
            } else {
                try KbuildTree.recognize(
                    root, listing: listing, environment: host.environment, runner: host.runner)
            }
        if let tree {
            tracked = try GitTracking.tracked(
                in: root.base?.directory ?? root, isWhole: kernel == nil, environment: host.environment,
                runner: host.runner)
            classification = try TreeClassifier(
                tree: tree, kernel: kernel, tracked: tracked,
                pulled: try state.brought(in: listing)
            ).classify(listing, in: root)
            if let base = root.base?.directory,
                let obstacle = TreePlace.obstacle(
                    classification, architecture: tree.architecture, source: try base.realPath())
            {
                throw KbuildError(.unfit, obstacle)
            }
        } else {
            tracked = nil
            classification = Classification(
                listing: listing, classes: listing.files.map { Self.classWithoutRules($0.path) })
        }
        roles = classification.classes.map(Self.role)
        func bytes(_ path: FilePath?) -> [UInt8]? { path.map { Array($0.string.utf8) } }
        paths = TreePaths(
            tree: Array(rootPath.string.utf8),
            source: bytes(try kernel?.makefiles ?? root.base?.directory.realPath()),
            kernel: kernel?.source == nil ? nil : bytes(kernel?.output), isOfModules: kernel != nil)
        rules = TreeContentRules.make(paths)
        earlier = state.loadIndex()
        index = state.isOfTheseSources() ? try Self.believed(earlier, listing, root) : StatIndex()
    }

    /// Reads what the files hold, with the stat index.
    ///
    /// - Parameter roles: what each is, where somebody knows better; parallel to the listing.
    package func local(_ options: ContentReader.Options = .init(), roles: [PathRole]? = nil) throws
        -> LocalTree
    {
        let roles = roles ?? self.roles
        let reader = ContentReader(root: root, listing: listing, roles: roles, rules: rules, index: index)
        return LocalTree(root: root, listing: listing, roles: roles, contents: try reader.read(options))
    }

    /// The records that a stat can vouch for. In an image of fixed times (squashfs, ISO 9660) no ctime tells one image
    /// from the next: of such sources nothing is believed.
    private static func believed(_ index: StatIndex, _ listing: TreeListing, _ root: Directory) throws
        -> StatIndex
    {
        guard let base = root.base?.directory, try base.isOnReadOnlyMount() else { return index }
        return index.without { path in
            listing[path].map { $0.isInBase && $0.status.ctime == $0.status.mtime } ?? false
        }
    }

    /// Where no Makefile tells (a pull into an empty directory that was killed), all is a source.
    private static func classWithoutRules(_ path: TreePath) -> FileClass {
        if TemporaryName.isTemporary(path.name) { return .leftOut(.temporary) }
        return path.bytes == Array(".config".utf8) ? .configuration : .source
    }

    private static func role(_ fileClass: FileClass) -> PathRole {
        switch fileClass {
        case .source: .source
        case .output: .output
        case .configuration: .configuration
        case .leftOut: .leftOut
        }
    }
}
