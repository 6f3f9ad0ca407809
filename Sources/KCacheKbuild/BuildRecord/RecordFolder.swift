import KCacheCore
import KCacheSystem
import SystemPackage

/// The records of one tree in the user's cache folder: one file per key, the least recently used dropped.
struct RecordFolder {
    static let most = 8
    private static let largest = 256 << 20

    private let folder: PrivateFolder
    private var directory: Directory { folder.directory }

    private static func parts(_ tree: Digest) -> [String] {
        ["make", "records", String(tree.hex.prefix(32))]
    }

    /// The folder if it is there and the user's alone; nil otherwise.
    static func existing(cache: FilePath, tree: Digest) -> RecordFolder? {
        do throws(SystemError) {
            return try PrivateFolder.open(cache, parts(tree), making: false).map { RecordFolder(folder: $0) }
        } catch {
            // Without a folder there is no record: the caller goes on without.
            return nil
        }
    }

    /// The folder, made if it is missing; nil if it isn't the user's alone.
    static func made(cache: FilePath, tree: Digest) throws(SystemError) -> RecordFolder? {
        try PrivateFolder.open(cache, parts(tree)).map { RecordFolder(folder: $0) }
    }

    private func name(_ key: Digest) -> TreePath { TreePath(literal: Array(key.hex.utf8)) }

    /// The record; nil if there is none, or it is damaged or not the user's alone.
    func load(_ key: Digest) -> BuildRecord? {
        guard let bytes = folder.read(name(key), limit: Self.largest) else { return nil }
        do throws(FormatError) {
            let record = try BuildRecord.decode(bytes)
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
        try folder.write(record.encode(), to: name(record.key))
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
        folder.read(name(key), limit: Self.largest).flatMap { Digest($0.suffix(Digest.byteCount)) }
    }

    /// Nil if there is none, or none that can be read.
    func pushMark(_ key: Digest) -> PushMark? {
        folder.read(markName(key), limit: 1 << 16).flatMap { PushMark(parsing: $0) }
    }

    func save(_ mark: PushMark, _ key: Digest) throws(SystemError) {
        try folder.write(mark.encode(), to: markName(key))
    }
}
