import Dispatch
import KCacheCore
import KCacheServer
import KCacheSystem
import Synchronization
import Testing

@testable import KCacheStore

/// Builds that a server runs for its client.
@Suite struct ServedBuildTests {
    /// Says nothing until it is told to end.
    private final class SilentBuilder: BuildService {
        let end = DispatchSemaphore(value: 0)

        func build(_ order: WireBuildOrder, in store: Store, _ talk: BuildTalk) -> WireBuildResult {
            _ = end.wait(timeout: .now() + .seconds(30))
            return WireBuildResult(status: 7, snapshot: nil)
        }
    }

    /// A client gives up what is silent: while files are written, another build is waited for or the result is pushed,
    /// too.
    @Test func aSilentBuildIsNoLostConnection() throws {
        let up = try ByteChannel.pipe("the way there")
        let down = try ByteChannel.pipe("the way back")
        let builder = SilentBuilder()
        DispatchQueue(label: "server").async {
            var options = StoreServer.Options()
            options.builder = builder
            options.pulse = .milliseconds(10)
            let store = Store(objects: MemoryObjects())
            let server = StoreServer(input: up.reading, output: down.writing, options: options) { _ in store }
            do { try server.run() } catch {}
        }
        let nonce = [UInt8](repeating: 3, count: WireFormat.nonceLength)
        try up.writing.write(WireGreeting(createsStore: false, nonce: nonce).encode())
        let order = WireBuildOrder(
            workspace: "0123456789abcdef", origin: "here:/t", tree: Array("/t".utf8),
            sources: SnapshotID(Digest.of([1])))
        try up.writing.write(WireRequest.build(order).frame(1))
        var reader = WireReader(down.reading)
        guard case .found = try reader.frame(behind: WireFormat.serverMagic + nonce, limit: 1 << 10) else {
            Issue.record("no welcome")
            return
        }
        var waited = 0
        while let frame = try reader.frame() {
            switch try WireReply(frame) {
            case .waiting:
                waited += 1
                builder.end.signal()
                continue
            case .built(let result): #expect(result.status == 7)
            case let other: Issue.record("\(other)")
            }
            break
        }
        #expect(waited > 0)
        up.writing.close()
    }
}
