import Foundation
import KCacheCore
import KCacheStore
import KCacheSystem
import Testing

@testable import KCacheRemote

/// A far end that says what no server says.
@Suite struct LyingServerTests {
    private let name = ObjectName.pack(Digest.of([1]))

    /// A connection to somebody who answers each request with these frames, whatever it was.
    private func objects(
        greeting: [UInt8]? = nil, welcome: WireWelcome? = nil,
        _ answer: @escaping @Sendable (WireFrame) -> [[UInt8]]
    ) throws -> WireObjects {
        let (up, down) = (try ByteChannel.pipe("up"), try ByteChannel.pipe("down"))
        Thread.detachNewThread {
            defer { down.writing.close() }
            do {
                let first = try Self.bytes(up.reading, WireGreeting.length)
                let nonce = try WireGreeting.decode(first).nonce
                let hello =
                    welcome
                    ?? WireWelcome(version: 1, versions: 1...1, access: .full, place: "p", program: "x")
                try down.writing.write(greeting ?? WireFormat.serverMagic + nonce + hello.frame())
                while true {
                    let length = try WireFrame.length(try Self.bytes(up.reading, 4))
                    for part in answer(try WireFrame(try Self.bytes(up.reading, length))) {
                        try down.writing.write(part)
                    }
                }
            } catch {}
        }
        var options = WireConnection.Options()
        options.patience = 5
        return WireObjects(
            try WireConnection(input: down.reading, output: up.writing, place: "far", options: options))
    }

