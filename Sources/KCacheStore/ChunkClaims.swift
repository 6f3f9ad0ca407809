import KCacheCore
import Synchronization

/// The chunks that a session has: those of the index, and those that its writers have claimed.
final class ChunkClaims: Sendable {
    struct State: Sendable {
        var index: ChunkIndex
        /// Claimed by a writer that has not finished.
        var claimed: Set<Digest> = []
    }

    let state: Mutex<State>

    init(_ index: consuming ChunkIndex) { state = Mutex(State(index: index)) }

    func contains(_ digest: Digest) -> Bool {
        state.withLock { $0.index.contains(digest) || $0.claimed.contains(digest) }
    }

    /// Claims those chunks that nobody has, each for one caller only; their places.
    func claim(_ chunks: [Chunk]) -> [Int] {
        state.withLock { state in
            chunks.indices.filter {
                let digest = chunks[$0].digest
                return !state.index.contains(digest) && state.claimed.insert(digest).inserted
            }
        }
    }

    /// Gives up claims: their chunks were not stored.
    func withdraw(_ digests: [Digest]) {
        state.withLock { $0.claimed.subtract(digests) }
    }

    /// Forgets everything for what is there now.
    func replace(_ index: ChunkIndex) { state.withLock { $0 = State(index: index) } }

    /// Takes finished packs into the index, those that it doesn't have yet.
    func publish(_ packs: [PackIndex]) {
        state.withLock { state in
            let known = Set(state.index.packs.map(\.digest))
            for pack in packs where !known.contains(pack.pack) {
                state.index.add(pack)
                for chunk in pack.table.chunks { state.claimed.remove(chunk.digest) }
            }
        }
    }
}
