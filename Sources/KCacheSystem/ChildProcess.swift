import CKCacheLinux
import Glibc
package import SystemPackage

/// What a child left behind. A non-zero status is data, not an error.
package struct ProcessResult: Sendable {
    /// Exit status; 128 + n where signal n ended it.
    package let status: Int32
    package let output: [UInt8]

    package init(status: Int32, output: [UInt8]) { (self.status, self.output) = (status, output) }

    package var text: String { String(decoding: output, as: UTF8.self) }
}

/// Runs programs, passed in so that tests can record and answer the calls.
package struct ProcessRunner: Sendable {
    package typealias Body =
        @Sendable (_ arguments: [String], _ environment: [String: String], _ directory: FilePath?)
        throws(SystemError)
        -> ProcessResult

    private let body: Body

    package init(_ body: @escaping Body) { self.body = body }

    /// Runs `arguments[0]`, looked up in the environment's PATH, with standard input and error at /dev/null,
    /// and waits for it.
    ///
    /// - Throws: ENOENT if there is no such program.
    package func run(_ arguments: [String], environment: [String: String], directory: FilePath? = nil)
        throws(SystemError) -> ProcessResult
    { try body(arguments, environment, directory) }

    package static let system = ProcessRunner { (arguments, environment, directory) throws(SystemError) in
        try ChildProcess.capture(arguments, environment: environment, directory: directory)
    }
}

/// posix_spawn and wait.
enum ChildProcess {
    static func capture(_ arguments: [String], environment: [String: String], directory: FilePath?)
        throws(SystemError) -> ProcessResult
    {
        guard let name = arguments.first else { throw SystemError("run", "nothing", .invalidArgument) }
        guard let program = ExecutableLookup.find(name, path: environment["PATH"] ?? "", from: directory)
        else {
            throw SystemError("run", name, .noSuchFileOrDirectory)
        }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw SystemError("make a pipe for", name, Errno(rawValue: kcache_errno()))
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        if let directory {
            _ = directory.withPlatformString { kcache_spawn_add_chdir(&actions, $0) }
        }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in argv + envp { free(pointer) }
        }
        var pid: pid_t = 0
        let failed = program.withPlatformString { posix_spawn(&pid, $0, &actions, nil, &argv, &envp) }
        _ = close(ends[1])
        guard failed == 0 else {
            _ = close(ends[0])
            throw SystemError("run", name, Errno(rawValue: failed))
        }
        let output = drain(ends[0])
        _ = close(ends[0])
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, kcache_errno() == EINTR {}
        let signal = status & 0x7f
        return ProcessResult(status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, output: output)
    }

    private static func drain(_ fd: Int32) -> [UInt8] {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = read(fd, &buffer, buffer.count)
            if n < 0, kcache_errno() == EINTR { continue }
            if n <= 0 { return output }
            output += buffer[..<n]
        }
    }
}

/// Finds programs as a shell does.
package enum ExecutableLookup {
    /// The file that `name` would run; nil if there is none. A name with a slash is taken as it is.
    package static func find(_ name: String, path: String, from directory: FilePath? = nil) -> FilePath? {
        if name.contains("/") {
            let file = FilePath(name)
            let full = file.isAbsolute ? file : directory.map { $0.appending(name) } ?? file
            return isProgram(full) ? full : nil
        }
        guard !name.isEmpty else { return nil }
        for folder in path.split(separator: ":") {
            let candidate = FilePath(String(folder)).appending(name)
            if isProgram(candidate) { return candidate }
        }
        return nil
    }

    private static func isProgram(_ path: FilePath) -> Bool {
        path.withPlatformString {
            var st = stat()
            return access($0, X_OK) == 0 && stat($0, &st) == 0 && st.st_mode & S_IFMT == S_IFREG
        }
    }
}
