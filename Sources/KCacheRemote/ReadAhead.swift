import KCacheCore
import KCacheStore
import Synchronization

/// Asks for what is going to be read before it is, a bounded number of bytes ahead.
final class ReadAhead: Sendable {
    private struct State: Sendable {
        /// Not asked for yet, the next one last.
        var queue: [ObjectRange] = []
        /// Those of the queue that were read before their turn came.
        var overtaken: Set<ObjectRange> = []
        var asked: [ObjectRange: PendingReply] = [:]
        var planned: Set<ObjectRange> = []
        /// Bytes asked for and not taken.
        var outstanding = 0
    }

    private let connection: WireConnection
    private let state = Mutex(State())

    /// Enough to fill a gigabit line at 100 ms.
    private static let window = 16 << 20

    init(_ connection: WireConnection) { self.connection = connection }

    /// Replaces the plan; what was asked for and never taken is dropped when it comes.
    func plan(_ ranges: [ObjectRange]) throws(StoreError) {
        state.withLock { $0 = State(queue: ranges.reversed(), planned: Set(ranges)) }
        try ask()
    }

    /// The answer, if it was asked for ahead.
    func take(_ range: ObjectRange) throws(StoreError) -> PendingReply.Answer? {
        let asked = state.withLock { state -> PendingReply? in
            let reply = state.asked.removeValue(forKey: range)
            if reply == nil, state.planned.contains(range) { state.overtaken.insert(range) }
            return reply
        }
        guard let reply = asked else { return nil }
        let answer = try reply.wait()
        state.withLock { $0.outstanding = max(0, $0.outstanding - Int(range.length)) }
        try ask()
        return answer
    }

    /// What of the plan has not been taken, in its order.
    var unread: [ObjectRange] {
        state.withLock { state in
            let waiting = state.queue.reversed().filter { !state.overtaken.contains($0) }
            return Array(state.asked.keys) + waiting
        }
    }

    private func ask() throws(StoreError) {
        while true {
            let next = state.withLock { state -> ObjectRange? in
                while let last = state.queue.last, state.overtaken.remove(last) != nil {
                    state.queue.removeLast()
                }
                guard let range = state.queue.last, state.asked[range] == nil,
                    state.outstanding == 0 || state.outstanding + Int(range.length) <= Self.window
                else { return nil }
                state.queue.removeLast()
                state.outstanding += Int(range.length)
                return range
            }
            guard let next else { return }
            let reply = try connection.start(next.request, limit: Int(next.length))
            state.withLock { $0.asked[next] = reply }
        }
    }
}

extension ObjectRange {
    var request: WireRequest { .read(name, offset: offset, length: length) }
}
