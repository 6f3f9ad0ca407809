import KCacheCore
import KCacheSystem
import SystemPackage

/// The files of a git repository that tell which commit is checked out and how it is tagged.
struct GitFolder {
    /// Absolute paths; those that don't exist are to stay so.
    private(set) var watched: [[UInt8]] = []

    /// Nil if the root has no repository of its own.
    ///
    /// - Parameter withIndex: what is staged matters as well (CONFIG_LOCALVERSION_AUTO).
    /// - Throws: `RecordRefusal` for a repository of unknown shape.
    init?(below root: BuildRoot, withIndex: Bool) throws {
        guard let name = TreePath(".git"), let status = try root.directory.status(name) else { return nil }
        var folder = Self.path(root.path, ".git")
        if status.kind == .file {
            // A work tree: `gitdir: PATH`.
            let text = Self.line(try root.directory.readFile(name, limit: 1 << 16) ?? [])
            guard text.starts(with: "gitdir: ".utf8) else {
                throw RecordRefusal(".git is of an unknown shape")
            }
            folder = Self.path(root.path, Array(text.dropFirst(8)))
        } else if status.kind != .directory {
            throw RecordRefusal(".git is a link, which is not followed")
        }
        let own = try Self.open(folder)
        var common = folder
        if let name = TreePath("commondir"), let text = try own.readFile(name, limit: 1 << 16) {
            common = Self.path(folder, Array(Self.line(text)))
        }
        watched.append(Self.path(folder, "HEAD"))
        if withIndex { watched.append(Self.path(folder, "index")) }
        watched += ["packed-refs", "config", "reftable/tables.list"].map { Self.path(common, $0) }
        if let name = TreePath("HEAD"), let head = try own.readFile(name, limit: 1 << 16) {
            let text = Self.line(head)
            if text.starts(with: "ref: ".utf8) { watched.append(Self.path(common, Array(text.dropFirst(5)))) }
        }
        try addTags(Self.path(common, "refs/tags"), depth: 0)
    }

    private mutating func addTags(_ path: [UInt8], depth: Int) throws {
        watched.append(path)
        guard watched.count < 10_000, depth < 8 else {
            throw RecordRefusal("too many tags outside packed-refs")
        }
        let folder: Directory
        do throws(SystemError) { folder = try Self.open(path) } catch {
            // None yet: the path itself is watched.
            return
        }
        for entry in try folder.entries() {
            let child = Self.path(path, entry.name)
            if entry.status.kind == .directory {
                try addTags(child, depth: depth + 1)
            } else {
                watched.append(child)
            }
        }
    }

    private static func open(_ path: [UInt8]) throws(SystemError) -> Directory {
        try Directory.open(FilePath(String(decoding: path, as: UTF8.self)))
    }

    private static func line(_ text: [UInt8]) -> ArraySlice<UInt8> {
        text.prefix { $0 != UInt8(ascii: "\n") }
    }

    private static func path(_ base: [UInt8], _ name: String) -> [UInt8] { path(base, Array(name.utf8)) }

    private static func path(_ base: [UInt8], _ name: [UInt8]) -> [UInt8] {
        name.first == UInt8(ascii: "/") ? name : base + [UInt8(ascii: "/")] + name
    }
}
