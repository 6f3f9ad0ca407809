/// A piece of content: its digest and its length.
package struct Chunk: Hashable, Sendable {
    package let digest: Digest
    package let length: UInt32

    package init(digest: Digest, length: UInt32) { (self.digest, self.length) = (digest, length) }
}

/// How content is cut into chunks. Part of the format: other numbers would store everything anew.
package enum Chunking {
    /// Content up to this size is one chunk.
    package static let wholeUpTo = 64 * 1024
    package static let minimum = 8 * 1024
    /// A cut is expected every `minimum + 2^averageBits` bytes.
    package static let averageBits = 15
    /// The longest chunk that a reader accepts.
    package static let maximum = 128 * 1024
}

/// What a regular file holds: its chunks in order; none for an empty file.
package struct Content: Hashable, Sendable {
    package let chunks: [Chunk]

    package init(_ chunks: [Chunk]) { self.chunks = chunks }

    package static let empty = Content([])

    package var size: ByteCount { ByteCount(chunks.reduce(UInt64(0)) { $0 + UInt64($1.length) }) }

    /// One digest that names the whole content: the chunk's own for one chunk, else the digest over the
    /// chunks' digests and lengths.
    package var digest: Digest {
        if chunks.count == 1 { return chunks[0].digest }
        var writer = ByteWriter()
        for chunk in chunks {
            writer.digest(chunk.digest)
            writer.u32(chunk.length)
        }
        return Digest.of(writer.bytes)
    }
}
