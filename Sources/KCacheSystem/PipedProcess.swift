import CKCacheLinux
import Glibc
import Synchronization
import SystemPackage

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
        guard let name = arguments.first else { throw SystemError("run", "nothing", .invalidArgument) }
        guard let program = ExecutableLookup.find(name, path: environment["PATH"] ?? "") else {
            throw SystemError("run", name, .noSuchFileOrDirectory)
        }
        let down = try ByteChannel.pipe(name)
        let up = try ByteChannel.pipe(name)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        up.reading.duplicate(to: 0, &actions)
        down.writing.duplicate(to: 1, &actions)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in argv + envp { free(pointer) }
        }
        var pid: pid_t = 0
        let failed = program.withPlatformString { posix_spawn(&pid, $0, &actions, nil, &argv, &envp) }
        guard failed == 0 else { throw SystemError("run", name, Errno(rawValue: failed)) }
        (self.pid, output, input) = (pid, down.reading, up.writing)
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
        for pause in 0... {
            var status: Int32 = 0
            let result = waitpid(pid, &status, WNOHANG)
            if result > 0 {
                let signal = status & 0x7f
                return signal == 0 ? (status >> 8) & 0xff : 128 + signal
            }
            if result < 0, kcache_errno() != EINTR { return 0 }
            // First short ones: most have ended already.
            let time = min(Int64(1 + pause) * 1_000_000, 20_000_000)
            if Double(pause) * 0.02 > seconds { return nil }
            WallClock.sleep(time)
        }
        return nil
    }
}

extension ByteChannel {
    fileprivate func duplicate(to target: Int32, _ actions: inout posix_spawn_file_actions_t) {
        posix_spawn_file_actions_adddup2(&actions, fd, target)
    }
}
