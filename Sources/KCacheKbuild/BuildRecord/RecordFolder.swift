import KCacheCore
import KCacheSystem
import SystemPackage

/// The records of one tree in the user's cache folder: one file per key, the least recently used dropped.
struct RecordFolder {
    static let most = 8
    private static let largest = 256 << 20

    private let directory: Directory

    private init(_ directory: Directory) { self.directory = directory }

    private static func path(_ cache: FilePath, _ tree: Digest) -> FilePath {
        cache.appending("make").appending("records").appending(String(tree.hex.prefix(32)))
    }

    /// The folder if it is there and the user's own; nil otherwise.
    static func existing(cache: FilePath, tree: Digest, user: UInt32) -> RecordFolder? {
        do throws(SystemError) {
            let directory = try Directory.open(path(cache, tree))
            return try directory.status().owner == user ? RecordFolder(directory) : nil
        } catch {
            // Without a folder there is no record: the caller goes on without.
            return nil
        }
    }

    static func made(cache: FilePath, tree: Digest) throws(SystemError) -> RecordFolder {
        RecordFolder(try Directory.create(path(cache, tree)))
    }

    private func name(_ key: Digest) -> TreePath { TreePath(literal: Array(key.hex.utf8)) }

    /// The record; nil if there is none, or it is damaged or another user's.
    func load(_ key: Digest, user: UInt32) -> BuildRecord? {
        do {
            guard let file = try directory.openFile(name(key)) else { return nil }
            let status = try file.status()
            guard status.owner == user, status.kind == .file else { return nil }
            let record = try BuildRecord.decode(try file.readAll(limit: Self.largest))
            return record.key == key ? record : nil
        } catch {
            // A damaged record is as good as none.
            return nil
        }
    }

    /// Marks the record as used now, at most once in a minute.
    func touch(_ key: Digest, now: Int64) {
        do throws(SystemError) {
            guard let status = try directory.status(name(key)), now - status.mtime > 60_000_000_000 else {
                return
            }
            try directory.setModificationTime(name(key), now)
        } catch {
            // It may be dropped earlier: nothing else.
        }
    }

    /// Writes the record, whole or not at all, and drops the oldest beyond the bound.
    func save(_ record: BuildRecord) throws(SystemError) {
        try AtomicFile.write(record.encode(), to: name(record.key), in: directory, durable: false)
        let old = try directory.entries()
            .filter { $0.status.kind == .file && $0.name.count == 2 * Digest.byteCount }
            .sorted { $0.status.mtime > $1.status.mtime }.dropFirst(Self.most)
        for entry in old {
            try directory.remove(TreePath(literal: entry.name))
            try directory.remove(TreePath(literal: entry.name + Self.pushed))
        }
    }

    func remove(_ key: Digest) throws(SystemError) { try directory.remove(name(key)) }

    // MARK: Marks of pushes

    private static let pushed = Array(".pushed".utf8)

    private func markName(_ key: Digest) -> TreePath { TreePath(literal: Array(key.hex.utf8) + Self.pushed) }

    /// The checksum at the end of the key's record; nil if there is none.
    func state(_ key: Digest) -> Digest? {
        do throws(SystemError) {
            return try directory.readFile(name(key), limit: Self.largest).flatMap {
                Digest($0.suffix(Digest.byteCount))
            }
        } catch { return nil }
    }

    /// Nil if there is none, or none that can be read.
    func pushMark(_ key: Digest) -> PushMark? {
        do throws(SystemError) {
            return try directory.readFile(markName(key), limit: 1 << 16).flatMap { PushMark(parsing: $0) }
        } catch { return nil }
    }

    func save(_ mark: PushMark, _ key: Digest) throws(SystemError) {
        try AtomicFile.write(mark.encode(), to: markName(key), in: directory, durable: false)
    }
}
