package import KCacheCore
import Synchronization

extension StoreSession {
    /// Plans to read chunks, each once, whatever the order and repetition of the digests.
    ///
    /// - Throws: `StoreError` with code `missing` and the number of chunks that aren't there.
    package func plan(reading digests: some Sequence<Digest>) throws -> ReadPlan {
        guard let tier else { return try planHere(digests) }
        // One more frame of a pack at hand costs less than any journey.
        let (near, rest) = tier.near.claims.state.withLock { $0.index.plan(digests) }
        return try planHere(rest).after(near: near)
    }

    /// What a plan would read, less what only lies where this session has not looked. For reports.
    package func cost(ofReading digests: some Sequence<Digest>) -> ByteCount {
        guard let tier else { return claims.state.withLock { $0.index.plan(digests).plan.compressedBytes } }
        let (near, rest) = tier.near.claims.state.withLock { $0.index.plan(digests) }
        return near.compressedBytes + claims.state.withLock { $0.index.plan(rest).plan.compressedBytes }
    }

    private func planHere(_ digests: some Sequence<Digest>) throws -> ReadPlan {
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

    /// True if the chunk has to come from a store that is far away.
    package func isFar(_ digest: Digest) -> Bool {
        guard let tier else { return false }
        return !tier.near.contains(digest)
    }

    /// Says which plan is going to be read, so that what has to come from afar can be on its way.
    package func willRead(_ plan: ReadPlan) throws {
        let ranges = plan.frames.lazy.filter { !$0.isNear }.map {
            ObjectRange(name: .pack($0.pack), offset: $0.offset, length: $0.compressedLength)
        }
        try store.objects.willRead(Array(ranges))
    }

    /// Reads one frame of a plan and hands each wanted chunk, checked against its digest, to the body.
    ///
    /// The bytes are valid during the call of the body only. May run on any number of threads.
    package func readFrame(
        _ frame: ReadPlan.Frame, _ body: (Chunk, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        if frame.isNear, let tier { return try readNear(frame, tier, body) }
        guard let tier else { return try withFrame(frame, body) { _, _ in } }
        try withFrame(frame, body) { raw, compressed in try tier.keeper.add(frame, raw, compressed) }
    }

    /// What can't be read near is read far away, of the frame only what the body has not had: it may count.
    private func readNear(
        _ frame: ReadPlan.Frame, _ tier: SessionTier, _ body: (Chunk, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var given = Set<Digest>()
        var isBodys = false
        do {
            try tier.near.readFrame(frame) { chunk, bytes in
                given.insert(chunk.digest)
                isBodys = true
                try body(chunk, bytes)
                isBodys = false
            }
        } catch let error as StoreError where !isBodys {
            let rest = frame.wanted.lazy.map(\.chunk.digest).filter { !given.contains($0) }
            let (plan, missing) = claims.state.withLock { $0.index.plan(rest) }
            guard missing.isEmpty else { throw error }
            // What is damaged there is no place for more, until somebody has looked.
            tier.keeper.giveUp(error)
            for frame in plan.frames { try readFrame(frame, body) }
        }
    }

    /// `afterwards` gets the whole frame, when the wanted chunks have been checked.
    func withFrame(
        _ frame: ReadPlan.Frame, _ body: (Chunk, UnsafeRawBufferPointer) throws -> Void,
        afterwards: (_ raw: UnsafeRawBufferPointer, _ compressed: UnsafeRawBufferPointer) throws -> Void
    ) throws {
        countRead(frame)
        do {
            try readAndCheck(frame, body, afterwards: afterwards)
        } catch let error as StoreError where error.code == .damaged {
            // It may be the index that lies: the next session asks for it again.
            store.indexCache?.drop(frame.pack)
            throw error
        }
    }

    private func readAndCheck(
        _ frame: ReadPlan.Frame, _ body: (Chunk, UnsafeRawBufferPointer) throws -> Void,
        afterwards: (_ raw: UnsafeRawBufferPointer, _ compressed: UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try decompressors.withWorker { worker in
            try PackReader(objects: store.objects).withFrame(
                frame.pack, at: frame.offset, compressedLength: Int(frame.compressedLength),
                rawLength: Int(frame.rawLength), worker
            ) { raw, compressed in
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
                try afterwards(raw, compressed)
            }
        }
    }

    /// Brings what `read(content:)` is soon asked for from afar in one journey, and each frame once; what would be
    /// many bytes, or can't be had, is left to that.
    package func fetch(_ contents: [Content]) throws {
        guard store.options.isRemote else { return }
        let atHand = lent.withLock { Set($0.keys) }
        var bytes = ByteCount.zero
        let wanted = contents.prefix { content in
            bytes += content.size
            return bytes <= Self.mostFetched
        }.flatMap { $0.chunks.map(\.digest) }.filter { !atHand.contains($0) && isFar($0) }
        let frames = claims.state.withLock { $0.index.plan(wanted) }.plan.frames
        try expect(frames: frames)
        for frame in frames {
            do {
                try readFrame(frame) { chunk, data in
                    self.lent.withLock { $0[chunk.digest] = Array(data) }
                }
            } catch let error as StoreError where !error.isOfThePlace { continue }
        }
    }

    private static let mostFetched = ByteCount(64 << 20)

    private func expect(frames: [ReadPlan.Frame]) throws {
        var bytes = ByteCount.zero
        let ranges = frames.filter { !$0.isNear }.prefix { frame in
            bytes += frame.compressedBytes
            return bytes <= Self.mostExpected
        }.map { ObjectRange(name: .pack($0.pack), offset: $0.offset, length: $0.compressedLength) }
        try store.objects.expect(ranges.map { .read($0) })
    }

    private static let mostExpected = ByteCount(16 << 20)

    /// The content's bytes, every chunk checked. For manifests and small files.
    ///
    /// - Parameter lending: keeps what was read for a next one that shares it, as `lend`.
    package func read(
        content: Content, limit: ByteCount = ByteCount(SnapshotCodec.longestManifest), lending: Bool = false
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
        let lent = self.lent.withLock { lent in
            content.chunks.compactMap { chunk in lent[chunk.digest].map { (chunk, $0) } }
        }
        let atHand = Set(lent.map(\.0.digest))
        let plan = try plan(reading: content.chunks.lazy.map(\.digest).filter { !atHand.contains($0) })
        let lengths = Dictionary(content.chunks.map { ($0.digest, $0.length) }) { $0 == $1 ? $0 : .max }
        let found =
            plan.frames.lazy.flatMap(\.wanted).map(\.chunk)
            + lent.lazy.map { Chunk(digest: $0.0.digest, length: UInt32(clamping: $0.1.count)) }
        for chunk in found where lengths[chunk.digest] != chunk.length {
            throw StoreError(
                .damaged, "chunk \(chunk.digest.short) has another length than the content says",
                subject: chunk.digest.hex)
        }
        var bytes = [UInt8](repeating: 0, count: offset)
        for (chunk, data) in lent {
            for place in places.removeValue(forKey: chunk.digest) ?? [] {
                bytes.replaceSubrange(place..<place + data.count, with: data)
            }
        }
        if store.options.isRemote { try expect(frames: plan.frames) }
        for frame in plan.frames {
            try readFrame(frame) { chunk, data in
                if lending { self.lent.withLock { $0[chunk.digest] = Array(data) } }
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
