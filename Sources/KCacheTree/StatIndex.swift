package import KCacheCore
package import KCacheSystem

/// What the files of one tree held when they were last read, so that unchanged ones need not be read again.
///
/// A record is believed only while size, mtime, ctime and inode are the same, and it is only kept if the file's
/// ctime lay safely before the moment of reading: a later change then has another ctime. (ctime can't be set
/// by a program; git's index has the same "racily clean" problem with mtime.)
package struct StatIndex: Sendable {
    package struct Record: Sendable, Hashable {
        package var path: TreePath
        package var size: UInt64
        package var mtime: Int64
        package var ctime: Int64
        package var inode: UInt64
        package var kind: SnapshotEntry.Kind
        package var holdsTreePath: Bool
        /// See `SnapshotPlan.backdated`: the next push must know as well.
        package var isBackdated = false

        package init(path: TreePath, status: FileStatus, kind: SnapshotEntry.Kind, holdsTreePath: Bool) {
            self.path = path
            (size, mtime, ctime, inode) = (status.size, status.mtime, status.ctime, status.inode)
            (self.kind, self.holdsTreePath) = (kind, holdsTreePath)
        }

        func matches(_ status: FileStatus) -> Bool {
            size == status.size && mtime == status.mtime && ctime == status.ctime && inode == status.inode
        }

        init(
            path: TreePath, size: UInt64, mtime: Int64, ctime: Int64, inode: UInt64, kind: SnapshotEntry.Kind,
            holdsTreePath: Bool, isBackdated: Bool
        ) {
            self.path = path
            (self.size, self.mtime, self.ctime, self.inode) = (size, mtime, ctime, inode)
            (self.kind, self.holdsTreePath, self.isBackdated) = (kind, holdsTreePath, isBackdated)
        }
    }

    /// Sorted by path.
    package private(set) var records: [Record]

    /// Names the file that it was read from, by its content; nil if it comes from none.
    package private(set) var seal: Digest?

    package init(sorted records: [Record] = []) { self.records = records }

    /// The index without the records of these paths. Where there are any it is no longer the one that was read.
    package func without(_ isDoubtful: (TreePath) -> Bool) -> StatIndex {
        let believed = records.filter { !isDoubtful($0.path) }
        return believed.count == records.count ? self : StatIndex(sorted: believed)
    }

    /// True if a file with this ctime, read at `now` (the filesystem's clock), can't change without being noticed.
    ///
    /// Times without a fraction come from filesystems that count whole seconds, or two of them.
    package static func isSettled(ctime: Int64, now: Int64) -> Bool {
        let slack: Int64 = ctime % 1_000_000_000 == 0 ? 2_000_000_000 : 20_000_000
        return ctime < now - slack
    }

    // MARK: File

    private static let magic = Array("KCSI".utf8)
    private static let version: UInt8 = 2

    package func encode() -> [UInt8] {
        var writer = ByteWriter(capacity: records.count * 140)
        writer.raw(Self.magic)
        writer.u8(Self.version)
        writer.varint(UInt64(records.count))
        var last: [UInt8] = []
        for record in records {
            let shared = zip(last, record.path.bytes).prefix { $0 == $1 }.count
            writer.varint(UInt64(shared))
            writer.counted(record.path.bytes[shared...])
            last = record.path.bytes
            writer.varint(record.size)
            writer.u64(UInt64(bitPattern: record.mtime))
            writer.u64(UInt64(bitPattern: record.ctime))
            writer.varint(record.inode)
            let marks: UInt8 = (record.holdsTreePath ? 4 : 0) | (record.isBackdated ? 8 : 0)
            switch record.kind {
            case .file(let content, let executable):
                writer.u8((executable ? 1 : 0) | marks)
                writer.varint(UInt64(content.chunks.count))
                for chunk in content.chunks {
                    writer.varint(UInt64(chunk.length))
                    writer.digest(chunk.digest)
                }
            case .link(let target):
                writer.u8(2 | marks)
                writer.counted(target)
            }
        }
        writer.digest(Digest.of(writer.bytes))
        return writer.bytes
    }

    /// Reads what `encode` wrote.
    ///
    /// - Throws: `FormatError`; the caller goes on with an empty index.
    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> StatIndex {
        let result = bytes.withUnsafeBytes { raw -> Result<StatIndex, FormatError> in
            do throws(FormatError) { return .success(try decode(raw)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private static func decode(_ raw: UnsafeRawBufferPointer) throws(FormatError) -> StatIndex {
        guard raw.count > Digest.byteCount + 5 else { throw FormatError("stat index", "cut short") }
        let body = UnsafeRawBufferPointer(rebasing: raw[..<(raw.count - Digest.byteCount)])
        let sum = Digest(UnsafeRawBufferPointer(rebasing: raw[body.count...]))
        guard Digest.of(body) == sum else { throw FormatError("stat index", "damaged") }
        var reader = ByteReader(body, what: "stat index")
        guard try reader.bytes(4).elementsEqual(magic), try reader.u8() == version else {
            throw FormatError("stat index", "another format")
        }
        let count = try reader.count(of: 20)
        var records: [Record] = []
        records.reserveCapacity(count)
        var last: [UInt8] = []
        for _ in 0..<count {
            let shared = try reader.varint()
            guard shared <= UInt64(last.count) else { throw reader.error("bad prefix") }
            last.removeSubrange(Int(shared)...)
            last.append(contentsOf: try reader.bytes(try reader.count()))
            guard let path = TreePath(last) else { throw reader.error("illegal path") }
            if let previous = records.last, !(previous.path < path) { throw reader.error("out of order") }
            let size = try reader.varint()
            let mtime = Int64(bitPattern: try reader.u64())
            let ctime = Int64(bitPattern: try reader.u64())
            let inode = try reader.varint()
            let flags = try reader.u8()
            let kind: SnapshotEntry.Kind
            if flags & 2 != 0 {
                kind = .link(try reader.counted())
            } else {
                let chunkCount = try reader.count(of: 1 + Digest.byteCount)
                var chunks: [Chunk] = []
                chunks.reserveCapacity(chunkCount)
                for _ in 0..<chunkCount {
                    let length = try reader.varint()
                    guard length > 0, length <= UInt64(Chunking.maximum) else {
                        throw reader.error("bad chunk")
                    }
                    chunks.append(Chunk(digest: try reader.digest(), length: UInt32(length)))
                }
                kind = .file(Content(chunks), executable: flags & 1 != 0)
            }
            records.append(
                Record(
                    path: path, size: size, mtime: mtime, ctime: ctime, inode: inode, kind: kind,
                    holdsTreePath: flags & 4 != 0, isBackdated: flags & 8 != 0))
        }
        guard reader.isAtEnd else { throw reader.error("bytes after the end") }
        var index = StatIndex(sorted: records)
        index.seal = sum
        return index
    }

    /// For each file of the listing, its record if that still holds; both are sorted, so one pass does.
    package func matching(_ listing: TreeListing) -> [Record?] {
        var result: [Record?] = []
        result.reserveCapacity(listing.files.count)
        var at = 0
        for file in listing.files {
            while at < records.count, records[at].path < file.path { at += 1 }
            if at < records.count, records[at].path == file.path, records[at].matches(file.status) {
                result.append(records[at])
            } else {
                result.append(nil)
            }
        }
        return result
    }

    /// The record of a path, whether or not it still holds.
    package func record(of path: TreePath) -> Record? {
        var (low, high) = (0, records.count)
        while low < high {
            let middle = (low + high) / 2
            if records[middle].path < path { low = middle + 1 } else { high = middle }
        }
        return low < records.count && records[low].path == path ? records[low] : nil
    }
}
