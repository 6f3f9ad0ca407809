import Glibc
import Synchronization

/// A child whose standard input and output are pipes of this process; its standard error is ours.
package final class PipedProcess: Sendable {
    /// What the child writes.
    package let output: ByteChannel
    /// What the child reads.
    package let input: ByteChannel
    private let pid: pid_t
    private let status = Mutex<Int32?>(nil)

    /// Starts `arguments[0]`, looked up in the environment's PATH.
    ///
    /// - Throws: ENOENT if there is no such program.
    package init(_ arguments: [String], environment: [String: String]) throws(SystemError) {
        let down = try ByteChannel.pipe(arguments.first ?? "")
        let up = try ByteChannel.pipe(arguments.first ?? "")
        var spawning = Spawning(arguments, environment: environment)
        spawning.descriptors = [0: up.reading.fd, 1: down.writing.fd]
        (pid, output, input) = (try spawning.start(), down.reading, up.writing)
    }

    deinit { _ = end(within: 5) }

    /// Closes the child's input and waits for its end; ends it by SIGTERM, then by SIGKILL, if it does not end by
    /// itself in so many seconds.
    ///
    /// Returns the exit status, 128 + n where signal n ended it. While nobody writes to `input`. May be repeated.
    package func end(within seconds: Double) -> Int32 {
        input.close()
        return status.withLock { known in
            let status = known ?? wait(seconds) ?? stop(SIGTERM) ?? stop(SIGKILL) ?? 128 + SIGKILL
            known = status
            return status
        }
    }

    private func stop(_ signal: Int32) -> Int32? {
        kill(pid, signal)
        return wait(2)
    }

    private func wait(_ seconds: Double) -> Int32? {
        Spawning.wait(pid, nanoseconds: Int64(seconds * 1e9))
    }
}
