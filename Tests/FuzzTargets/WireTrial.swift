import Dispatch
import KCacheCore
import KCacheRemote
import KCacheServer
import KCacheStore
import KCacheSystem

/// Both ends of the store protocol, given what nobody sends.
enum WireTrial {
    /// As much as a pipe takes at once.
    private static let longest = 32 << 10

    static func request(_ bytes: [UInt8]) {
        guard let frame = frame(bytes) else { return }
        guard let request = attempt({ try WireRequest(frame) }) else { return }
        guard let again = self.frame(request.frame(frame.number)) else { return check(false) }
        check(attempt { try WireRequest(again) } == request)
    }

    static func reply(_ bytes: [UInt8]) {
        if bytes.count == WireGreeting.length { _ = attempt { try WireGreeting.decode(bytes) } }
        guard let frame = frame(bytes) else { return }
        _ = attempt { try WireWelcome(frame) }
        guard let reply = attempt({ try WireReply(frame) }) else { return }
        guard let again = self.frame(reply.frame(frame.number)) else { return check(false) }
        check(attempt { try WireReply(again) } == reply)
    }

    /// A server hears a greeting, then these bytes, then the end. Whatever it puts in place is what its name says.
    static func server(_ bytes: [UInt8]) {
        guard bytes.count <= longest else { return }
        let store = Store(objects: MemoryObjects())
        do {
            try store.objects.put(.pack(Digest.of([1])), [1])
            let up = try ByteChannel.pipe("up")
            let down = try ByteChannel.pipe("down")
            let heard = DispatchGroup()
            DispatchQueue.global().async(group: heard) { drain(down.reading) }
            try up.writing.write(WireGreeting(createsStore: false, nonce: Array(0..<16)).encode() + bytes)
            up.writing.close()
            var options = StoreServer.Options()
            options.builder = Builder()
            do {
                try StoreServer(input: up.reading, output: down.writing, options: options) { _ in store }
                    .run()
            } catch {}
            down.writing.close()
            heard.wait()
            for info in try store.objects.list(.packs) {
                guard let content = try store.objects.get(info.name, limit: .max) else { continue }
                check(info.name.digest == Digest.of(content))
            }
        } catch { check(false) }
    }

    /// A client has greeted, and gets these bytes behind the mark, then the end.
    static func client(_ bytes: [UInt8]) {
        guard bytes.count <= longest else { return }
        do {
            let up = try ByteChannel.pipe("up")
            let down = try ByteChannel.pipe("down")
            let server = DispatchGroup()
            DispatchQueue.global().async(group: server) {
                do {
                    let greeting = try read(up.reading, WireGreeting.length)
                    try down.writing.write(
                        WireFormat.serverMagic + greeting.suffix(WireFormat.nonceLength) + bytes)
                } catch {}
                down.writing.close()
                drain(up.reading)
            }
            do {
                let objects = WireObjects(
                    try WireConnection(input: down.reading, output: up.writing, place: "far"))
                // What comes next answers the first request; a build is the first for half of the inputs.
                if bytes.count.isMultiple(of: 2) { _ = try objects.build(order) { _, _ in } }
                _ = try objects.list(.packs)
                if let got = try objects.get(.pack(Digest.of([1])), limit: 100) { check(got.count <= 100) }
            } catch {}
            up.writing.close()
            server.wait()
        } catch { check(false) }
    }

    /// Says all that it hears.
    private struct Builder: BuildService {
        func build(_ order: WireBuildOrder, in store: Store, _ talk: BuildTalk) throws -> WireBuildResult {
            check(WireBuildOrder.isWorkspace(order.workspace) && order.tree.first == UInt8(ascii: "/"))
            check((order.arguments + order.environment).allSatisfy { !$0.utf8.contains(0) })
            for word in order.arguments + order.environment { try talk.say(.output, Array(word.utf8)) }
            return WireBuildResult(status: 0, snapshot: order.sources)
        }
    }

    private static let order: WireBuildOrder = {
        var order = WireBuildOrder(
            workspace: "0123456789abcdef", origin: "here", tree: Array("/t".utf8),
            sources: SnapshotID(Digest.of([1])))
        (order.arguments, order.environment) = (["-j2", "V=1"], ["KBUILD_BUILD_USER=u"])
        order.terminal = .init(columns: 80, rows: 24, type: "xterm")
        return order
    }()

    // MARK: Helpers

    private static func frame(_ bytes: [UInt8]) -> WireFrame? {
        guard bytes.count >= 4 else { return nil }
        return attempt {
            let length = try WireFrame.length(Array(bytes[..<4]))
            guard length <= bytes.count - 4 else { throw FormatError("frame", "cut short") }
            return try WireFrame(Array(bytes[4..<4 + length]))
        }
    }

    private static func drain(_ channel: ByteChannel) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while let n = try? buffer.withUnsafeMutableBytes({ try channel.read(into: $0) ?? 0 }), n > 0 {}
    }

    private static func read(_ channel: ByteChannel, _ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let n = try part.withUnsafeMutableBytes { try channel.read(into: $0) ?? 0 }
            if n == 0 { break }
            bytes += part[..<n]
        }
        return bytes
    }

    static let requests: [[UInt8]] = [
        WireRequest.get(.pack(Digest.of([1])), limit: 10).frame(1),
        WireRequest.read(.pack(Digest.of([1])), offset: 0, length: 5).frame(2),
        WireRequest.list(.packs).frame(3),
        WireRequest.begin.frame(4) + WireRequest.append([7, 7]).frame(4)
            + WireRequest.commit(.pack(Digest.of([7, 7]))).frame(4),
        WireRequest.resume(.pack(Digest.of([8]))).frame(5) + WireRequest.cancel.frame(5),
        WireRequest.delete([.pack(Digest.of([1])), .format]).frame(6), WireRequest.touch(.format, 5).frame(7),
        WireRequest.lock(.shared).frame(8) + WireRequest.removeLeftovers(dryRun: true).frame(9),
        WireRequest.commit(.catalog(.zero)).frame(4), WireRequest.info(.index(.zero)).frame(10),
        WireRequest.build(order).frame(11),
    ]

    static let replies: [[UInt8]] = [
        WireWelcome(version: 1, versions: 1...1, access: .full, place: "p", program: "k").frame()
            + WireReply.objects([ObjectInfo(name: .pack(.zero), size: ByteCount(4), modified: 3)]).frame(1)
            + WireReply.end(1).frame(1) + WireReply.data([1, 2]).frame(2) + WireReply.end(2).frame(2),
        WireReply.data([1, 2, 3]).frame(1) + WireReply.end(3).frame(1), WireReply.missing.frame(1),
        WireReply.failed(WireFailure(code: .system, message: "full", subject: "s")).frame(0),
        WireReply.waiting.frame(1),
        WireWelcome(version: 2, versions: 1...2, access: .full, place: "p", program: "k").frame()
            + WireReply.said(.output, [65, 10]).frame(1) + WireReply.waiting.frame(1)
            + WireReply.built(WireBuildResult(status: 0, snapshot: SnapshotID(.zero))).frame(1),
        WireReply.built(WireBuildResult(status: 2, snapshot: nil)).frame(1),
    ]
}
