/// The binary form of snapshot records and manifests; `docs/format.md` has the byte tables.
package enum SnapshotCodec {
    /// The version of records and catalog entries of trees that were built in their own directory.
    package static let version: UInt8 = 1
    /// The same of those that were built apart from their sources: the layout and the empty folders follow the flags.
    package static let layoutVersion: UInt8 = 2
    static let recordMagic = Array("KCSN".utf8)
    static let headerMagic = Array("KCCT".utf8)
    /// The most bytes of manifest that a reader takes: a kernel's is about 8 MB.
    package static let longestManifest: UInt64 = 512 << 20

    // MARK: Record

    package static func encode(_ record: SnapshotRecord) -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(recordMagic)
        writer.u8(version(of: record.header))
        write(record.header, to: &writer)
        write(record.manifest, to: &writer)
        return writer.bytes
    }

    package static func decodeRecord(_ bytes: [UInt8]) throws(FormatError) -> SnapshotRecord {
        try decode(
            bytes, what: "snapshot", magic: recordMagic, versions: [version, layoutVersion]
        ) { (reader, version) throws(FormatError) in
            let header = try readHeader(&reader, version)
            let manifest = try readContent(&reader)
            guard manifest.size.value <= longestManifest else { throw reader.error("manifest too large") }
            return SnapshotRecord(header: header, manifest: manifest)
        }
    }

    // MARK: Catalog entry

    package static func encode(_ header: SnapshotHeader) -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(headerMagic)
        writer.u8(version(of: header))
        write(header, to: &writer)
        return writer.bytes
    }

    package static func decodeHeader(_ bytes: [UInt8]) throws(FormatError) -> SnapshotHeader {
        try decode(
            bytes, what: "catalog entry", magic: headerMagic, versions: [version, layoutVersion]
        ) { (reader, version) throws(FormatError) in try readHeader(&reader, version) }
    }

    private static func version(of header: SnapshotHeader) -> UInt8 {
        header.environment.layout == .together ? version : layoutVersion
    }

    // MARK: Parts

    /// - Parameter versions: those that are read, the newest last.
    static func decode<T>(
        _ bytes: [UInt8], what: String, magic: [UInt8], versions: [UInt8],
        body: (inout ByteReader, UInt8) throws(FormatError) -> T
    ) throws(FormatError) -> T {
        let result = bytes.withUnsafeBytes { raw -> Result<T, FormatError> in
            var reader = ByteReader(raw, what: what)
            do throws(FormatError) {
                guard try reader.bytes(magic.count).elementsEqual(magic) else {
                    throw FormatError(what, "not a \(what): wrong magic")
                }
                let version = try reader.u8()
                guard versions.contains(version) else {
                    throw FormatError(
                        what,
                        "format \(version), and this kcache reads \(versions.last ?? 0): use a newer kcache",
                        at: 4)
                }
                let value = try body(&reader, version)
                guard reader.isAtEnd else { throw reader.error("bytes after the end") }
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    static func write(_ content: Content, to writer: inout ByteWriter) {
        writer.varint(UInt64(content.chunks.count))
        for chunk in content.chunks {
            writer.varint(UInt64(chunk.length))
            writer.digest(chunk.digest)
        }
    }

    static func readContent(_ reader: inout ByteReader) throws(FormatError) -> Content {
        let count = try reader.count(of: 1 + Digest.byteCount)
        var chunks: [Chunk] = []
        chunks.reserveCapacity(count)
        for _ in 0..<count {
            let length = try reader.varint()
            guard length > 0, length <= UInt64(Chunking.maximum) else {
                throw reader.error("chunk of \(length) bytes")
            }
            chunks.append(Chunk(digest: try reader.digest(), length: UInt32(length)))
        }
        return Content(chunks)
    }

    private static func write(_ header: SnapshotHeader, to writer: inout ByteWriter) {
        writer.text(header.name)
        writer.signed(header.created)
        writer.text(header.environment.architecture)
        writer.text(header.environment.kernelRelease)
        writer.varint(UInt64(header.environment.toolchain.count))
        for tool in header.environment.toolchain {
            writer.text(tool.role)
            writer.text(tool.command)
            writer.text(tool.version)
            writer.digest(tool.digest)
        }
        writer.varint(UInt64(header.environment.pins.count))
        for pin in header.environment.pins {
            writer.text(pin.name)
            writer.text(pin.value)
        }
        writer.digest(header.sourcesDigest)
        writer.digest(header.configDigest)
        for number in [
            header.sourceCount, header.outputCount, header.sourceBytes.value, header.outputBytes.value,
        ] { writer.varint(number) }
        writer.u8((header.withoutSources ? 1 : 0) | (header.partial ? 2 : 0))
        guard header.environment.layout != .together else { return }
        writer.u8(header.environment.layout.rawValue)
        writer.varint(UInt64(header.emptyFolders.count))
        for folder in header.emptyFolders { writer.counted(folder.bytes) }
    }

    private static func readHeader(_ reader: inout ByteReader, _ version: UInt8) throws(FormatError)
        -> SnapshotHeader
    {
        var header = SnapshotHeader()
        header.name = try reader.text()
        header.created = try reader.signed()
        header.environment.architecture = try reader.text()
        header.environment.kernelRelease = try reader.text()
        for _ in 0..<(try reader.count(of: 3 + Digest.byteCount)) {
            header.environment.toolchain.append(
                ToolIdentity(
                    role: try reader.text(), command: try reader.text(), version: try reader.text(),
                    digest: try reader.digest()))
        }
        for _ in 0..<(try reader.count(of: 2)) {
            header.environment.pins.append(.init(name: try reader.text(), value: try reader.text()))
        }
        header.sourcesDigest = try reader.digest()
        header.configDigest = try reader.digest()
        header.sourceCount = try reader.varint()
        header.outputCount = try reader.varint()
        header.sourceBytes = ByteCount(try reader.varint())
        header.outputBytes = ByteCount(try reader.varint())
        let flags = try reader.u8()
        guard flags < 4 else { throw reader.error("unknown flags \(flags)") }
        header.withoutSources = flags & 1 != 0
        header.partial = flags & 2 != 0
        if version == layoutVersion {
            let number = try reader.u8()
            // The other version has no other layout: one record has one form.
            guard let layout = TreeLayout(rawValue: number), layout != .together else {
                throw reader.error("unknown layout \(number)")
            }
            header.environment.layout = layout
            let folders = try reader.count(of: 2)
            guard folders <= SnapshotHeader.mostEmptyFolders else {
                throw reader.error("\(folders) empty folders")
            }
            for _ in 0..<folders {
                let name = try reader.counted()
                guard let folder = TreePath(name), ReservedName.occurring(in: folder) == nil,
                    header.emptyFolders.last.map({ $0 < folder }) ?? true
                else { throw reader.error("illegal folder \"\(quoteForPeople(name.prefix(200)))\"") }
                header.emptyFolders.append(folder)
            }
        }
        return header
    }
}
