package import KCacheCore

/// Some chunks after each other, to be stored in one frame.
package struct FrameInput {
    package let chunks: [Chunk]
    /// Their bytes, without gaps; valid during the call that it is passed to.
    package let bytes: UnsafeRawBufferPointer

    package init(chunks: [Chunk], bytes: UnsafeRawBufferPointer) {
        (self.chunks, self.bytes) = (chunks, bytes)
    }
}

/// What a `PackWriter` has stored.
package struct WriteSummary: Hashable, Sendable {
    /// Chunks that the store did not have.
    package var newChunks = 0
    package var newRawBytes = ByteCount.zero
    /// Bytes of the new packs, compressed and with their tables.
    package var storedBytes = ByteCount.zero
    package var packs = 0

    package init() {}
}
