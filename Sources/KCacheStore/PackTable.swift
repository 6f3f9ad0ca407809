package import KCacheCore

/// The numbers of the pack format; `docs/format.md` has the byte tables.
package enum PackFormat {
    /// The version that this program writes, and the newest that it reads.
    package static let version: UInt8 = 1
    /// The most bytes that a frame may hold before compression: what a reader sets aside at most.
    package static let longestFrame = 8 << 20
    /// The most bytes that a frame may have after compression.
    package static let longestCompressedFrame = 9 << 20
    /// A pack that has reached this size is closed.
    package static let fullPack: UInt64 = 64 << 20
    /// The most bytes of table that a reader takes: some seven million chunks.
    package static let longestTable = 256 << 20

    static let packMagic = Array("KCPK".utf8)
    static let trailerMagic = Array("KCPE".utf8)
    static let indexMagic = Array("KCIX".utf8)
    static let headerSize = 8
    static let trailerSize = 48
    static let frameRowSize = 20
    static let chunkRowSize = 36
}

/// What lies where in one pack.
package struct PackTable: Hashable, Sendable {
    /// One zstd frame: some chunks after each other.
    package struct Frame: Hashable, Sendable {
        /// From the start of the pack.
        package let offset: UInt64
        package let compressedLength: UInt32
        package let rawLength: UInt32
        /// Its chunks are `chunks[firstChunk ..< firstChunk + chunkCount]`.
        package let firstChunk: Int
        package let chunkCount: Int
    }

    package let kind: PackKind
    package private(set) var frames: [Frame] = []
    package private(set) var chunks: [Chunk] = []

    package init(kind: PackKind) { self.kind = kind }

    /// Where the next frame starts, or the table.
    var end: UInt64 {
        frames.last.map { $0.offset + UInt64($0.compressedLength) } ?? UInt64(PackFormat.headerSize)
    }

    package var rawBytes: ByteCount { ByteCount(frames.reduce(UInt64(0)) { $0 + UInt64($1.rawLength) }) }

    /// Takes note of the next frame.
    mutating func append(_ newChunks: some Collection<Chunk>, rawLength: Int, compressedLength: Int) {
        let frame = Frame(
            offset: end, compressedLength: UInt32(clamping: compressedLength),
            rawLength: UInt32(clamping: rawLength), firstChunk: chunks.count, chunkCount: newChunks.count)
        chunks.append(contentsOf: newChunks)
        frames.append(frame)
    }

    // MARK: Bytes

    func encode() -> [UInt8] {
        var writer = ByteWriter(
            capacity: 8 + frames.count * PackFormat.frameRowSize + chunks.count * PackFormat.chunkRowSize)
        writer.u32(UInt32(clamping: frames.count))
        writer.u32(UInt32(clamping: chunks.count))
        for frame in frames {
            writer.u64(frame.offset)
            writer.u32(frame.compressedLength)
            writer.u32(frame.rawLength)
            writer.u32(UInt32(clamping: frame.chunkCount))
        }
        for chunk in chunks {
            writer.digest(chunk.digest)
            writer.u32(chunk.length)
        }
        return writer.bytes
    }

    /// Reads a table to its last byte and checks that its numbers agree with each other.
    static func decode(_ bytes: UnsafeRawBufferPointer, kind: PackKind, what: String) throws(FormatError)
        -> PackTable
    {
        var reader = ByteReader(bytes, what: what)
        let frameCount = Int(try reader.u32())
        let chunkCount = Int(try reader.u32())
        guard reader.remaining == frameCount * PackFormat.frameRowSize + chunkCount * PackFormat.chunkRowSize
        else { throw reader.error("\(frameCount) frames and \(chunkCount) chunks don't fill the table") }
        var table = PackTable(kind: kind)
        table.frames.reserveCapacity(frameCount)
        table.chunks.reserveCapacity(chunkCount)
        var firstChunk = 0
        for _ in 0..<frameCount {
            let offset = try reader.u64()
            let compressed = try reader.u32()
            let raw = try reader.u32()
            let count = Int(try reader.u32())
            guard offset == table.end, compressed <= UInt32(PackFormat.longestCompressedFrame),
                raw <= UInt32(PackFormat.longestFrame), count > 0, count <= chunkCount - firstChunk
            else { throw reader.error("impossible frame") }
            table.frames.append(
                Frame(
                    offset: offset, compressedLength: compressed, rawLength: raw, firstChunk: firstChunk,
                    chunkCount: count))
            firstChunk += count
        }
        guard firstChunk == chunkCount else { throw reader.error("chunks outside of all frames") }
        for frame in table.frames {
            var length: UInt64 = 0
            for _ in 0..<frame.chunkCount {
                let digest = try reader.digest()
                let size = try reader.u32()
                guard size > 0, size <= UInt32(Chunking.maximum) else {
                    throw reader.error("chunk of \(size) bytes")
                }
                length += UInt64(size)
                table.chunks.append(Chunk(digest: digest, length: size))
            }
            guard length == UInt64(frame.rawLength) else {
                throw reader.error("a frame's chunks don't fill it")
            }
        }
        return table
    }
}
