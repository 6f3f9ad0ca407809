import KCacheCore
package import KCacheStore
import KCacheSystem
import Synchronization

/// The objects of a store at the far end of a connection.
package final class WireObjects: ObjectPruner {
    package let connection: WireConnection
    private let ahead: ReadAhead

    package init(_ connection: WireConnection) {
        self.connection = connection
        ahead = ReadAhead(connection)
    }

    package var place: String { connection.place }

    package func get(_ name: ObjectName, limit: Int) throws(StoreError) -> [UInt8]? {
        try whole(try connection.ask(.get(name, limit: UInt64(limit)), limit: limit), name)
    }

    /// Nil if there is no such object.
    private func whole(_ answer: PendingReply.Answer, _ name: ObjectName) throws(StoreError) -> [UInt8]? {
        guard let end = answer.end else { return nil }
        guard end == UInt64(answer.data.count) else {
            throw StoreError(
                .damaged,
                "\(place) says that \(name.forPeople) has \(end) bytes, and sent \(answer.data.count) bytes",
                subject: name.path)
        }
        return answer.data
    }

    package func get(_ names: [ObjectName], limit: Int) throws(StoreError) -> [[UInt8]?] {
        var results: [[UInt8]?] = []
        for start in stride(from: 0, to: names.count, by: Self.requestsAtOnce) {
            var pending: [PendingReply] = []
            for name in names[start..<min(start + Self.requestsAtOnce, names.count)] {
                pending.append(try connection.start(.get(name, limit: UInt64(limit)), limit: limit))
            }
            for (i, reply) in pending.enumerated() {
                results.append(try whole(try reply.wait(), names[start + i]))
            }
        }
        return results
    }

    private static let requestsAtOnce = 256

    package func read(_ name: ObjectName, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer)
        throws(StoreError) -> Int?
    {
        let range = ObjectRange(name: name, offset: offset, length: UInt32(clamping: buffer.count))
        var early = try ahead.take(range)
        if early == nil { early = try connection.ask(range.request, limit: buffer.count) }
        guard let answer = early, let data = try whole(answer, name) else { return nil }
        buffer.copyBytes(from: data)
        return data.count
    }

    package func willRead(_ ranges: [ObjectRange]) throws(StoreError) { try ahead.plan(ranges) }

    package func info(_ name: ObjectName) throws(StoreError) -> ObjectInfo? {
        let answer = try connection.ask(.info(name))
        guard answer.end != nil else { return nil }
        guard let info = answer.objects.first, info.name == name else {
            throw StoreError(.damaged, "\(place) answers for another object", subject: name.path)
        }
        return info
    }

    package func list(_ kind: ObjectKind) throws(StoreError) -> [ObjectInfo] {
        try connection.ask(.list(kind)).objects.filter { $0.name.kind == kind }
    }

    package func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StoreError) {
        let stream = try beginStream()
        let sent = bytes.withUnsafeBytes { raw -> Result<Void, StoreError> in
            do throws(StoreError) { return .success(try stream.append(raw)) } catch { return .failure(error) }
        }
        try sent.get()
        try stream.commit(as: name)
    }

    package func beginStream() throws(StoreError) -> any ObjectStream {
        let (number, reply) = try connection.startNumbered(.begin, isOwed: false)
        return WireStream(connection, number, reply, length: 0)
    }

    package func resumeStream(_ name: ObjectName) throws(StoreError) -> (any ObjectStream)? {
        let (number, reply) = try connection.startNumbered(.resume(name))
        let length = try reply.wait().end ?? 0
        return WireStream(connection, number, try connection.await(number), length: length)
    }

    /// Takes a lock of the far store in the place of the one that is held there for this connection.
    package func lock(_ lock: WireRequest.Lock, waiting: () -> Void) throws(StoreError) {
        let reply = try connection.start(.lock(lock))
        reply.onceItWaits(waiting)
        _ = try reply.wait()
    }

    /// Gives up the lock; does not wait for an answer.
    package func unlock() throws(StoreError) { _ = try connection.start(.lock(.none)) }

    /// What was to be read ahead and has not been read.
    package var unread: [ObjectRange] { ahead.unread }

    package func touch(_ name: ObjectName, _ ns: Int64) throws(StoreError) -> Bool {
        try connection.ask(.touch(name, ns)).end != nil
    }

    package func delete(_ names: [ObjectName]) throws(StoreError) -> Int {
        var count = 0
        for start in stride(from: 0, to: names.count, by: WireFormat.mostNames) {
            let part = Array(names[start..<min(start + WireFormat.mostNames, names.count)])
            count += Int(clamping: try connection.ask(.delete(part)).end ?? 0)
        }
        return count
    }

    package func removeLeftovers(dryRun: Bool) throws(StoreError) -> Int {
        Int(clamping: try connection.ask(.removeLeftovers(dryRun: dryRun)).end ?? 0)
    }
}

/// A stream at the far end. What it refuses early stops the sending.
private final class WireStream: ObjectStream {
    private let connection: WireConnection
    private let number: UInt32
    private let reply: PendingReply
    private let isOpen = Mutex(true)

    private let sent: Mutex<UInt64>

    init(_ connection: WireConnection, _ number: UInt32, _ reply: PendingReply, length: UInt64) {
        (self.connection, self.number, self.reply) = (connection, number, reply)
        sent = Mutex(length)
    }

    deinit { cancel() }

    var length: UInt64 { sent.withLock { $0 } }

    func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        for start in stride(from: 0, to: bytes.count, by: WireFormat.longestData) {
            if let failure = reply.failure { throw failure }
            let part = bytes[start..<min(start + WireFormat.longestData, bytes.count)]
            try connection.send(.append(Array(part)), number)
            sent.withLock { $0 += UInt64(part.count) }
        }
    }

    func commit(as name: ObjectName) throws(StoreError) {
        if let failure = reply.failure { throw failure }
        reply.owe()
        try connection.send(.commit(name), number)
        isOpen.withLock { $0 = false }
        _ = try reply.wait()
    }

    func cancel() {
        let wasOpen = isOpen.withLock { open in
            defer { open = false }
            return open
        }
        guard wasOpen else { return }
        // A connection that is gone has dropped the stream as well.
        do throws(StoreError) { try connection.send(.cancel, number) } catch _ {}
        connection.forget(number)
    }

    /// The far end keeps what it has when the connection ends.
    func suspend() {}

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
        throw goneOverTheLine
    }

    func digest() throws(StoreError) -> Digest { throw goneOverTheLine }

    private var goneOverTheLine: StoreError {
        StoreError(.misuse, "a stream can't be read back over a connection", subject: connection.place)
    }
}
