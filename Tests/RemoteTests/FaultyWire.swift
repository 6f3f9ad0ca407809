import Dispatch
import Foundation
import KCacheCore
import KCacheRemote
import KCacheServer
import KCacheStore
import KCacheSystem
import Synchronization

/// A store behind a server, reached over connections that break as a test wants.
final class FaultyWire: Sendable {
    /// What happens to one direction of a connection.
    struct Fault: Sendable {
        enum Kind: Sendable { case cut, stall, halfClose, flip }
        /// True: from the client to the server.
        var isUpward: Bool
        /// After so many bytes.
        var after: Int
        var kind: Kind
    }

    private struct State {
        var faults: [Fault?]
        var connections = 0
        var passed = [0, 0]
        /// Bytes up to the end of each frame of the first connection, upward and downward.
        var ends: [[Int]] = [[], []]
    }

    let behind: Store
    private let access: WireAccess
    private let patience: Int32
    private let rate: RateLimit?
    private let state: Mutex<State>
    /// Runs when a connection is lost and the far end has ended with it, before the next one is made.
    private let between: @Sendable () -> Void
    private let servers = DispatchGroup()
    /// The first connections break as said, those after them do not.
    init(
        _ faults: [Fault?] = [], behind: Store = Store(objects: MemoryObjects()), access: WireAccess = .full,
        patience: Int32 = 60, rate: RateLimit? = nil, between: @escaping @Sendable () -> Void = {}
    ) {
        self.between = between
        (self.behind, self.access, self.patience, self.rate) = (behind, access, patience, rate)
        state = Mutex(State(faults: faults))
    }

    var connections: Int { state.withLock { $0.connections } }
    /// Bytes of the last connection.
    var passed: (up: Int, down: Int) { state.withLock { ($0.passed[0], $0.passed[1]) } }
    /// Where messages ended, on the first connection.
    var ends: (up: [Int], down: [Int]) { state.withLock { ($0.ends[0], $0.ends[1]) } }

    func store(retries: Int) -> Store {
        var options = RemoteObjects.Options()
        (options.retries, options.pauseNanoseconds) = (retries, 1_000_000)
        let objects = RemoteObjects(place: "far", options: options) { [self] () throws(StoreError) in
            try connect()
        }
        return Store(objects: objects, locks: objects.locks)
    }

    private func connect() throws(StoreError) -> WireConnection {
        let (fault, isFirst) = state.withLock { state -> (Fault?, Bool) in
            defer { state.connections += 1 }
            state.passed = [0, 0]
            return (
                state.connections < state.faults.count ? state.faults[state.connections] : nil,
                state.connections == 0
            )
        }
        if !isFirst {
            servers.wait()
            between()
        }
        let pipes: [(reading: ByteChannel, writing: ByteChannel)]
        do throws(SystemError) {
            pipes = [
                try ByteChannel.pipe("a"), try ByteChannel.pipe("b"), try ByteChannel.pipe("c"),
                try ByteChannel.pipe("d"),
            ]
        } catch { throw StoreError(.system, "no pipe", subject: "pipe", cause: error) }
        relay(
            pipes[0].reading, pipes[1].writing, 0, fault, isFirst,
            others: [pipes[2].reading, pipes[3].writing])
        relay(
            pipes[2].reading, pipes[3].writing, 1, fault, isFirst,
            others: [pipes[0].reading, pipes[1].writing])
        let (input, output) = (pipes[1].reading, pipes[2].writing)
        let (behind, access, servers) = (behind, access, servers)
        servers.enter()
        Thread.detachNewThread {
            defer { servers.leave() }
            var options = StoreServer.Options()
            options.access = access
            do { try StoreServer(input: input, output: output, options: options) { _ in behind }.run() } catch
            {}
            output.close()
            input.close()
        }
        var options = WireConnection.Options()
        (options.patience, options.rate) = (patience, rate)
        return try WireConnection(
            input: pipes[3].reading, output: pipes[0].writing, place: "far", options: options)
    }

    private func relay(
        _ from: ByteChannel, _ to: ByteChannel, _ direction: Int, _ fault: Fault?, _ isFirst: Bool,
        others: [ByteChannel]
    ) {
        let mine = fault.flatMap { $0.isUpward == (direction == 0) ? $0 : nil }
        Thread.detachNewThread { [self] in
            var frames = FrameEnds(isUpward: direction == 0)
            var done = 0
            var buffer = [UInt8](repeating: 0, count: 4096)
            defer {
                to.close()
                from.close()
            }
            while true {
                let got = try? buffer.withUnsafeMutableBytes { try from.read(into: $0) ?? 0 }
                guard let got, got > 0 else { return }
                var part = Array(buffer[..<got])
                if let mine, done + got >= mine.after {
                    let rest = max(0, mine.after - done)
                    switch mine.kind {
                    case .flip where rest < got: part[rest] ^= 0x20
                    case .flip: break
                    default: part = Array(part[..<rest])
                    }
                }
                done += part.count
                if isFirst { frames.take(part) { end in state.withLock { $0.ends[direction].append(end) } } }
                state.withLock { $0.passed[direction] = done }
                do { if !part.isEmpty { try to.write(part) } } catch { return }
                guard let mine, done >= mine.after, part.count < got else { continue }
                switch mine.kind {
                case .cut:
                    // Both directions end, as when a line is gone.
                    to.close()
                    return
                case .halfClose:
                    to.close()
                    while (try? buffer.withUnsafeMutableBytes({ try from.read(into: $0) ?? 0 })) ?? 0 > 0 {}
                    return
                case .stall:
                    while (try? buffer.withUnsafeMutableBytes({ try from.read(into: $0) ?? 0 })) ?? 0 > 0 {}
                    return
                case .flip: continue
                }
            }
        }
    }
}

/// Finds where frames end in one direction of a connection.
private struct FrameEnds {
    private var pending: [UInt8] = []
    private var position = 0
    private var head: Int

    init(isUpward: Bool) {
        head = isUpward ? WireGreeting.length : WireFormat.serverMagic.count + WireFormat.nonceLength
    }

    mutating func take(_ bytes: [UInt8], _ ended: (Int) -> Void) {
        pending += bytes
        while true {
            let length: Int
            if head > 0 {
                length = head
            } else {
                guard pending.count >= 4 else { return }
                length = 4 + pending[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
            }
            guard pending.count >= length else { return }
            pending.removeFirst(length)
            position += length
            head = 0
            ended(position)
        }
    }
}
