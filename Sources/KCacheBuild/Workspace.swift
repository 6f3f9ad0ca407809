import KCacheCore
import KCacheStore
package import KCacheSystem
package import SystemPackage

/// A tree that is built in for another machine's tree: `NAME/tree` in the folder of builds, with a lock and a note
/// beside it.
package struct Workspace: Sendable {
    /// What is known of it besides the tree.
    struct About: Hashable, Sendable {
        /// Whose tree it follows.
        var origin = ""
        /// The sources that stand in the tree.
        var sources: SnapshotID?
    }

    package let name: String
    let folder: Directory

    private static let note = TreePath(literal: Array("about.toml".utf8))
    private static let lock = TreePath(literal: Array("lock".utf8))
    static let tree = TreePath(literal: Array("tree".utf8))

    /// Whose tree it follows: `HOST:PATH`; empty where that is not known.
    package var origin: String { about().origin }

    package var treePath: FilePath { folder.path.appending("tree") }

    /// One use at a time.
    func lock(waiting: () -> Void) throws(SystemError) -> FileLock {
        try FileLock.take(.exclusive, on: Self.lock, in: folder, waiting: waiting)
    }

    /// Nil while somebody builds there.
    func tryLocking() throws(SystemError) -> FileLock? {
        try FileLock.tryTaking(.exclusive, on: Self.lock, in: folder)
    }

    /// Nothing is known where the note is missing or can't be read.
    func about() -> About {
        var about = About()
        do {
            guard let bytes = try folder.readFile(Self.note, limit: 1 << 16) else { return about }
            for entry in try TomlDocument(parsing: bytes).entries {
                guard case .string(let text) = entry.value else { continue }
                switch entry.path {
                case ["origin"]: about.origin = text
                case ["sources"]: about.sources = Digest(hex: text).map { SnapshotID($0) }
                default: break
                }
            }
        } catch { return About() }
        return about
    }

    /// - Parameter durable: it is on the disk before anything that follows.
    func save(_ about: About, durable: Bool = false) throws {
        var entries = [TomlDocument.Entry(path: ["origin"], value: .string(about.origin), line: 0)]
        if let sources = about.sources {
            entries.append(.init(path: ["sources"], value: .string(sources.digest.hex), line: 0))
        }
        try AtomicFile.write(
            Array(TomlDocument(entries: entries).text.utf8), to: Self.note, in: folder, durable: durable)
    }

    /// When it was last built in, in nanoseconds since 1970; 0 if never.
    package func lastUsed() throws(SystemError) -> Int64 { try folder.status(Self.note)?.mtime ?? 0 }
}
