import KCacheCore
import Synchronization

/// Stores chunks, each once, in packs by kind.
///
/// `add` may be called from any number of threads; `finish` or `cancel` once, after them. What is not finished
/// is dropped.
package final class PackWriter: Sendable {
    private let objects: any ObjectWriter
    /// The session's: gc must not run while packs are under way, even if the session has ended.
    private let lock: StoreLocks.Held
    private let claims: ChunkClaims
    private let compressors: WorkerPool<FrameCompressor>
    private let published: @Sendable ([PackIndex]) -> Void
    private let fullPack: UInt64

    private struct Progress: Sendable {
        var claimed: [Digest] = []
        var sealed: [PackIndex] = []
        var summary = WriteSummary()
        /// The first failure: nothing may be committed after it.
        var failure: StoreError?
        var isOver = false
    }

    private let progress = Mutex(Progress())
    /// By `PackKind`, each under its own lock: sources don't wait for outputs.
    private let open: [PackSlot] = PackKind.allCases.map { _ in PackSlot() }

    private final class PackSlot: Sendable {
        let builder = Mutex<PackBuilder?>(nil)
    }

    /// `published` gets the packs once their indexes are in place.
    init(
        _ objects: any ObjectWriter, lock: StoreLocks.Held, claims: ChunkClaims,
        compressors: WorkerPool<FrameCompressor>,
        fullPack: UInt64, published: @escaping @Sendable ([PackIndex]) -> Void
    ) {
        (self.objects, self.lock, self.claims, self.compressors) = (objects, lock, claims, compressors)
        (self.fullPack, self.published) = (fullPack, published)
    }

    deinit { cancel() }

    /// Stores those of the chunks that the store doesn't have yet, as one frame.
    ///
    /// Compresses on the calling thread. The caller has made sure that the digests are those of the bytes. At
    /// most `PackFormat.longestFrame` bytes; about 4 MiB compress best against what a single file costs to
    /// fetch.
    ///
    /// - Throws: also if an earlier call has failed: then nothing will be committed.
    package func add(_ input: FrameInput, kind: PackKind) throws {
        let length = input.chunks.reduce(0) { $0 + Int($1.length) }
        guard length == input.bytes.count, length <= PackFormat.longestFrame,
            input.chunks.allSatisfy({ $0.length > 0 && $0.length <= UInt32(Chunking.maximum) })
        else {
            throw StoreError(.misuse, "a frame's chunks don't fit its bytes", subject: kind.label)
        }
        try checkOpen()
        let fresh = claims.claim(input.chunks)
        guard !fresh.isEmpty else { return }
        let taken = fresh.map { input.chunks[$0] }
        progress.withLock { $0.claimed += taken.map(\.digest) }
        do {
            try compressors.withWorker { worker in
                let raw = fresh.count == input.chunks.count ? input.bytes : gather(input, fresh, worker.input)
                try append(taken, rawLength: raw.count, try worker.compress(raw), kind)
                progress.withLock {
                    $0.summary.newChunks += taken.count
                    $0.summary.newRawBytes += ByteCount(raw.count)
                }
            }
        } catch {
            fail(error)
            throw error
        }
    }

    /// Puts the last packs in place, then all indexes. The chunks are then in the store, for this session and
    /// for those that begin later.
    package func finish() throws -> WriteSummary {
        try checkOpen()
        do {
            for slot in open {
                guard var builder = slot.builder.withLock({ $0.take() }) else { continue }
                try seal(&builder)
            }
            let sealed = progress.withLock { $0.sealed }
            for index in sealed { try objects.put(.index(index.pack), index.encode()) }
            published(sealed)
        } catch {
            fail(error)
            cancel()
            throw error
        }
        return progress.withLock {
            $0.isOver = true
            return $0.summary
        }
    }

    /// Drops what is not finished. Packs that were already full stay, unlisted, until gc or a later session
    /// takes them up.
    package func cancel() {
        let claimed: [Digest] = progress.withLock {
            guard !$0.isOver else { return [] }
            $0.isOver = true
            return $0.claimed
        }
        for slot in open { slot.builder.withLock { $0.take() }?.cancel() }
        claims.withdraw(claimed)
    }

    // MARK: Helpers

    private func checkOpen() throws {
        let (failure, isOver) = progress.withLock { ($0.failure, $0.isOver) }
        if let failure { throw failure }
        if isOver { throw StoreError(.misuse, "this push is already over", subject: objects.place) }
    }

    private func fail(_ error: any Error) {
        let failure =
            error as? StoreError
            ?? StoreError(
                .system, "cannot store chunks in \(objects.place)", subject: objects.place, cause: error)
        progress.withLock { if $0.failure == nil { $0.failure = failure } }
    }

    /// The bytes of those chunks only.
    private func gather(_ input: FrameInput, _ fresh: [Int], _ buffer: ByteBuffer) -> UnsafeRawBufferPointer {
        let total = fresh.reduce(0) { $0 + Int(input.chunks[$1].length) }
        let space = buffer.reserve(total)
        var (from, to, next) = (0, 0, 0)
        for (i, chunk) in input.chunks.enumerated() {
            let length = Int(chunk.length)
            if next < fresh.count, fresh[next] == i {
                space[to..<to + length].copyBytes(from: input.bytes[from..<from + length])
                to += length
                next += 1
            }
            from += length
        }
        return UnsafeRawBufferPointer(space)
    }

    private func append(
        _ chunks: [Chunk], rawLength: Int, _ compressed: UnsafeRawBufferPointer, _ kind: PackKind
    ) throws {
        let full: PackBuilder? = try open[Int(kind.rawValue)].builder.withLock { builder in
            var current = try builder.take() ?? PackBuilder(kind, in: objects)
            do { try current.append(chunks, rawLength: rawLength, compressed: compressed) } catch {
                current.cancel()
                throw error
            }
            if current.size >= fullPack { return current }
            builder = current
            return nil
        }
        // Outside of the lock: the others go on with the next pack while this one is synced.
        if var full { try seal(&full) }
    }

    private func seal(_ builder: inout PackBuilder) throws(StoreError) {
        do throws(StoreError) {
            let index = try builder.seal()
            progress.withLock {
                $0.sealed.append(index)
                $0.summary.packs += 1
                $0.summary.storedBytes += ByteCount(index.packSize)
            }
        } catch {
            builder.cancel()
            throw error
        }
    }
}
