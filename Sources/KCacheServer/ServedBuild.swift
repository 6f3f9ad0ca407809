import Dispatch
import KCacheStore
import Synchronization

/// A build under way for a client.
final class ServedBuild: Sendable {
    private let talk: BuildTalk
    private let done = DispatchGroup()
    private let running = Atomic<Bool>(true)

    init(
        _ builder: any BuildService, _ order: WireBuildOrder, _ store: Store, _ replies: ReplyWriter,
        _ number: UInt32
    ) {
        talk = BuildTalk { try replies.send($0, number) }
        done.enter()
        DispatchQueue(label: "kcache.build").async { [self] in
            defer {
                running.store(false, ordering: .releasing)
                done.leave()
            }
            let reply: WireReply
            do { reply = .built(try builder.build(order, in: store, talk)) } catch {
                reply = .failed(WireFailure(any: error))
            }
            // A client that is gone needs no answer.
            do { try replies.send(reply, number) } catch _ {}
        }
    }

    var isRunning: Bool { running.load(ordering: .acquiring) }

    /// Ends it, since the client has gone, and waits for that.
    func end() {
        talk.cut()
        done.wait()
    }
}
