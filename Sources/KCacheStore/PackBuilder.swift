import KCacheCore

/// One pack on its way into a store; for one thread at a time.
struct PackBuilder: Sendable {
    private let stream: any ObjectStream
    private var hash = DigestBuilder()
    private var table: PackTable
    private var isBegun = false

    init(_ kind: PackKind, in objects: any ObjectWriter) throws(StoreError) {
        stream = try objects.beginStream()
        table = PackTable(kind: kind)
    }

    /// Bytes so far, without the table.
    var size: UInt64 { table.end }

    mutating func append(_ chunks: [Chunk], rawLength: Int, compressed: UnsafeRawBufferPointer)
        throws(StoreError)
    {
        if !isBegun {
            try write(PackEnvelope.header(table.kind))
            isBegun = true
        }
        try write(compressed)
        table.append(chunks, rawLength: rawLength, compressedLength: compressed.count)
    }

    /// Adds the table and puts the pack in place, durably. Its index is the caller's to write.
    mutating func seal() throws(StoreError) -> PackIndex {
        let rows = table.encode()
        let trailer = PackEnvelope.Trailer(
            tableOffset: table.end, tableLength: UInt32(clamping: rows.count), tableDigest: Digest.of(rows))
        try write(rows)
        try write(PackEnvelope.encode(trailer))
        let digest = hash.finish()
        try stream.commit(as: .pack(digest))
        let size = table.end + UInt64(rows.count + PackFormat.trailerSize)
        return PackIndex(pack: digest, packSize: size, table: table)
    }

    func cancel() { stream.cancel() }

    private mutating func write(_ bytes: [UInt8]) throws(StoreError) {
        let result = bytes.withUnsafeBytes { raw -> Result<Void, StoreError> in
            do throws(StoreError) { return .success(try write(raw)) } catch { return .failure(error) }
        }
        try result.get()
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        try stream.append(bytes)
        hash.update(bytes)
    }
}
