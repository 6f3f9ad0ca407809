import Glibc
import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage

/// A folder that goes when the value does.
final class TemporaryFolder: Sendable {
    let path: FilePath
    let directory: Directory

    init() throws {
        let base = FilePath("/tmp").appending("kcache-test-\(UInt64.random(in: 0 ... .max))")
        path = base
        directory = try Directory.create(base)
    }

    deinit {
        removeTree(directory)
        rmdir(path.string)
    }

    func folder(_ name: String) throws -> Directory { try Directory.create(path.appending(name)) }
}

private func removeTree(_ directory: Directory) {
    guard let entries = try? directory.entries() else { return }
    for entry in entries {
        let name = TreePath(literal: entry.name)
        if entry.status.kind == .directory {
            if let child = try? directory.directory(name) { removeTree(child) }
            _ = try? directory.removeDirectory(name)
        } else {
            _ = try? directory.remove(name)
        }
    }
}

extension TreePath: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(literal: Array(value.utf8)) }
}

extension Directory {
    /// Writes a file, with a time in seconds where one is given.
    func put(_ path: TreePath, _ text: String, at seconds: Int64? = nil) throws {
        if let parent = path.parent { try makeDirectories(parent) }
        try remove(path)
        try createFile(path).write(Array(text.utf8))
        if let seconds { try setModificationTime(path, seconds * 1_000_000_000) }
    }

    func text(_ path: TreePath) throws -> String? {
        try readFile(path).map { String(decoding: $0, as: UTF8.self) }
    }

    func mtime(_ path: TreePath) throws -> Int64 { try status(path)?.mtime ?? -1 }
}

/// What a path is in these tests: `.o` and `.cmd` are outputs, `key.pem` stays home.
func testRoles(_ listing: TreeListing) -> [PathRole] {
    listing.files.map { file in
        if file.path.hasSuffix(".o") || file.path.hasSuffix(".cmd") { return .output }
        if file.path.bytes == Array(".config".utf8) { return .configuration }
        if file.path.hasSuffix("key.pem") || TemporaryName.isTemporary(file.path.name) { return .leftOut }
        return .source
    }
}

/// Push and pull without Kbuild.
struct TestMachine {
    let store: Store
    var rules = ContentRules.plain
    var index = StatIndex()

    func look(_ root: Directory, _ options: ContentReader.Options = .init()) throws -> LocalTree {
        let listing = try TreeScanner().scan(root)
        let roles = testRoles(listing)
        let reader = ContentReader(root: root, listing: listing, roles: roles, rules: rules, index: index)
        return LocalTree(root: root, listing: listing, roles: roles, contents: try reader.read(options))
    }

    func push(_ root: Directory, name: String = "") throws -> SnapshotID {
        let session = try store.begin()
        let writer = session.makeWriter()
        var options = ContentReader.Options()
        options.consume = { batch in
            try writer.add(
                FrameInput(chunks: batch.chunks, bytes: batch.bytes),
                kind: batch.role == .output ? .outputs : .sources)
        }
        let local = try look(root, options)
        let plan = SnapshotPlan(local, earlier: index)
        var snapshot = Snapshot(header: SnapshotHeader(), entries: plan.entries)
        snapshot.header.name = name
        snapshot.seal()
        let manifest = SnapshotCodec.encode(snapshot.entries)
        let content = ContentCutter.content(of: manifest)
        try manifest.withUnsafeBytes {
            try writer.add(FrameInput(chunks: content.chunks, bytes: $0), kind: .manifests)
        }
        _ = try writer.finish()
        return try session.commit(SnapshotRecord(header: snapshot.header, manifest: content))
    }

    @discardableResult
    func pull(
        _ id: SnapshotID, into root: Directory, mode: RestorePlan.Mode = .checkout,
        options: TreeRestorer.Options = .init()
    ) throws -> (RestorePlan, TreeRestorer.Summary) {
        let session = try store.begin()
        let local = try look(root)
        let plan = try RestorePlan(snapshot: try session.snapshot(id).entries, local: local, mode: mode)
        let summary = try TreeRestorer(
            root: root, plan: plan, rules: rules, session: session, options: options
        ).run()
        return (plan, summary)
    }
}
