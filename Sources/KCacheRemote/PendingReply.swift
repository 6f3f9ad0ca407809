import Dispatch
import KCacheCore
import KCacheStore
import KCacheSystem
import Synchronization

/// What one request has got so far; filled by the connection's thread, awaited by the caller's.
final class PendingReply: Sendable {
    struct Answer: Sendable {
        var data: [UInt8] = []
        var objects: [ObjectInfo] = []
        /// Nil: there is no such object.
        var end: UInt64?
        /// How a build has ended.
        var built: WireBuildResult?
    }

    private struct State: Sendable {
        var answer = Answer()
        var outcome: Result<Void, StoreError>?
        var waitsForLock = false
        /// Since when the far end owes it, in nanoseconds of a clock that only goes forward; nil: it owes nothing
        /// yet, since not all has been asked.
        var owedAt: Int64?
    }

    private let state: Mutex<State>
    private let done = DispatchSemaphore(value: 0)
    /// Signalled once: when it begins to wait for a lock, or is done.
    private let moved = DispatchSemaphore(value: 0)
    /// The most bytes that may come.
    private let limit: Int
    private let isForLock: Bool
    /// Gets what a build says, on the connection's thread. Nil: it is no build.
    private let hear: Hearing?

    typealias Hearing = @Sendable (WireBuildVoice, [UInt8]) -> Void

    /// - Parameters:
    ///   - isOwed: false for a stream, until it is committed.
    ///   - isForLock: it may have to wait, for as long as others have the lock.
    init(limit: Int, isOwed: Bool = true, isForLock: Bool = false, hear: Hearing? = nil) {
        (self.limit, self.isForLock, self.hear) = (limit, isForLock, hear)
        state = Mutex(State(owedAt: isOwed ? SteadyClock.now() : nil))
    }

    /// The far end owes it from now on.
    func owe() { state.withLock { $0.owedAt = SteadyClock.now() } }

    /// True if the far end owes it, and has for so many nanoseconds.
    func isOverdue(after patience: Int64) -> Bool {
        state.withLock { state in
            guard let owedAt = state.owedAt, !state.waitsForLock else { return false }
            return SteadyClock.now() - owedAt >= patience
        }
    }

    /// Takes one reply; true if it was the last, which `complete` is to follow.
    ///
    /// - Throws: if nobody has asked for that, or for so much.
    func take(_ reply: WireReply, place: String) throws(FormatError) -> Bool {
        if case .said(let voice, let bytes) = reply {
            guard let hear else { throw FormatError("reply", "words of a build that nobody asked for") }
            hear(voice, bytes)
        }
        let (finished, problem) = state.withLock { state -> (Bool, String?) in
            // A build that says something goes on.
            if hear != nil, state.owedAt != nil { state.owedAt = SteadyClock.now() }
            switch reply {
            // Such could come for ever.
            case .data([]), .objects([]): return (false, "there is nothing in it")
            case .data(let bytes):
                guard bytes.count <= limit - state.answer.data.count else {
                    return (false, "more bytes than were asked for")
                }
                state.answer.data += bytes
                return (false, nil)
            case .objects(let objects):
                guard objects.count <= WireFormat.mostListed - state.answer.objects.count else {
                    return (false, "more objects than were asked for")
                }
                state.answer.objects += objects
                return (false, nil)
            case .said: return (false, nil)
            case .waiting where hear != nil: return (false, nil)
            case .waiting:
                guard isForLock else { return (false, "it waits for a lock that nobody asked for") }
                state.waitsForLock = true
                moved.signal()
                return (false, nil)
            case .end(let number):
                state.answer.end = number
                state.outcome = .success(())
            case .built where hear == nil: return (false, "the end of a build that nobody asked for")
            case .built(let result):
                state.answer.built = result
                state.outcome = .success(())
            case .missing:
                state.answer = Answer()
                state.outcome = .success(())
            case .failed(let failure): state.outcome = .failure(StoreError(failure, place: place))
            }
            return (true, nil)
        }
        if let problem { throw FormatError("reply", problem) }
        return finished
    }

    func fail(_ error: StoreError) {
        let first = state.withLock { state in
            defer { state.outcome = state.outcome ?? .failure(error) }
            return state.outcome == nil
        }
        if first { complete() }
    }

    /// Lets the caller go on, who may use the number again.
    func complete() {
        done.signal()
        moved.signal()
    }

    /// Calls the body if the lock that was asked for isn't free. For one caller, once.
    func onceItWaits(_ body: () -> Void) {
        moved.wait()
        if waitsForLock { body() }
    }

    /// The failure that has come already; nil if none has.
    var failure: StoreError? {
        state.withLock {
            if case .failure(let error)? = $0.outcome { return error }
            return nil
        }
    }

    var waitsForLock: Bool { state.withLock { $0.waitsForLock } }

    /// Waits for the last reply. For one caller, once.
    func wait() throws(StoreError) -> Answer {
        done.wait()
        let (answer, outcome) = state.withLock { ($0.answer, $0.outcome) }
        try outcome?.get()
        return answer
    }
}

extension StoreError {
    /// What the far end said; its text is shown as what it is.
    init(_ failure: WireFailure, place: String) {
        let code: Code =
            switch failure.code {
            case .system: .system
            case .damaged: .damaged
            case .forbidden: .forbidden
            case .tooLarge: .damaged
            case .misuse: .misuse
            }
        let said = quoteForPeople(Array(failure.message.utf8.prefix(500)))
        self.init(code, "\(place) says: \(said)", subject: failure.subject)
    }
}
