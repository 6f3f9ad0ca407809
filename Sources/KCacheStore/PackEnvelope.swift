import KCacheCore

/// The fixed parts around a pack's frames.
enum PackEnvelope {
    static func header(_ kind: PackKind) -> [UInt8] {
        PackFormat.packMagic + [PackFormat.version, kind.rawValue, 0, 0]
    }

    /// The kind of the pack that starts so.
    ///
    /// - Throws: `NewerFormat` for a version that is not known here.
    static func readHeader(_ bytes: UnsafeRawBufferPointer) throws -> PackKind {
        try readStart(bytes, magic: PackFormat.packMagic, what: "pack")
    }

    /// Magic, version, kind and two zero bytes: how packs and indexes start.
    static func readStart(_ bytes: UnsafeRawBufferPointer, magic: [UInt8], what: String) throws -> PackKind {
        var reader = ByteReader(bytes, what: what)
        guard try reader.bytes(4).elementsEqual(magic) else { throw reader.error("wrong magic") }
        let version = try reader.u8()
        guard version == PackFormat.version else { throw NewerFormat(version: version) }
        guard let kind = PackKind(rawValue: try reader.u8()) else { throw reader.error("unknown kind") }
        guard try reader.u8() == 0, try reader.u8() == 0 else { throw reader.error("unknown flags") }
        return kind
    }

    struct NewerFormat: Error { let version: UInt8 }

    struct Trailer: Equatable {
        let tableOffset: UInt64
        let tableLength: UInt32
        let tableDigest: Digest
    }

    static func encode(_ trailer: Trailer) -> [UInt8] {
        var writer = ByteWriter(capacity: PackFormat.trailerSize)
        writer.u64(trailer.tableOffset)
        writer.u32(trailer.tableLength)
        writer.digest(trailer.tableDigest)
        writer.raw(PackFormat.trailerMagic)
        return writer.bytes
    }

    /// Reads the last bytes of a pack of this size.
    static func readTrailer(_ bytes: UnsafeRawBufferPointer, packSize: UInt64) throws(FormatError) -> Trailer
    {
        var reader = ByteReader(bytes, what: "pack trailer")
        let trailer = Trailer(
            tableOffset: try reader.u64(), tableLength: try reader.u32(), tableDigest: try reader.digest())
        guard try reader.bytes(4).elementsEqual(PackFormat.trailerMagic), reader.isAtEnd else {
            throw reader.error("wrong magic: the pack is cut short or was added to")
        }
        let (end, overflow) = trailer.tableOffset.addingReportingOverflow(
            UInt64(trailer.tableLength) + UInt64(PackFormat.trailerSize))
        guard !overflow, end == packSize, trailer.tableOffset >= UInt64(PackFormat.headerSize),
            trailer.tableLength <= UInt32(PackFormat.longestTable)
        else { throw reader.error("the table is not where the trailer says") }
        return trailer
    }
}
