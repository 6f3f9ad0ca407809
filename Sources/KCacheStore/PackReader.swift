package import KCacheCore

/// Reads the parts of packs.
struct PackReader: Sendable {
    let objects: any ObjectReader

    /// The pack's table out of the pack itself; nil if there is no such pack.
    func index(of pack: Digest) throws -> PackIndex? {
        let name = ObjectName.pack(pack)
        guard let info = try objects.info(name) else { return nil }
        let size = info.size.value
        do {
            guard size >= UInt64(PackFormat.headerSize + PackFormat.trailerSize) else {
                throw FormatError("pack", "cut short", at: Int(size))
            }
            let start = try bytes(name, at: 0, count: PackFormat.headerSize)
            let kind = try start.withUnsafeBytes { try PackEnvelope.readHeader($0) }
            let end = try bytes(
                name, at: size - UInt64(PackFormat.trailerSize), count: PackFormat.trailerSize)
            let trailer = try end.withUnsafeBytes { try PackEnvelope.readTrailer($0, packSize: size) }
            let rows = try bytes(name, at: trailer.tableOffset, count: Int(trailer.tableLength))
            guard Digest.of(rows) == trailer.tableDigest else {
                throw FormatError("pack table", "wrong checksum")
            }
            let table = try rows.withUnsafeBytes { try PackTable.decode($0, kind: kind, what: "pack table") }
            guard table.end == trailer.tableOffset else {
                throw FormatError("pack table", "the frames don't end where the table starts")
            }
            return PackIndex(pack: pack, packSize: size, table: table)
        } catch {
            throw objects.explain(error, name)
        }
    }

    private func bytes(_ name: ObjectName, at offset: UInt64, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var got: Int?
        try bytes.withUnsafeMutableBytes { got = try objects.read(name, at: offset, into: $0) }
        guard got == count else { throw FormatError("pack", "cut short") }
        return bytes
    }

    /// Reads and decompresses one frame; the body gets its bytes, and those that it was read from.
    func withFrame<R>(
        _ pack: Digest, at offset: UInt64, compressedLength: Int, rawLength: Int,
        _ worker: FrameDecompressor,
        _ body: (_ raw: UnsafeRawBufferPointer, _ compressed: UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        let name = ObjectName.pack(pack)
        let space = worker.input.reserve(compressedLength)
        guard let got = try objects.read(name, at: offset, into: space) else {
            throw StoreError(
                .missing, "\(name.forPeople) is gone from \(objects.place): run kcache verify",
                subject: name.path)
        }
        let raw: UnsafeRawBufferPointer
        do {
            guard got == compressedLength else { throw FormatError("pack", "cut short") }
            raw = try worker.decompress(UnsafeRawBufferPointer(space), rawLength: rawLength)
        } catch {
            throw objects.explain(error, name)
        }
        return try body(raw, UnsafeRawBufferPointer(space))
    }
}

extension ObjectReader {
    /// Says of a failed decoder which object it was about.
    func explain(_ error: any Error, _ name: ObjectName) -> StoreError {
        if let error = error as? StoreError { return error }
        if let newer = error as? PackEnvelope.NewerFormat {
            return .newer(name, in: place, format: Int(newer.version), known: Int(PackFormat.version))
        }
        return .damaged(name, in: place, error)
    }
}

extension Store {
    /// A pack's table, out of the pack itself; nil if there is no such pack.
    package func table(of pack: Digest) throws -> PackIndex? {
        try PackReader(objects: objects).index(of: pack)
    }
}
