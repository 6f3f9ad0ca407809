import CKCacheGear

/// Cuts content into chunks where its own bytes say so (`Chunking`).
package enum ContentCutter {
    /// The length of the first chunk of `bytes`, which hold the rest of the content or at least
    /// `Chunking.maximum` bytes of it.
    package static func firstCut(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        return kcache_gear_cut(
            base.assumingMemoryBound(to: UInt8.self), bytes.count, Chunking.minimum, Chunking.averageBits,
            Chunking.maximum)
    }

    /// Cuts whole content; calls `body` with each chunk and its bytes, in order.
    package static func cut<E: Error>(
        _ bytes: UnsafeRawBufferPointer, _ body: (Chunk, UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) -> Content {
        var chunks: [Chunk] = []
        var rest = bytes
        while !rest.isEmpty {
            let length = bytes.count <= Chunking.wholeUpTo ? rest.count : firstCut(rest)
            let piece = UnsafeRawBufferPointer(rebasing: rest[..<length])
            let chunk = Chunk(digest: Digest.of(piece), length: UInt32(length))
            chunks.append(chunk)
            try body(chunk, piece)
            rest = UnsafeRawBufferPointer(rebasing: rest[length...])
        }
        return Content(chunks)
    }

    /// The content that these bytes are.
    package static func content(of bytes: [UInt8]) -> Content {
        bytes.withUnsafeBytes { raw in cut(raw) { (_, _) throws(Never) in } }
    }
}
