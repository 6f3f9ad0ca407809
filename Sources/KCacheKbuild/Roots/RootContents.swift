import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// A root as it stands: what is carried of it, and its identity.
struct RootContents {
    let root: Directory
    let listing: TreeListing
    let contents: TreeContents
    /// Sorted by path.
    let entries: [SnapshotEntry]
    /// Over paths, contents, execute bits and links; owners, other modes, times and empty folders do not count.
    let digest: Digest

    /// What is not carried: paths and reasons.
    var leftOut: [(path: TreePath, reason: String)] {
        var found: [(path: TreePath, reason: String)] = []
        for (file, outcome) in zip(listing.files, contents.outcomes) {
            switch outcome {
            case .read:
                if ReservedName.occurring(in: file.path) != nil {
                    found.append((file.path, "a reserved name"))
                }
            case .leftOut: found.append((file.path, "a link that climbs out of the root"))
            case .unknown: found.append((file.path, "can't be read"))
            }
        }
        return found + listing.special.map { ($0, "a device, socket or pipe") }
    }

    /// Reads what the index does not know.
    init(_ root: Directory, index: StatIndex, _ options: ContentReader.Options = .init()) throws {
        self.root = root
        let listing = try TreeScanner().scan(root)
        let roles = listing.files.map { _ in PathRole.source }
        let links = Set(listing.files.lazy.filter { $0.status.kind == .link }.map(\.path))
        var options = options
        options.toleratesUnreadable = true
        let contents = try ContentReader(
            root: root, listing: listing, roles: roles, rules: RootRules.make(links: links), index: index
        ).read(options)
        (self.listing, self.contents) = (listing, contents)
        let tree = LocalTree(root: root, listing: listing, roles: roles, contents: contents)
        entries = tree.entries().map { entry in
            var entry = entry
            entry.order = 0
            return entry
        }
        digest = Self.digest(entries)
    }

    static func digest(_ entries: [SnapshotEntry]) -> Digest {
        var sources = SourcesDigest()
        for entry in entries { sources.add(entry) }
        return sources.finish()
    }

    // MARK: With the index in the cache folder

    /// Reads a root with the index that the last reading left, and leaves one.
    static func read(_ folder: FilePath, cache: FilePath, _ options: ContentReader.Options = .init()) throws
        -> RootContents
    {
        let root = try Directory.open(folder)
        let home = try Directory.create(cache.appending("trees"))
        let name = TreePath(
            literal: Array("root-\(Digest.of(Array(try root.realPath().string.utf8)).short).stat-index".utf8))
        var index = StatIndex()
        // A damaged index costs reading the files again.
        do {
            if let bytes = try home.readFile(name, limit: 1 << 30) { index = try StatIndex.decode(bytes) }
        } catch {}
        let now = WallClock.system.now()
        let found = try RootContents(root, index: index, options)
        if found.contents.filesRead > 0 || index.records.count != found.listing.files.count {
            do {
                try AtomicFile.write(
                    found.contents.statIndex(for: found.listing, now: now).encode(), to: name, in: home,
                    durable: false)
            } catch {}
        }
        return found
    }

    static func digest(of folder: FilePath, cache: FilePath) throws -> Digest {
        try read(folder, cache: cache).digest
    }
}
