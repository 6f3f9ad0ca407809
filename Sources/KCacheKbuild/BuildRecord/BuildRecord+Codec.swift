package import KCacheCore

extension BuildRecord {
    private static let magic = Array("KCBR".utf8)

    /// The bytes of the record's file, its checksum at their end.
    package func encode() -> [UInt8] {
        var writer = ByteWriter(
            capacity: 512 + directories.count * RecordedDirectory.byteCount + names.count
                + files.count * RecordedFile.byteCount + paths.count * RecordedPath.byteCount
                + (setStarts.count + setMembers.count) * 4)
        writer.raw(Self.magic)
        writer.u32(Self.version)
        writer.digest(key)
        writer.u8(isConfirmed ? 1 : 0)
        writer.digest(rules)
        writer.text(walkReason)
        writer.varint(UInt64(roots.count))
        for root in roots {
            writer.counted(root.path)
            writer.u64(root.device)
            writer.u64(root.inode)
        }
        writer.counted(names)
        writer.varint(UInt64(directories.count))
        for directory in directories {
            for value in [directory.root, directory.path, directory.firstFile, directory.fileCount] {
                writer.u32(value)
            }
            writer.u32(directory.owner)
            writer.u32(directory.marks.rawValue)
            writer.u64(directory.inode)
            writer.u64(UInt64(bitPattern: directory.mtime))
            writer.u64(UInt64(bitPattern: directory.ctime))
            writer.u64(directory.listing.first)
            writer.u64(directory.listing.second)
        }
        writer.varint(UInt64(files.count))
        for file in files {
            writer.u32(file.name)
            writer.u32(file.mode)
            writer.u32(file.marks.rawValue)
            writer.u32(file.dependents)
            writer.u64(file.inode)
            writer.u64(file.size)
            writer.u64(UInt64(bitPattern: file.mtime))
            writer.u64(UInt64(bitPattern: file.ctime))
        }
        writer.varint(UInt64(paths.count))
        for path in paths {
            writer.u32(path.path)
            writer.u32(path.mode)
            writer.u32(path.dependents)
            writer.u64(path.device)
            writer.u64(path.inode)
            writer.u64(path.size)
            writer.u64(UInt64(bitPattern: path.mtime))
            writer.u64(UInt64(bitPattern: path.ctime))
        }
        writer.varint(UInt64(setStarts.count))
        for start in setStarts { writer.u32(start) }
        writer.varint(UInt64(setMembers.count))
        for member in setMembers { writer.u32(member) }
        writer.digest(Digest.of(writer.bytes))
        return writer.bytes
    }

    /// Reads what `encode` wrote; every place that a part points to is inside the record.
    ///
    /// - Throws: `FormatError`; the caller goes on as if there were no record.
    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> BuildRecord {
        let result = bytes.withUnsafeBytes { raw -> Result<BuildRecord, FormatError> in
            do throws(FormatError) { return .success(try decode(raw)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private static func decode(_ raw: UnsafeRawBufferPointer) throws(FormatError) -> BuildRecord {
        guard raw.count > Digest.byteCount + magic.count + 4 else {
            throw FormatError("build record", "cut short")
        }
        let body = UnsafeRawBufferPointer(rebasing: raw[..<(raw.count - Digest.byteCount)])
        guard Digest.of(body) == Digest(UnsafeRawBufferPointer(rebasing: raw[body.count...])) else {
            throw FormatError("build record", "damaged")
        }
        var reader = ByteReader(body, what: "build record")
        guard try reader.bytes(magic.count).elementsEqual(magic), try reader.u32() == version else {
            throw FormatError("build record", "another format")
        }
        let key = try reader.digest()
        let confirmed = try reader.u8()
        guard confirmed <= 1 else { throw reader.error("bad mark") }
        var record = BuildRecord(
            key: key, isConfirmed: confirmed == 1, rules: try reader.digest(), walkReason: try reader.text(),
            roots: [], directories: [], files: [], paths: [], names: [], setStarts: [], setMembers: [])
        for _ in 0..<(try reader.count(of: 17)) {
            record.roots.append(
                Root(path: try reader.counted(), device: try reader.u64(), inode: try reader.u64()))
        }
        record.names = try reader.counted()
        try readEntries(&reader, into: &record)
        guard reader.isAtEnd else { throw reader.error("bytes after the end") }
        guard record.isSound else { throw reader.error("a place outside the record") }
        return record
    }

    private static func readEntries(_ reader: inout ByteReader, into record: inout BuildRecord)
        throws(FormatError)
    {
        let directoryCount = try reader.count(of: RecordedDirectory.byteCount)
        record.directories.reserveCapacity(directoryCount)
        for _ in 0..<directoryCount {
            record.directories.append(
                RecordedDirectory(
                    root: try reader.u32(), path: try reader.u32(), firstFile: try reader.u32(),
                    fileCount: try reader.u32(), owner: try reader.u32(),
                    marks: .init(rawValue: try reader.u32()),
                    inode: try reader.u64(), mtime: Int64(bitPattern: try reader.u64()),
                    ctime: Int64(bitPattern: try reader.u64()),
                    listing: .init(first: try reader.u64(), second: try reader.u64())))
        }
        let fileCount = try reader.count(of: RecordedFile.byteCount)
        record.files.reserveCapacity(fileCount)
        for _ in 0..<fileCount {
            record.files.append(
                RecordedFile(
                    name: try reader.u32(), mode: try reader.u32(), marks: .init(rawValue: try reader.u32()),
                    dependents: try reader.u32(), inode: try reader.u64(), size: try reader.u64(),
                    mtime: Int64(bitPattern: try reader.u64()), ctime: Int64(bitPattern: try reader.u64())))
        }
        for _ in 0..<(try reader.count(of: RecordedPath.byteCount)) {
            record.paths.append(
                RecordedPath(
                    path: try reader.u32(), mode: try reader.u32(), dependents: try reader.u32(),
                    device: try reader.u64(), inode: try reader.u64(), size: try reader.u64(),
                    mtime: Int64(bitPattern: try reader.u64()), ctime: Int64(bitPattern: try reader.u64())))
        }
        let startCount = try reader.count(of: 4)
        record.setStarts.reserveCapacity(startCount)
        for _ in 0..<startCount { record.setStarts.append(try reader.u32()) }
        let memberCount = try reader.count(of: 4)
        record.setMembers.reserveCapacity(memberCount)
        for _ in 0..<memberCount { record.setMembers.append(try reader.u32()) }
    }

    /// True if every number points into the part that it is about, and the last name ends.
    private var isSound: Bool {
        guard names.last == 0, !roots.isEmpty, !setStarts.isEmpty else { return false }
        let (nameCount, setCount) = (UInt32(clamping: names.count), UInt32(clamping: setStarts.count - 1))
        var last: UInt32 = 0
        for start in setStarts {
            guard start >= last, Int(start) <= setMembers.count else { return false }
            last = start
        }
        var nextFile = 0
        for directory in directories {
            guard Int(directory.root) < roots.count, directory.path < nameCount,
                Int(directory.firstFile) == nextFile, Int(directory.fileCount) <= files.count - nextFile,
                Int(directory.owner) < directories.count
            else { return false }
            nextFile += Int(directory.fileCount)
        }
        return nextFile == files.count && setMembers.allSatisfy { Int($0) < directories.count }
            && files.allSatisfy { $0.name < nameCount && $0.dependents < setCount }
            && paths.allSatisfy { $0.path < nameCount && $0.dependents < setCount }
    }
}
