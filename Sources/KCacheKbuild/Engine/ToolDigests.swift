import KCacheCore
import KCacheSystem
import KCacheTree
import Synchronization
import SystemPackage

/// Digests of the machine's programs, kept with their stat data so that a compiler is read once.
final class ToolDigests: Sendable {
    private struct State {
        var index: StatIndex
        var fresh: [TreePath: StatIndex.Record] = [:]
    }

    private let root: Directory
    /// Nil: nothing is kept.
    private let folder: Directory?
    private let state: Mutex<State>
    private let file: TreePath

    /// - Parameter root: whose files the paths name; nil: this machine's.
    init(cache: FilePath, root view: RootView? = nil) throws {
        root = try Directory.open(view?.folder ?? "/")
        let name = view.map { "tools-\(Digest.of(Array($0.folder.string.utf8)).short).stat-index" }
        file = name.map { TreePath(literal: Array($0.utf8)) } ?? Self.ownFile
        let folder = try Directory.create(view == nil ? cache : cache.appending("trees"))
        self.folder = folder
        state = Mutex(State(index: try Self.index(file, in: folder)))
    }

    /// For who changes nothing: uses what is kept, and keeps nothing.
    init(reading cache: FilePath) throws {
        root = try Directory.open("/")
        folder = nil
        file = Self.ownFile
        var index = StatIndex()
        // A folder that is missing or closed to us costs reading the programs.
        do throws(SystemError) { index = try Self.index(file, in: try Directory.open(cache)) } catch _ {}
        state = Mutex(State(index: index))
    }

    private static let ownFile = TreePath(literal: Array("tools.stat-index".utf8))

    private static func index(_ file: TreePath, in folder: Directory) throws(SystemError) -> StatIndex {
        guard let bytes = try folder.readFile(file, limit: 1 << 24) else { return StatIndex() }
        // A damaged index costs reading the programs again.
        do { return try StatIndex.decode(bytes) } catch _ { return StatIndex() }
    }

    /// The content of the program at this absolute path, links resolved.
    func digest(_ path: FilePath) throws -> Digest {
        guard let name = TreePath(Array(path.string.utf8.drop { $0 == UInt8(ascii: "/") })),
            let status = try root.status(name)
        else { throw SystemError("read", path.string, .noSuchFileOrDirectory) }
        let listing = TreeListing(files: [ScannedFile(path: name, status: status)])
        let index = state.withLock { $0.index }
        let contents = try ContentReader(
            root: root, listing: listing, roles: [.source], rules: .plain, index: index
        ).read()
        guard let item = contents.item(0), case .file(let content, _) = item.kind else {
            throw SystemError("read", path.string, .invalidArgument)
        }
        let record = StatIndex.Record(path: name, status: item.status, kind: item.kind, holdsTreePath: false)
        if contents.filesRead > 0 { state.withLock { $0.fresh[name] = record } }
        return content.digest
    }

    /// Keeps what was learnt; a folder that can't be written costs time at the next run, nothing else.
    func save(now: Int64) {
        guard let folder else { return }
        let records = state.withLock { state -> [StatIndex.Record]? in
            guard !state.fresh.isEmpty else { return nil }
            var all = Dictionary(state.index.records.map { ($0.path, $0) }, uniquingKeysWith: { a, _ in a })
            for (path, record) in state.fresh where StatIndex.isSettled(ctime: record.ctime, now: now) {
                all[path] = record
            }
            return all.values.sorted { $0.path < $1.path }
        }
        guard let records else { return }
        do {
            try AtomicFile.write(
                StatIndex(sorted: records).encode(), to: file, in: folder, durable: false)
        } catch _ {}
    }
}
