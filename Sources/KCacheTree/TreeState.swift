package import KCacheCore
package import KCacheSystem
package import SystemPackage

/// What kcache keeps about one tree on this machine, outside the tree: its stat index, a lock, a note of the pull that
/// left the index, and one where a pull brought only a part (`PartialPull`).
///
/// All of it can be thrown away at any time; the next push or pull then reads every file once.
package struct TreeState: Sendable {
    private let folder: Directory
    private let key: String
    /// Names the sources of an output directory apart from them, which may be turned to others.
    private let sourcesKey: String?

    /// - Parameters:
    ///   - cache: the user's cache folder for kcache; made where it is missing.
    ///   - root: the tree.
    package init(cache: FilePath, root: Directory) throws {
        key = try Self.key(root)
        sourcesKey = try root.base.map { base throws in try Self.key(base.directory) }
        folder = try Directory.create(cache.appending("trees"))
    }

    /// The same, but makes nothing: nil where nothing is kept of any tree.
    package init?(existingIn cache: FilePath, root: Directory) throws {
        key = try Self.key(root)
        sourcesKey = try root.base.map { base throws in try Self.key(base.directory) }
        do throws(SystemError) { folder = try Directory.open(cache.appending("trees")) } catch {
            if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return nil }
            throw error
        }
    }

    private static func key(_ root: Directory) throws -> String {
        let status = try root.status()
        var hash = DigestBuilder()
        hash.update(try root.realPath().string)
        hash.update([0])
        hash.update("\(status.device) \(status.inode)")
        return String(hash.finish().hex.prefix(32))
    }

    private func name(_ suffix: String) -> TreePath { TreePath(literal: Array("\(key).\(suffix)".utf8)) }

    /// True if the index is of these sources. Else its records tell what other files of these paths held.
    package func isOfTheseSources() -> Bool {
        guard let sourcesKey else { return true }
        do { return try read(Self.sources, limit: 100) == Array(sourcesKey.utf8) } catch { return false }
    }

    private static let sources = "sources"
    private static let statIndex = "stat-index"

    /// The index of the last push or pull; an empty one if there is none, or if it can't be read.
    package func loadIndex() -> StatIndex {
        do {
            guard let bytes = try folder.readFile(name(Self.statIndex), limit: 1 << 30) else {
                return StatIndex()
            }
            return try StatIndex.decode(bytes)
        } catch {
            // A damaged index costs reading the files again, nothing else.
            return StatIndex()
        }
    }

    /// True if the index is what a pull of this snapshot has left: as long as nothing differs from it, the tree is as
    /// that pull wanted it.
    package func isLeft(by snapshot: SnapshotID, _ index: StatIndex) throws -> Bool {
        guard let seal = index.seal else { return false }
        do {
            return try read(Self.leftBy, limit: 100) == [Self.rules] + snapshot.digest.bytes + seal.bytes
        } catch is SystemError { return false }
    }

    private static let leftBy = "left-by"
    /// Counts the rules by which a pull leaves outputs out: what older ones left is looked at again.
    private static let rules: UInt8 = 1

    /// Saves the index; nil, or what the person should know: a full or read-only cache folder costs time later, and is no
    /// reason to fail.
    ///
    /// - Parameter snapshot: what a pull has just brought to its end.
    package func keep(_ index: StatIndex, leftBy snapshot: SnapshotID? = nil) throws -> String? {
        do {
            let bytes = index.encode()
            if let sourcesKey { try write(Array(sourcesKey.utf8), Self.sources) }
            try write(bytes, Self.statIndex)
            if let snapshot {
                try write([Self.rules] + snapshot.digest.bytes + bytes.suffix(Digest.byteCount), Self.leftBy)
            }
        } catch let error as SystemError {
            return "the next push will read every file again: \(error)"
        }
        return nil
    }

    /// A small file beside the index; nil if there is none.
    func read(_ suffix: String, limit: Int) throws -> [UInt8]? {
        try folder.readFile(name(suffix), limit: limit)
    }

    func write(_ bytes: [UInt8], _ suffix: String) throws {
        try AtomicFile.write(bytes, to: name(suffix), in: folder, durable: false)
    }

    func remove(_ suffix: String) throws { try folder.remove(name(suffix)) }

    /// One push or pull of a tree at a time: pulls exclusively, pushes and status side by side.
    package func lock(_ mode: FileLock.Mode, waiting: () -> Void) throws -> FileLock {
        try FileLock.take(mode, on: name("lock"), in: folder, waiting: waiting)
    }
}
