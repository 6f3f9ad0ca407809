import KCacheCore

/// Checks every byte of one pack.
struct PackVerifier {
    struct Result: Sendable {
        var problems: [String] = []
        /// Chunks whose content is what their digest says.
        var sound: [Chunk] = []
    }

    let objects: any ObjectReader
    let worker: FrameDecompressor

    /// Takes the pack with the table that the store goes by.
    func verify(_ known: PackIndex) -> Result {
        var result = Result()
        let name = ObjectName.pack(known.pack)
        do {
            if try contentDigest(name, size: known.packSize) != known.pack {
                // Go on: most of its chunks may be sound.
                result.problems.append("\(name.forPeople): its content is not what its name says")
            }
            try verifyChunks(known, &result)
        } catch {
            result.problems.append("\(error)")
        }
        return result
    }

    private func contentDigest(_ name: ObjectName, size: UInt64) throws -> Digest {
        var hash = DigestBuilder()
        let space = worker.input.reserve(1 << 20)
        var offset: UInt64 = 0
        while offset < size {
            guard let got = try objects.read(name, at: offset, into: space), got > 0 else { break }
            hash.update(UnsafeRawBufferPointer(rebasing: space[..<got]))
            offset += UInt64(got)
        }
        return hash.finish()
    }

    private func verifyChunks(_ known: PackIndex, _ result: inout Result) throws {
        let pack = known.pack
        let reader = PackReader(objects: objects)
        guard let index = try reader.index(of: pack) else { return }
        if index != known {
            result.problems.append("index \(pack.short) says other things than its pack")
        }
        for (number, frame) in index.table.frames.enumerated() {
            do {
                try reader.withFrame(
                    pack, at: frame.offset, compressedLength: Int(frame.compressedLength),
                    rawLength: Int(frame.rawLength), worker
                ) { raw, _ in
                    var offset = 0
                    var bad = 0
                    for chunk in index.table.chunks[frame.firstChunk..<frame.firstChunk + frame.chunkCount] {
                        let bytes = UnsafeRawBufferPointer(rebasing: raw[offset..<offset + Int(chunk.length)])
                        offset += Int(chunk.length)
                        if Digest.of(bytes) == chunk.digest {
                            result.sound.append(chunk)
                        } else {
                            bad += 1
                        }
                    }
                    if bad > 0 {
                        result.problems.append(
                            "pack \(pack.short): \(bad) chunks of frame \(number) have other content")
                    }
                }
            } catch {
                result.problems.append("frame \(number): \(error)")
            }
        }
    }
}
