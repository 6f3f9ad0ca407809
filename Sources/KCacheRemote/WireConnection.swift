import Dispatch
import KCacheCore
package import KCacheStore
package import KCacheSystem
import Synchronization

/// A connection to a server of one store: any number of requests under way at once.
package final class WireConnection: Sendable {
    package struct Options: Sendable {
        /// A far end that owes an answer and says nothing for so many seconds is given up.
        package var patience: Int32 = 60
        /// Makes the store if there is none.
        package var createsStore = false
        /// Slows down what is read and written.
        package var rate: RateLimit?
        /// Learns how fast bytes come.
        package var meter: LineMeter?
        package init() {}
    }

    /// What the far end said of itself.
    package let welcome: WireWelcome
    /// For error lines.
    package let place: String
    private let output: ByteChannel
    /// Lives as long as the connection.
    private let child: PipedProcess?
    private let rate: RateLimit?
    private let shared: Shared
    private let writing = Mutex(())

    /// Answers to numbers that nobody waits for.
    private static let mostStrays = 1000

    /// What the thread and the callers share. The thread holds it and the input, not the connection: a connection
    /// that nobody uses any more ends, and with its output the far end, and with that the thread.
    private final class Shared: Sendable {
        struct State: Sendable {
            var next: UInt32 = 1
            var pending: [UInt32: PendingReply] = [:]
            var failure: StoreError?
            var received: UInt64 = 0
            var sent: UInt64 = 0
        }
        let state = Mutex(State())

        func fail(_ error: StoreError) {
            let waiting = state.withLock { state -> [PendingReply] in
                state.failure = state.failure ?? error
                defer { state.pending = [:] }
                return Array(state.pending.values)
            }
            for pending in waiting { pending.fail(error) }
        }
    }

    /// Greets the far end and waits for its welcome.
    package init(
        input: ByteChannel, output: ByteChannel, place: String, options: Options = Options(),
        keeping child: PipedProcess? = nil
    ) throws(StoreError) {
        (self.output, self.place, self.child, rate) = (output, place, child, options.rate)
        let shared = Shared()
        self.shared = shared
        var reading = WireReader.Options()
        reading.patience = options.patience.multipliedReportingOverflow(by: 1000).partialValue
        reading.count = { [rate = options.rate, meter = options.meter] count in
            shared.state.withLock { $0.received += UInt64(count) }
            meter?.received(count, at: SteadyClock.now())
            rate?.wait(for: count)
        }
        var reader = WireReader(input, options: reading)
        do {
            var random = SystemRandomNumberGenerator()
            let nonce = (0..<WireFormat.nonceLength).map { _ in UInt8.random(in: 0...255, using: &random) }
            let greeting = WireGreeting(createsStore: options.createsStore, nonce: nonce).encode()
            try output.write(greeting)
            shared.state.withLock { $0.sent += UInt64(greeting.count) }
            let frame = try Self.welcome(from: &reader, nonce: nonce)
            if case .failed(let failure)? = WireReply(refusal: frame) {
                throw StoreError(failure, place: place)
            }
            welcome = try WireWelcome(frame)
        } catch {
            throw Self.lost(place, error)
        }
        guard welcome.version > 0 else {
            let theirs = welcome.versions
            throw StoreError(
                .newerFormat,
                "the kcache at \(place) speaks versions \(theirs.lowerBound) to \(theirs.upperBound) of the "
                    + "protocol, and this one \(WireFormat.versions.lowerBound) to "
                    + "\(WireFormat.versions.upperBound): update the older of the two", subject: place)
        }
        DispatchQueue(label: "kcache.connection").async { [reader, place] in
            let patience = Int64(options.patience) * 1_000_000_000
            var reader = reader
            var strays = 0
            while true {
                do {
                    let isPatient = { () -> Bool in
                        shared.state.withLock { !$0.pending.contains { $0.value.isOverdue(after: patience) } }
                    }
                    guard let frame = try reader.frame(mayBeSilent: isPatient) else {
                        throw FormatError("connection", "the far end has closed it")
                    }
                    let reply = try WireReply(frame)
                    let pending = shared.state.withLock { $0.pending[frame.number] }
                    // A stream that has failed may be answered once more, for its commit.
                    guard let pending else {
                        strays += 1
                        guard strays <= Self.mostStrays else {
                            throw FormatError("reply", "answers to what nobody asked")
                        }
                        continue
                    }
                    if try pending.take(reply, place: place) {
                        _ = shared.state.withLock { $0.pending.removeValue(forKey: frame.number) }
                        pending.complete()
                    }
                } catch {
                    return shared.fail(Self.lost(place, error))
                }
            }
        }
    }

    /// Bytes that went out and came in, headers included.
    package var traffic: Traffic {
        shared.state.withLock { Traffic(sent: ByteCount($0.sent), received: ByteCount($0.received)) }
    }

    /// Sends a request, and does not wait for the answer.
    func start(_ request: WireRequest, limit: Int = 0) throws(StoreError) -> PendingReply {
        try startNumbered(request, limit: limit).reply
    }

    func startNumbered(
        _ request: WireRequest, limit: Int = 0, isOwed: Bool = true, hear: PendingReply.Hearing? = nil
    ) throws(StoreError) -> (
        number: UInt32, reply: PendingReply
    ) {
        var isForLock = false
        if case .lock = request { isForLock = true }
        let pending = PendingReply(limit: limit, isOwed: isOwed, isForLock: isForLock, hear: hear)
        let (number, failure) = shared.state.withLock { state -> (UInt32, StoreError?) in
            let number = state.next
            state.next = state.next == .max ? 1 : state.next + 1
            if state.failure == nil { state.pending[number] = pending }
            return (number, state.failure)
        }
        if let failure { throw failure }
        try send(request, number)
        return (number, pending)
    }

    /// Awaits one more answer to a number that has been answered; it is not owed yet.
    func await(_ number: UInt32) throws(StoreError) -> PendingReply {
        let pending = PendingReply(limit: 0, isOwed: false)
        let failure = shared.state.withLock { state -> StoreError? in
            if state.failure == nil { state.pending[number] = pending }
            return state.failure
        }
        if let failure { throw failure }
        return pending
    }

    /// Sends a request and waits for its answer.
    func ask(_ request: WireRequest, limit: Int = 0) throws(StoreError) -> PendingReply.Answer {
        try start(request, limit: limit).wait()
    }

    /// Sends what has no answer of its own.
    func send(_ request: WireRequest, _ number: UInt32) throws(StoreError) {
        let bytes = request.frame(number)
        rate?.wait(for: bytes.count)
        let failure = writing.withLock { _ -> SystemError? in
            do throws(SystemError) { try output.write(bytes) } catch { return error }
            return nil
        }
        if let failure {
            let error = Self.lost(place, failure)
            shared.fail(error)
            throw error
        }
        shared.state.withLock { $0.sent += UInt64(bytes.count) }
    }

    /// Drops what may still be answered under this number.
    func forget(_ number: UInt32) {
        _ = shared.state.withLock { $0.pending.removeValue(forKey: number) }
    }

    /// The welcome's frame, behind a banner or the words of a shell's start-up files.
    private static func welcome(from reader: inout WireReader, nonce: [UInt8]) throws -> WireFrame {
        let marked = try reader.frame(
            behind: WireFormat.serverMagic + nonce, limit: WireFormat.longestNoise)
        switch marked {
        case .found(let frame): return frame
        case .missing([], atEnd: true):
            throw FormatError("welcome", "the far end has closed the connection")
        case .missing(let noise, let atEnd):
            let line = noise.split(separator: UInt8(ascii: "\n")).last ?? []
            let said = quoteForPeople(Array(line.prefix(200)))
            throw FormatError(
                "welcome",
                atEnd ? "the far end said: \(said)" : "the far end does not speak kcache's protocol: \(said)")
        }
    }

    private static func lost(_ place: String, _ error: any Error) -> StoreError {
        if let error = error as? StoreError { return error }
        return StoreError(.unreachable, "lost the connection to \(place)", subject: place, cause: error)
    }
}
