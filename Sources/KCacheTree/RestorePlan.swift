package import KCacheCore
package import KCacheSystem

/// What a pull will do to a tree: a pure value, made by comparing contents.
package struct RestorePlan: Sendable {
    package enum Mode: Sendable {
        /// The sources are here: only outputs (and a missing `.config`) are written.
        case checkout
        /// An empty directory: everything is written.
        case whole
    }

    package let mode: Mode
    /// The snapshot's entries, sorted by path.
    package let entries: [SnapshotEntry]
    /// Places in `entries` of what is written.
    package private(set) var writes: [Int] = []
    /// Places in `entries` of outputs that are here already, with the right content.
    package private(set) var kept: [Int] = []
    /// What a stat said of those when their content was read.
    package private(set) var keptAs: [FileStatus] = []
    /// Places in `entries` of sources (and `.config`) that are the same here, with their times here.
    package private(set) var unchanged: [(entry: Int, mtime: Int64)] = []
    /// Sources and `.config` that differ here, with their times: they stay, and make sees them as new.
    package private(set) var changed: [(path: TreePath, mtime: Int64)] = []
    /// Sources here that the snapshot has not.
    package private(set) var added: [(path: TreePath, mtime: Int64)] = []
    /// Files among shared sources that the snapshot has not, and whose times are another build's.
    package private(set) var foreign: [TreePath] = []
    /// Sources that the snapshot has and this tree has not.
    package private(set) var missing: [TreePath] = []
    /// Outputs of the snapshot in whose place here stands something that may be the user's: it stays.
    package private(set) var conflicts: [(path: TreePath, mtime: Int64)] = []
    /// Outputs here that the snapshot has not: a build of another configuration left them.
    package private(set) var leftovers: [TreePath] = []
    /// Those of them that no snapshot holds, since their content is no other tree's.
    package private(set) var unstored: Set<TreePath> = []
    /// Outputs here that are going to be replaced.
    package private(set) var replaced: [TreePath] = []

    /// Outputs of the snapshot in whose place stands what may be the user's, whether or not it differs.
    private var notOurs = Set<TreePath>()
    private var leftoverSet = Set<TreePath>()

    /// Files that no snapshot holds and that outputs are made from: keys, seeds.
    private let withheld: Set<TreePath>
    private let others: Set<TreePath>

    /// Compares; nothing is read or written.
    ///
    /// - Parameter withheld: files here that stay out of snapshots although outputs are made from them. Nobody
    ///   knows what they held where the snapshot was made, so they count as sources that the snapshot has not.
    /// - Parameter others: what other builds made among shared sources.
    /// - Throws: `TreeError.obstructed` if a file stands where a directory has to be, or the other way round.
    package init(
        snapshot entries: [SnapshotEntry], local: LocalTree, mode: Mode, withheld: Set<TreePath> = [],
        others: Set<TreePath> = []
    ) throws(TreeError) {
        (self.entries, self.mode, self.withheld) = (entries, mode, withheld)
        self.others = others
        let files = local.listing.files
        var at = 0
        for (place, entry) in entries.enumerated() {
            while at < files.count, files[at].path < entry.path {
                addLocalOnly(at, local)
                at += 1
            }
            if at < files.count, files[at].path == entry.path {
                compare(place, at, local)
                at += 1
            } else {
                absent(place)
            }
        }
        while at < files.count {
            addLocalOnly(at, local)
            at += 1
        }
        try refuseObstructions(local.listing)
    }

    /// Paths whose content here is not what the snapshot was built from.
    package var differences: [TreePath] {
        (changed.map(\.path) + added.map(\.path) + foreign + missing + conflicts.map(\.path)).sorted()
    }

    /// False for what a pull must not remove or replace, whatever the snapshot calls it: anything but an
    /// output that it writes, or that a build made here.
    package func mayRemove(_ path: TreePath) -> Bool {
        guard !notOurs.contains(path) else { return false }
        if leftoverSet.contains(path) { return true }
        return place(of: path).map { entries[$0].role == .output } ?? false
    }

    /// True if something that stands here in an output's place must not be removed, whatever make would think of it.
    package var sparesAny: Bool { !notOurs.isEmpty }

    private func place(of path: TreePath) -> Int? {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].path < path { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].path == path ? low : nil
    }

    /// Bytes that will be written.
    package var bytesToWrite: ByteCount { writes.reduce(ByteCount.zero) { $0 + entries[$1].size } }

    private mutating func absent(_ place: Int) {
        let entry = entries[place]
        switch entry.role {
        case .output, .configuration: writes.append(place)
        case .source: if mode == .whole { writes.append(place) } else { missing.append(entry.path) }
        }
    }

    private mutating func compare(_ place: Int, _ index: Int, _ local: LocalTree) {
        let entry = entries[place]
        let mtime = local.listing.files[index].status.mtime
        let item = local.contents.item(index)
        let same = item.map { isSame(entry, $0) } ?? false
        switch (entry.role, local.roles[index]) {
        case (.output, .output):
            let status = local.listing.files[index].status
            // A file of several names is another tree's too (`cp -al`): a new time would make it fresh there.
            if same, let item, status.links <= 1, isAsExecutable(entry, status) {
                keep(place, item)
            } else {
                writes.append(place)
                replaced.append(entry.path)
            }
        case (.output, _) where local.listing.files[index].isInBase && entry.isLinkToSource:
            writes.append(place)
        case (.output, _):
            // No evidence that a build made the file here: it may be the user's own. Among sources that other output
            // trees have too, it is one even with that content: a stamp would make their outputs look newer.
            notOurs.insert(entry.path)
            if same, let item, !local.listing.files[index].isInBase {
                keep(place, item)
            } else {
                conflicts.append((entry.path, mtime))
            }
        case (.source, _), (.configuration, _):
            if same { unchanged.append((place, mtime)) } else { changed.append((entry.path, mtime)) }
        }
    }

    private mutating func keep(_ place: Int, _ item: TreeContents.Item) {
        kept.append(place)
        keptAs.append(item.status)
    }

    /// A program that the build made has to run here. Where filesystems keep no modes, all files are programs.
    private func isAsExecutable(_ entry: SnapshotEntry, _ status: FileStatus) -> Bool {
        guard case .file(_, let executable) = entry.kind else { return true }
        return !executable || status.isExecutable
    }

    /// The execute bit does not count: archives and filesystems lose it, and no object depends on it.
    private func isSame(_ entry: SnapshotEntry, _ item: TreeContents.Item) -> Bool {
        guard entry.holdsTreePath == item.holdsTreePath else { return false }
        switch (entry.kind, item.kind) {
        case (.file(let a, _), .file(let b, _)): return a == b
        case (.link(let a), .link(let b)): return a == b
        default: return false
        }
    }

    private mutating func addLocalOnly(_ index: Int, _ local: LocalTree) {
        let file = local.listing.files[index]
        switch local.roles[index] {
        case .source where others.contains(file.path): foreign.append(file.path)
        case .source, .configuration: added.append((file.path, file.status.mtime))
        case .output:
            leftovers.append(file.path)
            if case .leftOut = local.contents.outcomes[index] { unstored.insert(file.path) }
            leftoverSet.insert(file.path)
        case .leftOut:
            if withheld.contains(file.path) { added.append((file.path, file.status.mtime)) }
        }
    }

    /// A file here whose path is a directory of something to be written, or a directory where a file goes.
    private func refuseObstructions(_ listing: TreeListing) throws(TreeError) {
        let special = Set(listing.special)
        var checked: TreePath?
        for place in writes {
            let path = entries[place].path
            if special.contains(path) {
                throw TreeError(
                    .obstructed, "\(path) is no file, directory or link here: move it away", path: path)
            }
            var above = path.parent
            if above == checked { above = nil } else { checked = path.parent }
            while let directory = above {
                if listing.index(of: directory) != nil {
                    throw TreeError(
                        .obstructed,
                        "\(directory) is a file here, and has to be a directory for \(path): move it away",
                        path: directory)
                }
                above = directory.parent
            }
            if let below = listing.firstInside(path) {
                throw TreeError(
                    .obstructed,
                    "\(path) is a directory here (with \(below)), and has to be a file: move it away",
                    path: path)
            }
        }
    }
}

extension TreeListing {
    /// The first file that lies below this path.
    package func firstInside(_ directory: TreePath) -> TreePath? {
        let prefix = directory.bytes + [UInt8(ascii: "/")]
        var (low, high) = (0, files.count)
        while low < high {
            let middle = (low + high) / 2
            if compareBytes(files[middle].path.bytes, prefix) < 0 { low = middle + 1 } else { high = middle }
        }
        return low < files.count && files[low].path.bytes.starts(with: prefix) ? files[low].path : nil
    }
}