    private static func bytes(_ channel: ByteChannel, _ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let n = try part.withUnsafeMutableBytes { try channel.read(into: $0) ?? 0 }
            guard n > 0 else { throw FormatError("test", "end") }
            bytes += part[..<n]
        }
        return bytes
    }

    private func error(_ body: () throws -> Void) -> String {
        do { try body() } catch let error as StoreError {
            let text = "\(error)"
            #expect(!text.contains("\n"))
            return text
        } catch { return "another error: \(error)" }
        return "none"
    }

    @Test func moreThanWasAskedFor() throws {
        let objects = try objects { frame in
            (0..<5).map { _ in WireReply.data([UInt8](repeating: 1, count: 1000)).frame(frame.number) }
        }
        #expect(error { _ = try objects.get(name, limit: 2500) }.contains("more bytes than were asked for"))
    }

    @Test func aSizeThatIsNotThatOfTheBytes() throws {
        let objects = try objects { frame in
            [WireReply.data([1, 2, 3]).frame(frame.number), WireReply.end(100).frame(frame.number)]
        }
        #expect(error { _ = try objects.get(name, limit: 100) }.contains("3 bytes"))
    }

    @Test func anotherObject() throws {
        let other = ObjectInfo(name: .pack(Digest.of([2])), size: ByteCount(5), modified: 0)
        let objects = try objects { frame in
            [WireReply.objects([other]).frame(frame.number), WireReply.end(0).frame(frame.number)]
        }
        #expect(error { _ = try objects.info(name) }.contains("another object"))
        #expect(try objects.list(.catalog).isEmpty)
    }

    @Test func anOversizedFrame() throws {
        let objects = try objects { _ in [[0xff, 0xff, 0xff, 0x7f]] }
        #expect(error { _ = try objects.get(name, limit: 100) }.contains("a length of"))
    }

    @Test func aFrameThatIsNone() throws {
        let objects = try objects { _ in [WireFrame.bytes(200, 1, [1, 2, 3])] }
        #expect(error { _ = try objects.get(name, limit: 100) }.contains("unknown kind"))
    }

    @Test func aFloodOfObjects() throws {
        let many = (0..<4096).map {
            ObjectInfo(
                name: .pack(Digest.of(["\($0)".utf8.count].map { UInt8($0) })), size: .zero, modified: 0)
        }
        let objects = try objects { frame in
            let part = WireReply.objects(many).frame(frame.number)
            return [[UInt8]](repeating: part, count: 400)
        }
        #expect(error { _ = try objects.list(.packs) }.contains("more objects"))
    }

    @Test func aFloodOfAnswersToNobody() throws {
        let objects = try objects { _ in
            let part = WireReply.end(0).frame(999_999)
            return [[UInt8]](repeating: part, count: 100_000)
        }
        #expect(error { _ = try objects.get(name, limit: 10) }.contains("nobody asked"))
    }

    /// Replies that bring nothing could come for ever.
    @Test func answersWithNothingInThem() throws {
        for nothing in [WireReply.data([]), .objects([])] {
            let objects = try objects { frame in
                [[UInt8]](repeating: nothing.frame(frame.number), count: 20) + [
                    WireReply.end(0).frame(frame.number)
                ]
            }
            #expect(error { _ = try objects.get(name, limit: 10) }.contains("nothing"), "\(nothing)")
        }
    }

    /// Only who has asked for a lock waits for one.
    @Test func aLockThatNobodyAskedFor() throws {
        let objects = try objects { frame in [WireReply.waiting.frame(frame.number)] }
        #expect(error { _ = try objects.get(name, limit: 10) }.contains("lock"))
    }

    /// Only who has a build made hears of it, and that is all that it hears.
    @Test func aBuildThatNobodyAskedFor() throws {
        let built = WireReply.built(WireBuildResult(status: 0, snapshot: nil))
        for reply in [WireReply.said(.output, Array("hello".utf8)), built] {
            let objects = try objects { frame in [reply.frame(frame.number)] }
            #expect(error { _ = try objects.get(name, limit: 10) }.contains("build that nobody asked for"))
        }
    }

    @Test func aBuildThatEndsInSomethingElse() throws {
        let welcome = WireWelcome(version: 2, versions: 1...2, access: .full, place: "p", program: "x")
        let replies = [
            (WireReply.end(0), "does not say how the build has ended"),
            (.missing, "does not say how the build has ended"),
            (.data([1]), "more bytes than were asked for"),
        ]
        for (reply, text) in replies {
            let objects = try objects(welcome: welcome) { frame in
                [WireReply.said(.output, [1]).frame(frame.number), reply.frame(frame.number)]
            }
            let order = WireBuildOrder(
                workspace: "0123456789abcdef", origin: "here", tree: Array("/t".utf8),
                sources: SnapshotID(Digest.of([1])))
            let answer = error { _ = try objects.build(order) { _, _ in } }
            #expect(answer.contains(text), "\(reply): \(answer)")
        }
    }

    @Test func wordsOfAShellComeFirst() throws {
        let (up, down) = (try ByteChannel.pipe("up"), try ByteChannel.pipe("down"))
        Thread.detachNewThread {
            do {
                try down.writing.write(Array("Welcome to desk!\nLast login: kcache serve\n\u{0}noise".utf8))
                let first = try Self.bytes(up.reading, WireGreeting.length)
                let hello = WireWelcome(version: 1, versions: 1...1, access: .full, place: "p", program: "x")
                try down.writing.write(
                    WireFormat.serverMagic + (try WireGreeting.decode(first).nonce) + hello.frame())
                let length = try WireFrame.length(try Self.bytes(up.reading, 4))
                let frame = try WireFrame(try Self.bytes(up.reading, length))
                try down.writing.write(WireReply.missing.frame(frame.number))
            } catch {}
        }
        let connection = try WireConnection(input: down.reading, output: up.writing, place: "far")
        #expect(try WireObjects(connection).get(name, limit: 10) == nil)
    }

    @Test(arguments: [
        ("This account is currently not available.\n", "This account is currently not available."),
        (String(repeating: "yes\n", count: 40_000), "does not speak kcache's protocol"),
    ])
    func noServerAtAll(_ text: String, _ said: String) throws {
        let (up, down) = (try ByteChannel.pipe("up"), try ByteChannel.pipe("down"))
        Thread.detachNewThread {
            do { try down.writing.write(Array(text.utf8)) } catch {}
            down.writing.close()
        }
        #expect(
            error { _ = try WireConnection(input: down.reading, output: up.writing, place: "far") }.contains(
                said))
    }

    @Test func anotherVersion() throws {
        let theirs = WireWelcome(version: 0, versions: 7...9, access: .full, place: "p", program: "kcache 9")
        let text = error { _ = try objects(welcome: theirs) { _ in [] } }
        #expect(text.contains("7 to 9") && text.contains("update the older"))
    }
}
