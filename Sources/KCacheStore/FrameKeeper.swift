import KCacheCore
import Synchronization

/// Puts frames of another store into this one as they are, in packs of its own. `add` may run concurrently.
final class FrameKeeper: Sendable {
    private let session: StoreSession

    private struct State: Sendable {
        var open: [PackKind: PackBuilder] = [:]
        var sealed: [PackIndex] = []
        /// The first failure; nothing is kept after it.
        var failure: StoreError?
    }
    private let state = Mutex(State())

    init(_ session: StoreSession) { self.session = session }

    deinit { cancel() }

    /// Keeps the wanted chunks of a frame, which have been checked; a frame of which all is wanted stays as it is.
    ///
    /// A store that can't be written costs the next pull time, and is no reason for this one to fail.
    func add(_ frame: ReadPlan.Frame, _ raw: UnsafeRawBufferPointer, _ compressed: UnsafeRawBufferPointer)
        throws
    {
        let chunks = frame.wanted.map(\.chunk)
        guard !session.claims.claim(chunks).isEmpty else { return }
        do {
            if frame.isWhole {
                try append(chunks, Int(frame.rawLength), compressed, frame.kind)
            } else {
                try session.compressors.withWorker { worker in
                    let part = frame.gather(raw, worker.input)
                    try append(chunks, part.count, try worker.compress(part), frame.kind)
                }
            }
        } catch let error as StoreError {
            session.claims.withdraw(chunks.map(\.digest))
            state.withLock { $0.failure = $0.failure ?? error }
        }
    }

    /// Keeps nothing more, for this reason.
    func giveUp(_ reason: StoreError) { state.withLock { $0.failure = $0.failure ?? reason } }

    private func append(
        _ chunks: [Chunk], _ rawLength: Int, _ compressed: UnsafeRawBufferPointer, _ kind: PackKind
    ) throws {
        try state.withLock { state in
            guard state.failure == nil else { return }
            var builder =
                try state.open.removeValue(forKey: kind) ?? PackBuilder(kind, in: session.store.objects)
            do { try builder.append(chunks, rawLength: rawLength, compressed: compressed) } catch {
                builder.cancel()
                throw error
            }
            if builder.size >= session.store.options.fullPack {
                state.sealed.append(try builder.seal())
            } else {
                state.open[kind] = builder
            }
        }
    }

    /// Puts what was kept in place: packs, then their indexes. Nil, or why it could not all be kept.
    func finish() -> StoreError? {
        state.withLock { state in
            for kind in PackKind.allCases {
                guard var builder = state.open.removeValue(forKey: kind) else { continue }
                do throws(StoreError) { state.sealed.append(try builder.seal()) } catch {
                    builder.cancel()
                    state.failure = state.failure ?? error
                }
            }
            do throws(StoreError) {
                for index in state.sealed {
                    try session.store.objects.put(.index(index.pack), index.encode())
                }
                session.claims.publish(state.sealed)
            } catch { state.failure = state.failure ?? error }
            state.sealed = []
            return state.failure
        }
    }

    private func cancel() {
        state.withLock { state in
            for builder in state.open.values { builder.cancel() }
            state.open = [:]
        }
    }
}

extension ReadPlan.Frame {
    /// The wanted chunks' bytes, one after the other.
    func gather(_ raw: UnsafeRawBufferPointer, _ buffer: ByteBuffer) -> UnsafeRawBufferPointer {
        let space = buffer.reserve(Int(clamping: wantedBytes.value))
        var end = 0
        for wanted in wanted {
            let (start, length) = (Int(wanted.offset), Int(wanted.chunk.length))
            space[end..<end + length].copyBytes(from: raw[start..<start + length])
            end += length
        }
        return UnsafeRawBufferPointer(space)
    }
}
