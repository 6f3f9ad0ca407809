package import KCacheCore
import Synchronization

extension StoreSession {
    /// Plans to read chunks, each once, whatever the order and repetition of the digests.
    ///
    /// - Throws: `StoreError` with code `missing` and the number of chunks that aren't there.
    package func plan(reading digests: some Sequence<Digest>) throws -> ReadPlan {
        var (plan, missing) = claims.state.withLock { $0.index.plan(digests) }
        if !missing.isEmpty {
            // Another push may have stored them since this session began.
            claims.publish(try store.reader.packs().packs)
            (plan, missing) = claims.state.withLock { $0.index.plan(digests) }
        }
        guard missing.isEmpty else {
            let hint = unusablePacks.first.map { "; \($0)" } ?? ""
            throw StoreError(
                .missing, "\(missing.count) chunks are missing in \(store.place)\(hint): run kcache verify",
                subject: store.place)
        }
        return plan
    }

    /// Reads one frame of a plan and hands each wanted chunk, checked against its digest, to the body.
    ///
    /// The bytes are valid during the call of the body only. May run on any number of threads.
    package func readFrame(
        _ frame: ReadPlan.Frame, _ body: (Chunk, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try decompressors.withWorker { worker in
            try PackReader(objects: store.objects).withFrame(
                frame.pack, at: frame.offset, compressedLength: Int(frame.compressedLength),
                rawLength: Int(frame.rawLength), worker
            ) { raw in
                for wanted in frame.wanted {
                    let (start, length) = (Int(wanted.offset), Int(wanted.chunk.length))
                    guard start <= raw.count, length <= raw.count - start else {
                        throw damaged(wanted.chunk, in: frame.pack, "reaches beyond its frame")
                    }
                    let bytes = UnsafeRawBufferPointer(rebasing: raw[start..<start + length])
                    guard Digest.of(bytes) == wanted.chunk.digest else {
                        throw damaged(wanted.chunk, in: frame.pack, "has other content")
                    }
                    try body(wanted.chunk, bytes)
                }
            }
        }
    }

    /// The content's bytes, every chunk checked. For manifests and small files.
    package func read(
        content: Content, limit: ByteCount = ByteCount(SnapshotCodec.longestManifest)
    ) throws -> [UInt8] {
        let size = content.size
        guard size <= limit else {
            throw StoreError(
                .refused, "content of \(size) is more than the \(limit) that fit here", subject: store.place)
        }
        var places: [Digest: [Int]] = [:]
        var offset = 0
        for chunk in content.chunks {
            places[chunk.digest, default: []].append(offset)
            offset += Int(chunk.length)
        }
        let plan = try plan(reading: content.chunks.lazy.map(\.digest))
        let lengths = Dictionary(content.chunks.map { ($0.digest, $0.length) }) { $0 == $1 ? $0 : .max }
        for wanted in plan.frames.lazy.flatMap(\.wanted)
        where lengths[wanted.chunk.digest] != wanted.chunk.length {
            throw StoreError(
                .damaged, "chunk \(wanted.chunk.digest.short) has another length than the content says",
                subject: wanted.chunk.digest.hex)
        }
        var bytes = [UInt8](repeating: 0, count: offset)
        for frame in plan.frames {
            try readFrame(frame) { chunk, data in
                for place in places[chunk.digest] ?? [] {
                    bytes.withUnsafeMutableBytes { $0[place..<place + data.count].copyBytes(from: data) }
                }
            }
        }
        return bytes
    }

    private func damaged(_ chunk: Chunk, in pack: Digest, _ problem: String) -> StoreError {
        StoreError(
            .damaged,
            "chunk \(chunk.digest.short) in pack \(pack.short) of \(store.place) \(problem): run kcache verify",
            subject: chunk.digest.hex)
    }
}
