import CKCacheLinux
import Glibc
import SystemPackage

/// One start of a program by posix_spawn(3), and the wait for its end.
package struct Spawning {
    /// The first is looked up in the environment's PATH.
    var arguments: [String]
    var environment: [String: String]
    /// Its working directory; nil: this process's.
    var directory: FilePath?
    /// Descriptors of this process by the number that each has in the program. Those that are not named are
    /// inherited, unless they close on exec.
    var descriptors: [Int32: Int32] = [:]
    /// Numbers that lead to and from /dev/null.
    var discarded: [Int32] = []
    /// Makes it the leader of a process group, so that the whole of it can be signalled.
    var ownGroup = false

    init(_ arguments: [String], environment: [String: String], directory: FilePath? = nil) {
        (self.arguments, self.environment, self.directory) = (arguments, environment, directory)
    }

    /// - Throws: ENOENT if there is no such program.
    func start() throws(SystemError) -> pid_t {
        guard let name = arguments.first else { throw SystemError("run", "nothing", .invalidArgument) }
        guard let program = ExecutableLookup.find(name, path: environment["PATH"] ?? "", from: directory)
        else { throw SystemError("run", name, .noSuchFileOrDirectory) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (place, source) in descriptors.sorted(by: { $0.key < $1.key }) {
            posix_spawn_file_actions_adddup2(&actions, source, place)
        }
        for place in discarded { posix_spawn_file_actions_addopen(&actions, place, "/dev/null", O_RDWR, 0) }
        if let directory {
            _ = directory.withPlatformString { kcache_spawn_add_chdir(&actions, $0) }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        if ownGroup { posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP)) }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in argv + envp { free(pointer) }
        }
        var pid: pid_t = 0
        let failed = program.withPlatformString { posix_spawn(&pid, $0, &actions, &attributes, &argv, &envp) }
        guard failed == 0 else { throw SystemError("run", name, Errno(rawValue: failed)) }
        return pid
    }

    /// Starts a program that goes on by itself, without input and output.
    package static func startApart(_ arguments: [String], environment: [String: String]) throws(SystemError) {
        var spawning = Spawning(arguments, environment: environment, directory: "/")
        spawning.discarded = [0, 1, 2]
        spawning.ownGroup = true
        _ = try spawning.start()
    }

    // MARK: The end

    /// Waits for the end; the exit status, 128 + n where signal n ended it.
    static func wait(_ pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            // Somebody else has waited for it.
            if kcache_errno() != EINTR { return lost }
        }
        return code(status)
    }

    /// The same, but nil if it has not ended in so many nanoseconds; 0 only looks.
    static func wait(_ pid: pid_t, nanoseconds: Int64) -> Int32? {
        let start = SteadyClock.now()
        // Short pauses first: most have ended already.
        var pause: Int64 = 100_000
        while true {
            var status: Int32 = 0
            let ended = waitpid(pid, &status, WNOHANG)
            if ended == pid { return code(status) }
            if ended < 0, kcache_errno() != EINTR { return lost }
            let left = nanoseconds - (SteadyClock.now() - start)
            guard left > 0 else { return nil }
            WallClock.sleep(min(pause, left))
            pause = min(pause * 2, 20_000_000)
        }
    }

    private static let lost: Int32 = 127

    private static func code(_ status: Int32) -> Int32 {
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}
