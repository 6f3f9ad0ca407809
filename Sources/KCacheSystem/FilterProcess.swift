import CKCacheLinux
import Glibc
import SystemPackage

/// Runs bytes through a program, from its standard input to its standard output.
///
/// The program sees no file: its directory is `/`, its standard error `/dev/null`.
package enum FilterProcess {
    /// What came out; nil if there is no such program, it fails, prints more than `limit` bytes, or has not ended
    /// after `seconds`: it is killed then, with what it has started.
    package static func run(
        _ arguments: [String], environment: [String: String], input: [UInt8], limit: Int, seconds: Int
    ) throws(SystemError) -> [UInt8]? {
        guard let name = arguments.first,
            let program = ExecutableLookup.find(name, path: environment["PATH"] ?? "")
        else { return nil }
        let memory = kcache_memory_file()
        guard memory >= 0 else {
            throw SystemError("make a file in memory for", name, Errno(rawValue: -memory))
        }
        let stdin = Descriptor(fd: memory, subject: "the input of \(name)")
        try stdin.write(input)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw SystemError("make a pipe for", name, Errno(rawValue: kcache_errno()))
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let stdout = Descriptor(fd: ends[0], subject: "the output of \(name)")
        let writing = Descriptor(fd: ends[1], subject: "the output of \(name)")
        let pid = try spawn(program, arguments, environment, stdin.fd, writing)
        let deadline = now() + Int64(seconds) * 1000
        let output = drain(stdout.fd, limit, deadline)
        let status = output == nil ? nil : wait(pid, deadline)
        guard let output, let status else {
            _ = kill(-pid, SIGKILL)
            var ignored: Int32 = 0
            while waitpid(pid, &ignored, 0) < 0, kcache_errno() == EINTR {}
            return nil
        }
        return status == 0 ? output : nil
    }

    private static func spawn(
        _ program: FilePath, _ arguments: [String], _ environment: [String: String], _ input: Int32,
        _ output: consuming Descriptor
    ) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output.fd, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        _ = kcache_spawn_add_chdir(&actions, "/")
        // A group of its own, so that the whole of it can be killed.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in argv + envp { free(pointer) }
        }
        var pid: pid_t = 0
        let failed = program.withPlatformString { posix_spawn(&pid, $0, &actions, &attributes, &argv, &envp) }
        guard failed == 0 else { throw SystemError("run", program.string, Errno(rawValue: failed)) }
        return pid
    }

    private static func drain(_ fd: Int32, _ limit: Int, _ deadline: Int64) -> [UInt8]? {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let left = deadline - now()
            guard left > 0 else { return nil }
            var poll = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            let ready = Glibc.poll(&poll, 1, Int32(min(left, 60_000)))
            if ready == 0 || (ready < 0 && kcache_errno() == EINTR) { continue }
            guard ready > 0 else { return nil }
            let n = read(fd, &buffer, buffer.count)
            if n < 0, kcache_errno() == EINTR { continue }
            guard n >= 0 else { return nil }
            if n == 0 { return output }
            output += buffer[..<n]
            guard output.count <= limit else { return nil }
        }
    }

    /// The exit status, 128 + n for signal n; nil if it has not ended by then.
    private static func wait(_ pid: pid_t, _ deadline: Int64) -> Int32? {
        var pause: Int64 = 100_000
        while true {
            var status: Int32 = 0
            let ended = waitpid(pid, &status, WNOHANG)
            if ended == pid {
                let signal = status & 0x7f
                return signal == 0 ? (status >> 8) & 0xff : 128 + signal
            }
            if ended < 0, kcache_errno() != EINTR { return 127 }
            guard now() < deadline else { return nil }
            WallClock.sleep(pause)
            pause = min(pause * 2, 20_000_000)
        }
    }

    /// Milliseconds that no change of the clock touches.
    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
