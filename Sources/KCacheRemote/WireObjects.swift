import KCacheCore
package import KCacheStore
import KCacheSystem
import Synchronization

/// The objects of a store at the far end of a connection.
package final class WireObjects: ObjectPruner {
    package let connection: WireConnection
    private let ahead: ReadAhead
    /// What has been asked for those who have not come yet.
    private let expected = Mutex<[ObjectQuestion: PendingReply]>([:])

    package init(_ connection: WireConnection) {
        self.connection = connection
        ahead = ReadAhead(connection)
    }

    package var place: String { connection.place }

    package func get(_ name: ObjectName, limit: Int) throws(StoreError) -> [UInt8]? {
        try whole(try ask(.get(name, limit: limit)).wait(), name)
    }

    package func expect(_ questions: [ObjectQuestion]) throws(StoreError) {
        for question in questions where expected.withLock({ $0[question] == nil }) {
            let reply = try connection.start(question.request, limit: question.limit)
            expected.withLock { $0[question] = reply }
        }
    }

    /// The answer that is on its way, or the question asked now.
    private func ask(_ question: ObjectQuestion) throws(StoreError) -> PendingReply {
        if let reply = expected.withLock({ $0.removeValue(forKey: question) }) { return reply }
        return try connection.start(question.request, limit: question.limit)
    }

    /// Before a write: what was answered before it may be wrong after it.
    private func dropExpected() { expected.withLock { $0 = [:] } }

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
                pending.append(try ask(.get(name, limit: limit)))
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
        if early == nil { early = try ask(.read(range)).wait() }
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
        try ask(.list(kind)).wait().objects.filter { $0.name.kind == kind }
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
        dropExpected()
        let (number, reply) = try connection.startNumbered(.begin, isOwed: false)
        return WireStream(connection, number, reply, length: 0)
    }

    package func resumeStream(_ name: ObjectName) throws(StoreError) -> (any ObjectStream)? {
        dropExpected()
        let (number, reply) = try connection.startNumbered(.resume(name))
        let length = try reply.wait().end ?? 0
        return WireStream(connection, number, try connection.await(number), length: length)
    }

    /// Takes a lock of the far store in the place of the one that is held there for this connection.
    package func lock(
        _ lock: WireRequest.Lock, expecting questions: [ObjectQuestion] = [], waiting: () -> Void
    ) throws(StoreError) {
        let reply = try connection.start(.lock(lock))
        // The server keeps to the order, so these are answered under the lock.
        try expect(questions)
        reply.onceItWaits(waiting)
        _ = try reply.wait()
    }

    /// Gives up the lock; does not wait for an answer.
    package func unlock() throws(StoreError) { _ = try connection.start(.lock(.none)) }

    /// What was to be read ahead and has not been read.
    package var unread: [ObjectRange] { ahead.unread }

    package func touch(_ name: ObjectName, _ ns: Int64) throws(StoreError) -> Bool {
        dropExpected()
        return try connection.ask(.touch(name, ns)).end != nil
    }

    package func noteUse(_ name: ObjectName, _ ns: Int64) throws(StoreError) {
        dropExpected()
        _ = try connection.start(.touch(name, ns))
    }

    package func delete(_ names: [ObjectName]) throws(StoreError) -> Int {
        dropExpected()
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

extension ObjectQuestion {
    fileprivate var request: WireRequest {
        switch self {
        case .list(let kind): .list(kind)
        case .get(let name, let limit): .get(name, limit: UInt64(limit))
        case .read(let range): range.request
        }
    }

    /// The most bytes of an answer.
    fileprivate var limit: Int {
        switch self {
        case .list: 0
        case .get(_, let limit): limit
        case .read(let range): Int(range.length)
        }
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
