import Foundation
import KCacheCore
import KCacheServer
import KCacheStore
import KCacheSystem
import Testing

/// The bytes in `docs/protocol.md`. If one of these tests fails, the protocol has changed: it needs a new version.
@Suite struct WireGoldenTests {
    /// What a server says to these bytes, which are followed by the end.
    private func answer(_ request: [UInt8], _ store: Store) throws -> [UInt8] {
        let (up, down) = (try ByteChannel.pipe("up"), try ByteChannel.pipe("down"))
        try up.writing.write(request)
        up.writing.close()
        try StoreServer(input: up.reading, output: down.writing) { _ in store }.run()
        down.writing.close()
        var bytes: [UInt8] = []
        while true {
            var part = [UInt8](repeating: 0, count: 4096)
            let n = try part.withUnsafeMutableBytes { try down.reading.read(into: $0) ?? 0 }
            if n == 0 { return bytes }
            bytes += part[..<n]
        }
    }

    /// The lines of the page's transcript that begin so, as bytes.
    private func lines(_ mark: String) throws -> [[UInt8]] {
        let page = try String(
            contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
                path: "../../docs/protocol.md"), encoding: .utf8)
        let part = try #require(page.components(separatedBy: "## A transcript").last)
        return part.split(separator: "\n").filter { $0.hasPrefix(mark + " ") }.map { line in
            let digits = Array(line.dropFirst().utf8.filter { $0 != 0x20 })
            return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
            }
        }
    }

    private var store: Store {
        get throws {
            let objects = MemoryObjects(clock: WallClock { 1_000_000_000 })
            try objects.put(.pack(Digest.of(Array("hello".utf8))), Array("hello".utf8))
            return Store(objects: objects)
        }
    }

    @Test func theTranscriptIsWhatIsSaid() throws {
        let (sent, said) = (try lines(">"), try lines("<"))
        #expect(sent.count == 4 && said.count == 7)
        #expect(try answer(sent.flatMap { $0 }, store) == said.flatMap { $0 })
    }

    @Test func requestsEncodeAsInTheTranscript() throws {
        let hello = ObjectName.pack(Digest.of(Array("hello".utf8)))
        let greeting = WireGreeting(createsStore: false, nonce: Array(0..<16))
        #expect(
            try lines(">") == [
                greeting.encode(), WireRequest.get(hello, limit: 100).frame(1),
                WireRequest.read(.snapshot(.zero), offset: 5, length: 10).frame(2),
                WireRequest.list(.packs).frame(3),
            ])
    }

    @Test func everyMessageReadsBack() throws {
        let name = ObjectName.index(Digest.of([1]))
        var requests: [WireRequest] = [
            .get(name, limit: 7), .read(name, offset: .max, length: .max), .info(.format), .list(.catalog),
            .begin,
            .append([1, 2, 3]), .commit(name), .cancel, .touch(name, -5), .delete([name, .format]),
            .removeLeftovers(dryRun: true), .lock(.exclusive), .resume(name),
        ]
        var order = WireBuildOrder(
            workspace: "0123456789abcdef", origin: "laptop:/tree", tree: Array("/tree".utf8),
            sources: SnapshotID(Digest.of([2])))
        requests.append(.build(order))
        (order.arguments, order.environment) = (["-j8", "W=1"], ["ARCH=arm64"])
        order.terminal = .init(columns: 300, rows: 20, type: "xterm")
        order.acceptsAnyToolchain = true
        requests.append(.build(order))
        for request in requests {
            let bytes = request.frame(77)
            #expect(try WireFrame.length(Array(bytes[..<4])) == bytes.count - 4)
            let frame = try WireFrame(Array(bytes[4...]))
            #expect(frame.number == 77)
            #expect(try WireRequest(frame) == request)
        }
        let replies: [WireReply] = [
            .data([9]), .objects([ObjectInfo(name: name, size: ByteCount(5), modified: -1)]), .end(.max),
            .missing,
            .failed(WireFailure(code: .tooLarge, message: "m", subject: "s")), .waiting,
            .said(.error, [1, 0]), .built(WireBuildResult(status: 2, snapshot: nil)),
            .built(WireBuildResult(status: 0, snapshot: SnapshotID(Digest.of([3])))),
        ]
        for reply in replies {
            #expect(try WireReply(try WireFrame(Array(reply.frame(1)[4...]))) == reply)
        }
    }

    /// The first store protocol that a client meets which is older than it, or newer.
    @Test(arguments: [(3, 9), (0, 0), (3, 2)]) func versionsThatDoNotMeet(_ oldest: UInt8, _ newest: UInt8)
        throws
    {
        var bytes = WireGreeting(createsStore: false, nonce: Array(0..<16)).encode()
        (bytes[4], bytes[5]) = (oldest, newest)
        if oldest == 0 || oldest > newest {
            #expect(throws: FormatError.self) { try answer(bytes, try store) }
        } else {
            let said = try answer(bytes, try store)
            let welcome = try WireWelcome(try WireFrame(Array(said[34...])))
            #expect(welcome.version == 0 && welcome.versions == 1...2)
        }
    }
}
