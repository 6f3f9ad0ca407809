import KCacheCore
import KCacheSystem
import KCacheTree

/// One root of a place as it stands: its files, and which of them the build made.
struct RootScan: Sendable {
    let root: BuildRoot
    /// Without what comes and goes unwatched, and without the other roots.
    let listing: TreeListing
    /// In the order of the listing.
    let isOutput: [Bool]
    /// Nil where Kbuild's own top Makefile is not here (an `O=` directory, external modules).
    let classification: Classification?
    let tree: KbuildTree?

    init(_ root: BuildRoot, others: [BuildRoot], host: HostEnvironment) throws {
        self.root = root
        let nested = others.compactMap { root.relative($0.path) }
        let all = try TreeScanner().scan(root.directory)
        listing = TreeListing(
            files: all.files.filter { file in
                !Self.isIdle(file.path) && !nested.contains { file.path.isInside($0) }
            }, special: all.special)
        tree = try KbuildTree.recognize(
            root.directory, listing: listing, environment: host.environment, runner: host.runner)
        switch root.kind {
        case .both:
            guard let tree else { throw RecordRefusal("no Kbuild tree") }
            let tracked = try GitTracking.tracked(
                in: root.directory, environment: host.environment, runner: host.runner)
            let classes = try TreeClassifier(tree: tree, tracked: tracked).classify(
                listing, in: root.directory)
            classification = classes
            isOutput = classes.classes.enumerated().map { [listing] i, one in
                switch one {
                case .output: true
                // What no snapshot takes is the build's as well.
                case .leftOut(.intermediate), .leftOut(.packaging): true
                case .leftOut(.secret): listing.files[i].path.parent != nil
                default: false
                }
            }
        case .output:
            classification = nil
            isOutput = listing.files.map { Self.isMadeInOutputTree($0.path) }
        case .source:
            classification = nil
            isOutput = listing.files.map { _ in false }
        case .modules:
            classification = nil
            isOutput = listing.files.map { [listing] in Self.isMadeBesideModules($0.path, listing) }
        }
    }

    /// True if a part of the path is a name that nothing looks at.
    static func isIdle(_ path: TreePath) -> Bool {
        let bytes = path.bytes
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "/")) ?? bytes.count
            // Few names need the whole look.
            if start < end, ListingDigest.mayBeIdle(bytes[start], bytes[end - 1]),
                end == bytes.count
                    ? ListingDigest.isIdle(Array(bytes[start..<end]))
                    : ListingDigest.isIdleFolder(Array(bytes[start..<end]))
            {
                return true
            }
            start = end + 1
        }
        return false
    }

    /// All but what a person puts into an `O=` directory.
    private static func isMadeInOutputTree(_ path: TreePath) -> Bool {
        path.parent != nil
            || !(path.hasPrefix("localversion") || path.hasPrefix(".config") || path.hasSuffix(".mk"))
    }

    private static func isMadeBesideModules(_ path: TreePath, _ listing: TreeListing) -> Bool {
        if CmdIndex.isCommandFile(path) || path.hasSuffix(".mod") || path.hasSuffix(".mod.c") { return true }
        if path.name.first == UInt8(ascii: "."), path.hasSuffix(".d") { return true }
        if ["Module.symvers", "modules.order", "modules.livepatch"].contains(where: {
            path.name.elementsEqual($0.utf8)
        }) {
            return true
        }
        return CommandEvidence.file(of: path).map { listing.index(of: $0) != nil } ?? false
    }

    /// True if everything has to be walked after a change of the file.
    func decides(_ i: Int) -> Bool {
        RuleFiles.decides(listing.files[i].path, isOutput: isOutput[i])
    }
}
