package import KCacheCore

/// The object `index/PACK.index`: a pack's table apart from the pack, so that opening a store reads no pack.
package struct PackIndex: Hashable, Sendable {
    package let pack: Digest
    package let packSize: UInt64
    package let table: PackTable

    package init(pack: Digest, packSize: UInt64, table: PackTable) {
        (self.pack, self.packSize, self.table) = (pack, packSize, table)
    }

    package func encode() -> [UInt8] {
        let rows = table.encode()
        var writer = ByteWriter(capacity: rows.count + 88)
        writer.raw(PackFormat.indexMagic)
        writer.raw([PackFormat.version, table.kind.rawValue, 0, 0])
        writer.digest(pack)
        writer.u64(packSize)
        writer.raw(rows)
        writer.digest(Digest.of(writer.bytes))
        return writer.bytes
    }

    /// The bytes that tell the kind.
    static let startLength = 8

    /// The kind of an index of which the start is known, at least; nil if it is none.
    static func kind(of bytes: [UInt8]) -> PackKind? {
        do {
            return try bytes.withUnsafeBytes {
                try PackEnvelope.readStart($0, magic: PackFormat.indexMagic, what: "index")
            }
        } catch {
            // Whoever reads all of it finds out why.
            return nil
        }
    }

    /// Reads what `encode` wrote.
    ///
    /// - Throws: `FormatError`, or `PackEnvelope.NewerFormat`.
    package static func decode(_ bytes: [UInt8], of pack: Digest) throws -> PackIndex {
        try bytes.withUnsafeBytes { raw in
            let kind = try PackEnvelope.readStart(raw, magic: PackFormat.indexMagic, what: "index")
            let bodyLength = raw.count - Digest.byteCount
            guard bodyLength >= 48 else { throw FormatError("index", "cut short", at: raw.count) }
            let body = UnsafeRawBufferPointer(rebasing: raw[..<bodyLength])
            guard Digest.of(body) == Digest(UnsafeRawBufferPointer(rebasing: raw[bodyLength...])) else {
                throw FormatError("index", "wrong checksum", at: bodyLength)
            }
            var reader = ByteReader(body, what: "index")
            _ = try reader.bytes(8)
            guard try reader.digest() == pack else { throw reader.error("belongs to another pack") }
            let packSize = try reader.u64()
            let rows = try reader.bytes(reader.remaining)
            let table = try PackTable.decode(rows, kind: kind, what: "index")
            let (end, overflow) = table.end.addingReportingOverflow(
                UInt64(rows.count + PackFormat.trailerSize))
            guard !overflow, end == packSize else { throw reader.error("the pack has another size") }
            return PackIndex(pack: pack, packSize: packSize, table: table)
        }
    }
}
