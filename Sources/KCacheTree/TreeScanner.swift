import KCacheCore
package import KCacheSystem
import SystemPackage

/// Walks a tree with readdir and lstat, on all cores, and never through a link.
///
/// The folders of version control systems are not entered or listed: they are never part of a build.
package struct TreeScanner: Sendable {
    package init() {}

    /// Lists every file and link under `root`, and under its base if it has one.
    ///
    /// Where one of the two lies in the other, that is left out of the other's.
    /// - Throws: `SystemError` naming a directory that can't be read.
    package func scan(_ root: Directory) throws -> TreeListing {
        guard let base = root.base else { return try scanAlone(root) }
        let (own, below) = (try root.realPath(), try base.directory.realPath())
        let sources = try scanAlone(base.directory)
        let others = try base.leavesOut(sources.files.map(\.path)).union(Self.place(of: own, in: below))
        let upper = try scanAlone(root).leavingOut(Self.place(of: below, in: own))
        return TreeListing(
            upper, over: sources.leavingOut(others), only: base.only,
            links: try Self.linked(upper, root.withoutBase(), to: below))
    }

    /// Links to what stands at the same path below another directory, as scripts/gdb/linux/Makefile makes them.
    private static func linked(_ listing: TreeListing, _ root: Directory, to other: FilePath)
        throws(SystemError) -> Set<TreePath>
    {
        var found = Set<TreePath>()
        let prefix = Array("\(other.string)/".utf8)
        for file in listing.files where file.status.kind == .link {
            let target = try root.readLink(file.path)
            if target.starts(with: prefix), target.dropFirst(prefix.count).elementsEqual(file.path.bytes) {
                found.insert(file.path)
            }
        }
        return found
    }

    private static func place(of inner: FilePath, in outer: FilePath) -> Set<TreePath> {
        var path = inner
        guard inner != outer, path.removePrefix(outer) else { return [] }
        return Set([TreePath(path.string)].compactMap { $0 })
    }

    private func scanAlone(_ root: Directory) throws -> TreeListing {
        // Two levels are walked here, what lies below them is shared out. Every directory's entries come in the
        // order that their paths have in the whole, so that nothing has to be sorted at the end.
        var slots: [Slot] = []
        var special: [TreePath] = []
        for top in try visit(root, at: nil, &special) {
            guard case .directory(let name) = top else {
                slots.append(top)
                continue
            }
            slots += try visit(try root.directory(name), at: name, &special)
        }
        let parts = try Parallel.map(slots.count) { [slots] i in
            var part = Part()
            switch slots[i] {
            case .file(let file): part.files.append(file)
            case .directory(let path): try walk(try root.directory(path), at: path, into: &part)
            }
            return part
        }
        var files: [ScannedFile] = []
        files.reserveCapacity(parts.reduce(0) { $0 + $1.files.count })
        for part in parts {
            files += part.files
            special += part.special
        }
        return TreeListing(files: files, special: special.sorted())
    }

    private struct Part: Sendable {
        var files: [ScannedFile] = []
        var special: [TreePath] = []
    }

    private enum Slot: Sendable {
        case file(ScannedFile)
        case directory(TreePath)
    }

    private func walk(_ directory: Directory, at path: TreePath, into part: inout Part) throws {
        for slot in try visit(directory, at: path, &part.special) {
            switch slot {
            case .file(let file): part.files.append(file)
            case .directory(let child):
                try walk(
                    try directory.directory(TreePath(literal: Array(child.name))), at: child, into: &part)
            }
        }
    }

    /// What comes in an entry's path after so many bytes of its name; -1 at its end.
    private static func next(_ entry: Directory.Entry, _ count: Int) -> Int {
        if count < entry.name.count { return Int(entry.name[count]) }
        return entry.status.kind == .directory ? Int(slash) : -1
    }

    /// One directory's entries, in the order of the paths at and below them: a directory stands where its name
    /// with a slash does.
    private func visit(_ directory: Directory, at path: TreePath?, _ special: inout [TreePath]) throws
        -> [Slot]
    {
        var entries = try directory.entries().filter { !ReservedName.isVersionControl($0.name) }
        entries.sort { a, b in
            // Names with nothing behind them come first; a slash ends those of directories.
            let common = min(a.name.count, b.name.count)
            for i in 0..<common where a.name[i] != b.name[i] { return a.name[i] < b.name[i] }
            return Self.next(a, common) < Self.next(b, common)
        }
        var slots: [Slot] = []
        slots.reserveCapacity(entries.count)
        for entry in entries {
            guard let child = path.map({ $0.appending(entry: entry.name) }) ?? TreePath(entry.name) else {
                throw SystemError(
                    "list", "\(directory.path.string)/\(quoteForPeople(entry.name))", .fileNameTooLong)
            }
            switch entry.status.kind {
            case .directory: slots.append(.directory(child))
            case .file, .link: slots.append(.file(ScannedFile(path: child, status: entry.status)))
            case .other: special.append(child)
            }
        }
        return slots
    }
}

private let slash = UInt8(ascii: "/")
