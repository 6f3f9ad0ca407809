package import KCacheCore

extension PackWriter {
    /// Stores content that lies in memory, a frame for each MiB or so: content that is stored later, and differs a
    /// little, then shares most frames.
    ///
    /// - Throws: as `add(_:kind:)`.
    package func add(_ bytes: [UInt8], _ content: Content, kind: PackKind) throws {
        try bytes.withUnsafeBytes { bytes in
            var start = 0
            var length = 0
            var chunks: [Chunk] = []
            for chunk in content.chunks {
                chunks.append(chunk)
                length += Int(chunk.length)
                guard length >= 1 << 20 || start + length == bytes.count else { continue }
                let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
                try add(FrameInput(chunks: chunks, bytes: piece), kind: kind)
                start += length
                (length, chunks) = (0, [])
            }
        }
    }
}
