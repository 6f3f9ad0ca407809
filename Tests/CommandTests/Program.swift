import Foundation
import Glibc
import TestKernel

/// The built `kcache`, run with a clean environment.
struct Program {
    /// Beside the bundle of the tests.
    static let path: String = {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        for _ in 0..<6 {
            folder.deleteLastPathComponent()
            let file = folder.appending(path: "kcache").path
            var isDirectory: ObjCBool = false
            if FileManager.default.fileExists(atPath: file, isDirectory: &isDirectory), !isDirectory.boolValue
            {
                return file
            }
        }
        return "kcache-is-not-built"
    }()

    struct NotStarted: Error {
        let program: String
        let errno: Int32
    }

    struct Result {
        let status: Int32
        let output: String
        let error: String
    }

    let home: URL
    /// No compiler is found there, so that no time goes into asking for versions.
    var environment: [String: String]
    /// Put before the program: `setpriv …`.
    var prefix: [String] = []

    init(home: URL) {
        self.home = home
        environment = ["HOME": home.path, "PATH": "/nonexistent", "TZ": "UTC", "LC_ALL": "C"]
    }

    /// Runs it to its end.
    func run(_ arguments: [String], in directory: URL) throws -> Result {
        let logs = (out: home.appending(path: "out-\(UUID())"), error: home.appending(path: "err-\(UUID())"))
        defer { for log in [logs.out, logs.error] { try? FileManager.default.removeItem(at: log) } }
        let child = try start(arguments, in: directory, output: logs.out.path, error: logs.error.path)
        let status = child.wait()
        func text(_ file: URL) -> String {
            String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
        }
        return Result(status: status, output: text(logs.out), error: text(logs.error))
    }

    func start(
        _ arguments: [String], in directory: URL, output: String = "/dev/null", error: String = "/dev/null"
    ) throws -> Child {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o666)
        posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT | O_TRUNC, 0o666)
        // Behind the first word of make's, all is make's.
        let place = arguments.first == "build" ? 1 : arguments.count
        let words =
            prefix + [Program.path] + arguments[..<place] + ["-C", directory.path] + arguments[place...]
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        // Neither what the tests' threads hold back, nor what a shell in the background ignores.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var pid: pid_t = 0
        let failed = posix_spawn(&pid, words[0], &actions, &attributes, &argv, &envp)
        guard failed == 0 else {
            throw NotStarted(program: words[0], errno: failed)
        }
        return Child(pid: pid)
    }
}

/// A running process.
struct Child {
    let pid: pid_t

    /// Its exit status; 128 + n where signal n ended it.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    func kill() { _ = Glibc.kill(pid, SIGKILL) }
}

/// A folder for one test, in memory where that can be had: no disk is waited for.
final class Workplace {
    let url: URL
    let program: Program

    init() throws {
        let memory = "/dev/shm"
        let parent =
            access(memory, W_OK) == 0 ? URL(fileURLWithPath: memory) : FileManager.default.temporaryDirectory
        url = parent.appending(path: "kcache-command-\(UUID().uuidString)")
        let home = url.appending(path: "home")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        program = Program(home: home)
    }

    deinit {
        _ = try? Shell.run(["rm", "-rf", url.path])
    }

    func place(_ name: String) -> URL { url.appending(path: name) }

    func run(_ arguments: String...) throws -> Program.Result {
        try program.run(arguments, in: place("tree"))
    }
}

/// A tree that looks like Kbuild's: an engine, sources, and objects with their saved commands.
struct SmallTree {
    let root: URL

    init(_ root: URL, units: Int = 12, seed: UInt64 = 1, built: Bool = true) throws {
        self.root = root
        try put(
            "Makefile",
            "include scripts/Kbuild.include\nclean:\n\t@find . -name '*.o' -o -name '.*.cmd' | xargs rm -f\n")
        try put("scripts/Kbuild.include", "# engine\n")
        try put("scripts/Makefile.build", "# engine\n")
        try put(".config", "CONFIG_A=y\n")
        for i in 0..<units { try put("d/f\(i).c", "int f\(i);\n") }
        guard built else { return }
        usleep(12_000)
        var random = SplitMix(seed: seed)
        for i in 0..<units {
            let words = (0..<400).map { _ in String(random.next(), radix: 36) }
            try put("d/f\(i).o", words.joined(separator: " "))
            try put("d/.f\(i).o.cmd", "cmd_d/f\(i).o := gcc -c -o d/f\(i).o d/f\(i).c\n")
        }
        // Larger than one chunk.
        let words = (0..<30_000).map { _ in String(random.next(), radix: 36) }
        try put("d/big.o", words.joined())
        try put("d/.big.o.cmd", "cmd_d/big.o := ld -r -o d/big.o d/f0.o\n")
        try link()
    }

    /// Makes an object anew, as a build does.
    func remake(_ unit: Int, _ text: String) throws {
        try put("d/f\(unit).o", text)
        try put("d/.f\(unit).o.cmd", "cmd_d/f\(unit).o := gcc -c -o d/f\(unit).o d/f\(unit).c\n")
        try link()
    }

    /// A build ends with the kernel.
    private func link() throws {
        try put("vmlinux", "the kernel")
        try put(".vmlinux.cmd", "cmd_vmlinux := ld -o vmlinux d/big.o\n")
    }

    func put(_ path: String, _ text: String) throws {
        let file = root.appending(path: path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: false, encoding: .utf8)
    }
}
