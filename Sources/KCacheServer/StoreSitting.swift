import KCacheCore
import KCacheStore
import KCacheSystem

/// One client's requests, in their order.
final class StoreSitting {
    private let store: Store
    private let options: StoreServer.Options
    private let replies: ReplyWriter
    private var build: ServedBuild?
    private var uploads: [UInt32: Upload] = [:]
    private var lock: StoreLocks.Held?

    /// At most so many streams at once: each may hold a file open.
    private static let mostUploads = 16

    init(_ store: Store, _ options: StoreServer.Options, _ output: ByteChannel) {
        (self.store, self.options) = (store, options)
        replies = ReplyWriter(output)
    }

    /// Answers until the client goes. What it has sent by halves stays for its next attempt; a build ends with it.
    func run(_ frames: inout WireReader) throws {
        defer {
            for upload in uploads.values { upload.suspend() }
            build?.end()
        }
        while let frame = try frames.frame() { try answer(frame) }
    }

    private func answer(_ frame: WireFrame) throws {
        let number = frame.number
        do {
            try carryOut(try WireRequest(frame), number)
        } catch let failure as WireFailure {
            try send(.failed(failure), number)
        } catch let error as StoreError {
            try send(.failed(WireFailure(error)), number)
        }
    }

    private func carryOut(_ request: WireRequest, _ number: UInt32) throws {
        switch request {
        case .get(let name, let limit): try get(name, limit, number)
        case .read(let name, let offset, let length): try read(name, offset, length, number)
        case .info(let name):
            guard let info = try store.objects.info(name) else { return try send(.missing, number) }
            try send(.objects([info]), number)
            try send(.end(0), number)
        case .list(let kind):
            let objects = try store.objects.list(kind)
            for start in stride(from: 0, to: objects.count, by: 4096) {
                try send(.objects(Array(objects[start..<min(start + 4096, objects.count)])), number)
            }
            try send(.end(UInt64(objects.count)), number)
        case .begin: try begin(number, Upload(store.objects))
        case .resume(let name): try resume(name, number)
        case .append(let bytes): try append(bytes, number)
        case .commit(let name): try commit(name, number)
        case .cancel: uploads.removeValue(forKey: number)?.cancel()
        case .touch(let name, let time):
            try demand(.appendOnly)
            try send(try store.objects.touch(name, time) ? .end(1) : .missing, number)
        case .delete(let names):
            try demand(.full)
            try send(.end(UInt64(try store.objects.delete(names))), number)
        case .removeLeftovers(let dryRun):
            try demand(.full)
            try send(.end(UInt64(try store.objects.removeLeftovers(dryRun: dryRun))), number)
        case .lock(let wanted):
            lock = nil
            lock = try take(wanted, number)
            try send(.end(0), number)
        case .build(let order): try start(order, number)
        }
    }

    // MARK: Reading

    private func get(_ name: ObjectName, _ limit: UInt64, _ number: UInt32) throws {
        guard let info = try store.objects.info(name) else { return try send(.missing, number) }
        guard info.size.value <= limit else {
            throw WireFailure(
                code: .tooLarge, message: "\(name) in \(store.place) has \(info.size.value) bytes",
                subject: name.path)
        }
        try read(name, 0, info.size.value, number)
    }

    private func read(_ name: ObjectName, _ offset: UInt64, _ length: some BinaryInteger, _ number: UInt32)
        throws
    {
        let length = UInt64(length)
        var done: UInt64 = 0
        repeat {
            let wanted = Int(min(length - done, UInt64(WireFormat.longestData)))
            let (at, overflow) = offset.addingReportingOverflow(done)
            var got: Int? = 0
            let bytes = try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                if !overflow {
                    got = try store.objects.read(name, at: at, into: UnsafeMutableRawBufferPointer(buffer))
                }
                count = got ?? 0
            }
            guard let got else { return try send(.missing, number) }
            if got > 0 { try send(.data(bytes), number) }
            done += UInt64(got)
            if got < wanted { break }
        } while done < length
        try send(.end(done), number)
    }

    // MARK: Writing

    private func begin(_ number: UInt32, _ upload: @autoclosure () throws -> Upload) throws {
        try demand(.appendOnly)
        guard uploads[number] == nil, uploads.count < Self.mostUploads else {
            throw WireFailure(code: .misuse, message: "too many streams at once", subject: store.place)
        }
        uploads[number] = try upload()
    }

    private func resume(_ name: ObjectName, _ number: UInt32) throws {
        var length: UInt64 = 0
        try begin(
            number,
            {
                guard let stream = try store.objects.resumeStream(name) else { return Upload(store.objects) }
                length = stream.length
                return Upload(store.objects, resuming: stream)
            }())
        try send(.end(length), number)
    }

    private func append(_ bytes: [UInt8], _ number: UInt32) throws {
        // What was refused has been answered; the rest of it may still be under way.
        guard let upload = uploads[number] else { return }
        do { try upload.append(bytes) } catch {
            uploads.removeValue(forKey: number)?.cancel()
            throw error
        }
    }

    private func commit(_ name: ObjectName, _ number: UInt32) throws {
        guard let upload = uploads.removeValue(forKey: number) else {
            throw WireFailure(code: .misuse, message: "no stream of that number", subject: name.path)
        }
        defer { upload.cancel() }
        try upload.commit(as: name, in: store, replacing: options.access == .full)
        try send(.end(0), number)
    }

    // MARK: Building

    private func start(_ order: WireBuildOrder, _ number: UInt32) throws {
        try demand(.full)
        guard let builder = options.builder else {
            throw WireFailure(
                code: .forbidden, message: "\(store.place) is a store: nothing is built over this connection",
                subject: store.place)
        }
        guard build?.isRunning != true else {
            throw WireFailure(code: .misuse, message: "one build at a time", subject: store.place)
        }
        build = ServedBuild(builder, order, store, replies, number, pulse: options.pulse)
    }

    // MARK: Helpers

    private func demand(_ access: WireAccess) throws {
        guard options.access.rawValue >= access.rawValue else {
            let what = access == .full ? "deleted from" : "written to"
            throw WireFailure(
                code: .forbidden, message: "\(store.place) may not be \(what) over this connection",
                subject: store.place)
        }
    }

    private func take(_ wanted: WireRequest.Lock, _ number: UInt32) throws -> StoreLocks.Held? {
        var failure: (any Error)?
        let waiting = { [self] in
            do { try send(.waiting, number) } catch { failure = error }
        }
        let held: StoreLocks.Held?
        switch wanted {
        case .none: held = nil
        case .shared: held = try store.locks.shared(waiting)
        case .exclusive:
            try demand(.full)
            held = try store.locks.exclusive(waiting)
        }
        if let failure { throw failure }
        return held
    }

    private func send(_ reply: WireReply, _ number: UInt32) throws { try replies.send(reply, number) }
}
