import KCacheStore
import KCacheSystem
import Synchronization

/// Writes replies to the client, one whole frame after another, from any thread.
final class ReplyWriter: Sendable {
    private let output: ByteChannel
    private let writing = Mutex(())

    init(_ output: ByteChannel) { self.output = output }

    /// - Throws: `SystemError` if the client is gone.
    func send(_ reply: WireReply, _ number: UInt32) throws(SystemError) {
        let bytes = reply.frame(number)
        let failure = writing.withLock { _ -> SystemError? in
            do throws(SystemError) { try output.write(bytes) } catch { return error }
            return nil
        }
        if let failure { throw failure }
    }
}
