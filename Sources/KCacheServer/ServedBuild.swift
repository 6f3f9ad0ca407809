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
        _ number: UInt32, pulse: Duration
    ) {
        talk = BuildTalk { try replies.send($0, number) }
        done.enter()
        DispatchQueue(label: "kcache.build").async { [self] in
            defer {
                running.store(false, ordering: .releasing)
                done.leave()
            }
            let queue = DispatchQueue(label: "kcache.build.pulse")
            let timer = Self.timer(pulse, queue) {
                do { try replies.send(.waiting, number) } catch _ {}
            }
            let reply: WireReply
            do { reply = .built(try builder.build(order, in: store, talk)) } catch {
                reply = .failed(WireFailure(any: error))
            }
            timer.cancel()
            // The answer is the last that is said.
            queue.sync {}
            // A client that is gone needs no answer.
            do { try replies.send(reply, number) } catch _ {}
        }
    }

    /// Whatever the build is at (the files that are written, another build that is waited for, the push), silence would
    /// be taken for a lost connection.
    private static func timer(
        _ pulse: Duration, _ queue: DispatchQueue, _ body: @escaping @Sendable () -> Void
    )
        -> any DispatchSourceTimer
    {
        let timer = DispatchSource.makeTimerSource(queue: queue)
        let (seconds, attoseconds) = pulse.components
        let interval = DispatchTimeInterval.nanoseconds(
            Int(clamping: seconds * 1_000_000_000 + attoseconds / 1_000_000_000))
        timer.schedule(deadline: .now() + interval, repeating: interval)
        timer.setEventHandler(handler: body)
        timer.resume()
        return timer
    }

    var isRunning: Bool { running.load(ordering: .acquiring) }

    /// Ends it, since the client has gone, and waits for that.
    func end() {
        talk.cut()
        done.wait()
    }
}
