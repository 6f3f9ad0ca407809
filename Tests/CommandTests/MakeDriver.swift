import Foundation
import Glibc
import TestKernel

/// Ways to start a make: the real one, and the built `kcache` in its place.
enum MakeKind: String, CaseIterable, CustomStringConvertible {
    case plain, command, link

    var description: String { rawValue }

    /// The words in front of make's own arguments.
    func words(_ driver: MakeDriver) -> [String] {
        switch self {
        case .plain: driver.wrapper + ["make"]
        case .command: driver.wrapper + [driver.program, "make"] + driver.options
        case .link: [driver.links.appending(path: "make").path]
        }
    }
}

/// Runs makes with an environment of its own, and tells apart how they end.
struct MakeDriver {
    /// Options of `kcache make` itself.
    var options: [String] = []
    /// Put before the program: `setpriv …`.
    var wrapper: [String] = []
    var program = Program.path
    var environment: [String: String]
    /// A folder with a link named make.
    let links: URL
    private let folder: URL

    init(in folder: URL) throws {
        self.folder = folder
        links = folder.appending(path: "links")
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        environment = [
            "PATH": path, "HOME": folder.path, "XDG_CACHE_HOME": folder.appending(path: "xdg").path,
            "LC_ALL": "C",
        ]
        try FileManager.default.createDirectory(at: links, withIntermediateDirectories: true)
        let link = links.appending(path: "make")
        if !FileManager.default.fileExists(atPath: link.path) {
            try FileManager.default.createSymbolicLink(
                at: link, withDestinationURL: URL(fileURLWithPath: Program.path))
        }
    }

    struct Result {
        /// As waitpid has it: `signal` is 0 after an exit.
        let status: Int32
        let signal: Int32
        let output: String
        let error: String

        var log: String { output + error }
    }

    /// A make that runs, as the leader of a process group of its own.
    final class Running {
        let pid: pid_t
        fileprivate let output: URL
        fileprivate let error: URL

        fileprivate init(pid: pid_t, output: URL, error: URL) {
            (self.pid, self.output, self.error) = (pid, output, error)
        }

        /// Waits for its end; more than so many seconds are a failure, and it is killed.
        func wait(seconds: Int = 120) -> Result {
            var status: Int32 = 0
            for _ in 0..<(seconds * 100) {
                if waitpid(pid, &status, WNOHANG) == pid {
                    let signal = status & 0x7f
                    return Result(
                        status: (status >> 8) & 0xff, signal: signal, output: text(output), error: text(error)
                    )
                }
                usleep(10_000)
            }
            _ = Glibc.kill(-pid, SIGKILL)
            _ = waitpid(pid, &status, 0)
            return Result(status: -1, signal: SIGKILL, output: text(output), error: "it did not end")
        }

        /// True if nothing of its group runs any more, after at most so many seconds.
        func groupIsGone(seconds: Int = 60) -> Bool {
            for _ in 0..<(seconds * 100) {
                if Glibc.kill(-pid, 0) != 0 { return true }
                usleep(10_000)
            }
            return false
        }

        private func text(_ file: URL) -> String {
            defer { try? FileManager.default.removeItem(at: file) }
            return String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
        }
    }

    func run(
        _ kind: MakeKind, _ words: [String], in directory: URL, environment: [String: String] = [:]
    ) throws -> Result {
        try start(kind.words(self) + words, in: directory, environment: environment).wait()
    }

    /// Starts words whose first is looked up in PATH.
    func start(_ words: [String], in directory: URL, environment extra: [String: String] = [:]) throws
        -> Running
    {
        let output = folder.appending(path: "out-\(UUID().uuidString)")
        let error = folder.appending(path: "err-\(UUID().uuidString)")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output.path, O_WRONLY | O_CREAT | O_APPEND, 0o666)
        posix_spawn_file_actions_addopen(&actions, 2, error.path, O_WRONLY | O_CREAT | O_APPEND, 0o666)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Threads of the tests run with signals blocked.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        let words = ["/usr/bin/env", "-C", directory.path] + words
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        let variables = environment.merging(extra) { $1 }
        var envp: [UnsafeMutablePointer<CChar>?] =
            variables.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let failed = posix_spawn(&pid, words[0], &actions, &attributes, &argv, &envp)
        guard failed == 0 else { throw Program.NotStarted(program: words[0], errno: failed) }
        return Running(pid: pid, output: output, error: error)
    }
}
