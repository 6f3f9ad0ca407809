package import KCacheCore

/// A catalog entry's object: the header as `SnapshotCodec` writes it, then the SHA-256 of that.
package enum CatalogCodec {
    package static func encode(_ header: SnapshotHeader) -> [UInt8] {
        let bytes = SnapshotCodec.encode(header)
        return bytes + Digest.of(bytes).bytes
    }

    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> SnapshotHeader {
        guard bytes.count >= Digest.byteCount else { throw FormatError("catalog entry", "cut short") }
        let body = Array(bytes.dropLast(Digest.byteCount))
        guard Digest.of(body) == Digest(bytes.suffix(Digest.byteCount)) else {
            throw FormatError("catalog entry", "wrong checksum", at: body.count)
        }
        return try SnapshotCodec.decodeHeader(body)
    }
}
