import Dispatch
import KCacheCore
package import KCacheStore
import KCacheSystem
import Synchronization

/// The objects of a far store, over a connection that is made when it is needed and made again when it breaks.
///
/// Every call may be repeated (see `ObjectReader`), so one that a lost connection cut short is made again over
/// the next. A stream is not: its owner takes it up with `resumeStream`.
package final class RemoteObjects: ObjectPruner {
    package struct Options: Sendable {
        /// How often a connection that was lost is made again before the call fails.
        package var retries = 3
        /// Before the first retry; doubled for each further one.
        package var pauseNanoseconds: Int64 = 500_000_000
        package init() {}
    }

    package typealias Connect = @Sendable () throws(StoreError) -> WireConnection

    package let place: String
    private let options: Options
    private let connect: Connect
    /// What the connections measure; nil: nothing.
    let meter: LineMeter?

    private struct State: Sendable {
        var current: WireObjects?
        var lock = WireRequest.Lock.none
        var wasConnected = false
        /// A lock was lost with its connection, and whoever had it has not looked since what is still there.
        var hasLostLock = false
        /// Somebody has tried to connect.
        var wasTried = false
        /// Why `reach` could not, for the first call that needs the connection.
        var failure: StoreError?
        /// Of connections that are gone.
        var past = Traffic()
    }
    /// Held while a connection is made, so that one is made and not several.
    private let state = Mutex(State())

    package init(
        place: String, options: Options = Options(), meter: LineMeter? = nil, connect: @escaping Connect
    ) {
        (self.place, self.options, self.meter, self.connect) = (place, options, meter, connect)
    }

    /// What went over all connections so far.
    package var traffic: Traffic {
        state.withLock { state in
            state.current.map { state.past + $0.connection.traffic } ?? state.past
        }
    }

    /// What the far end says of itself. Connects.
    package func welcome() throws(StoreError) -> WireWelcome { try objects().connection.welcome }

    // MARK: Connecting

    private func objects() throws(StoreError) -> WireObjects {
        let result = state.withLock { state -> Result<WireObjects, StoreError> in
            if let current = state.current { return .success(current) }
            if let failure = state.failure {
                state.failure = nil
                return .failure(failure)
            }
            return connect(&state)
        }
        return try result.get()
    }

    private func connect(_ state: inout State) -> Result<WireObjects, StoreError> {
        state.wasTried = true
        do throws(StoreError) {
            let objects = WireObjects(try connect())
            if state.lock != .none {
                state.hasLostLock = true
                try objects.lock(state.lock, waiting: {})
            }
            state.current = objects
            state.wasConnected = true
            return .success(objects)
        } catch { return .failure(error) }
    }

    /// Begins to connect, while the caller does something else; a failure is told to the first call after it.
    package func reach() {
        DispatchQueue.global().async { [self] in
            state.withLock { state in
                guard !state.wasTried else { return }
                if case .failure(let error) = connect(&state) { state.failure = error }
            }
        }
    }

    /// Forgets a connection that is lost.
    private func drop(_ lost: WireObjects) {
        let unread = state.withLock { state -> [ObjectRange]? in
            guard state.current === lost else { return nil }
            state.current = nil
            state.past = state.past + lost.connection.traffic
            return lost.unread
        }
        guard let unread, !unread.isEmpty else { return }
        // Should that fail as well, the next call finds out.
        do throws(StoreError) { try objects().willRead(unread) } catch _ {}
    }

    private func retrying<T>(_ body: (WireObjects) throws(StoreError) -> T) throws(StoreError) -> T {
        var attempt = 0
        while true {
            var used: WireObjects?
            do throws(StoreError) {
                let objects = try objects()
                used = objects
                return try body(objects)
            } catch {
                // What has never been reached is a wrong name or a host that is off.
                guard error.code == .unreachable, state.withLock({ $0.wasConnected }),
                    attempt < options.retries
                else { throw error }
                WallClock.sleep(options.pauseNanoseconds << Int64(attempt))
                if let used { drop(used) }
                attempt += 1
            }
        }
    }

    // MARK: Building

    /// Not repeated: a lost connection has ended the build at the far end.
    func build(_ order: WireBuildOrder, hear: @escaping PendingReply.Hearing) throws(StoreError)
        -> WireBuildResult
    { try objects().build(order, hear: hear) }

    // MARK: Locks

    /// The far store's locks; one at a time.
    package var locks: StoreLocks {
        StoreLocks(
            exclusive: { waiting throws(StoreError) in try self.take(.exclusive, waiting) },
            sharedExpecting: { questions, waiting throws(StoreError) in
                try self.take(.shared, waiting, expecting: questions)
            })
    }

    private func take(
        _ lock: WireRequest.Lock, _ waiting: () -> Void, expecting questions: [ObjectQuestion] = []
    ) throws(StoreError) -> StoreLocks.Held {
        try retrying { objects throws(StoreError) in
            try objects.lock(lock, expecting: questions, waiting: waiting)
        }
        state.withLock { ($0.lock, $0.hasLostLock) = (lock, false) }
        return StoreLocks.Held(
            release: { [self] in
                let current = state.withLock { state in
                    state.lock = .none
                    return state.current
                }
                // A connection that is gone holds no lock.
                do throws(StoreError) { try current?.unlock() } catch _ {}
            },
            wasLost: { [self] in state.withLock { $0.hasLostLock } },
            renew: { [self] in state.withLock { $0.hasLostLock = false } })
    }

    // MARK: Objects

    package func get(_ name: ObjectName, limit: Int) throws(StoreError) -> [UInt8]? {
        try retrying { objects throws(StoreError) in try objects.get(name, limit: limit) }
    }

    package func get(_ names: [ObjectName], limit: Int) throws(StoreError) -> [[UInt8]?] {
        try retrying { objects throws(StoreError) in try objects.get(names, limit: limit) }
    }

    package func read(_ name: ObjectName, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer)
        throws(StoreError) -> Int?
    {
        try retrying { objects throws(StoreError) in try objects.read(name, at: offset, into: buffer) }
    }

    package func willRead(_ ranges: [ObjectRange]) throws(StoreError) {
        try retrying { objects throws(StoreError) in try objects.willRead(ranges) }
    }

    package func expect(_ questions: [ObjectQuestion]) throws(StoreError) {
        try retrying { objects throws(StoreError) in try objects.expect(questions) }
    }

    package func info(_ name: ObjectName) throws(StoreError) -> ObjectInfo? {
        try retrying { objects throws(StoreError) in try objects.info(name) }
    }

    package func list(_ kind: ObjectKind) throws(StoreError) -> [ObjectInfo] {
        try retrying { objects throws(StoreError) in try objects.list(kind) }
    }

    /// A catalog entry goes over the connection that has the lock, or not at all: over the next one it could name
    /// what a gc has removed between the two.
    package func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StoreError) {
        if case .catalog = name {
            let objects = try objects()
            guard !state.withLock({ $0.hasLostLock }) else {
                throw StoreError(
                    .unreachable,
                    "the connection to \(place) was lost, and with it the lock: nothing was listed there; try again",
                    subject: place)
            }
            return try objects.put(name, bytes)
        }
        try retrying { objects throws(StoreError) in try objects.put(name, bytes) }
    }

    package func beginStream() throws(StoreError) -> any ObjectStream {
        try retrying { objects throws(StoreError) in try objects.beginStream() }
    }

    package func resumeStream(_ name: ObjectName) throws(StoreError) -> (any ObjectStream)? {
        try retrying { objects throws(StoreError) in try objects.resumeStream(name) }
    }

    package func touch(_ name: ObjectName, _ ns: Int64) throws(StoreError) -> Bool {
        try retrying { objects throws(StoreError) in try objects.touch(name, ns) }
    }

    package func noteUse(_ name: ObjectName, _ ns: Int64) throws(StoreError) {
        try retrying { objects throws(StoreError) in try objects.noteUse(name, ns) }
    }

    package func delete(_ names: [ObjectName]) throws(StoreError) -> Int {
        try retrying { objects throws(StoreError) in try objects.delete(names) }
    }

    package func removeLeftovers(dryRun: Bool) throws(StoreError) -> Int {
        try retrying { objects throws(StoreError) in try objects.removeLeftovers(dryRun: dryRun) }
    }
}
