import Foundation
import Glibc
import Synchronization

/// A terminal with a program on it: keys are typed, and what is printed is read.
final class TestTerminal: Sendable {
    static let columns = 100
    /// POSIX_SPAWN_SETSID of glibc's <spawn.h>.
    private static let newSession: Int32 = 0x80
    let pid: pid_t
    private let master: Int32
    private let slave: Int32
    private let isUp = Mutex(true)
    private let printed = Mutex<[UInt8]>([])

    /// Starts words as the leader of a session with this terminal.
    init(_ words: [String], in directory: URL, environment: [String: String]) throws {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // pts(4), and ioctl_tty(2): TIOCSPTLCK, TIOCGPTN.
        var (locked, number): (Int32, UInt32) = (0, 0)
        guard master >= 0, ioctl(master, 0x4004_5431, &locked) == 0, ioctl(master, 0x8004_5430, &number) == 0
        else { throw Program.NotStarted(program: "a terminal", errno: errno) }
        let path = "/dev/pts/\(number)"
        slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        self.master = master
        Self.resize(master, Self.columns)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that a session's leader opens becomes its own.
        posix_spawn_file_actions_addopen(&actions, 0, path, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(Self.newSession | POSIX_SPAWN_SETSIGMASK))
        let words = ["/usr/bin/env", "-C", directory.path] + words
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        let variables = ["TERM": "xterm"].merging(environment) { $1 }
        var envp: [UnsafeMutablePointer<CChar>?] =
            variables.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let failed = posix_spawn(&pid, words[0], &actions, &attributes, &argv, &envp)
        guard failed == 0 else { throw Program.NotStarted(program: words[0], errno: failed) }
        self.pid = pid
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
    }

    deinit { hangUp() }

    /// Takes the terminal away from under the program.
    func hangUp() {
        isUp.withLock { isUp in
            if isUp {
                close(slave)
                close(master)
            }
            isUp = false
        }
    }

    func resize(columns: Int) { Self.resize(master, columns) }

    private static func resize(_ terminal: Int32, _ columns: Int) {
        var size = winsize(ws_row: 40, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)
    }

    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(master, bytes, bytes.count)
    }

    /// All that was printed so far.
    var bytes: [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        return printed.withLock { printed in
            guard isUp.withLock({ $0 }) else { return printed }
            while true {
                let count = Glibc.read(master, &buffer, buffer.count)
                guard count > 0 else { return printed }
                printed += buffer[..<count]
            }
        }
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// True once the text was printed, within five minutes.
    func shows(_ wanted: String) -> Bool { waits { text.contains(wanted) } }

    /// True once the condition holds, within five minutes.
    func waits(_ condition: () -> Bool) -> Bool {
        for _ in 0..<30_000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }

    /// Waits for the program's end: its status, and the signal that ended it or 0. After five minutes it is killed.
    func wait() -> [Int32] {
        var status: Int32 = 0
        let ended = waits {
            _ = bytes
            return waitpid(pid, &status, WNOHANG) == pid
        }
        guard ended else {
            kill(-pid, SIGKILL)
            waitpid(pid, &status, 0)
            return [-1, -1]
        }
        _ = bytes
        return [(status >> 8) & 0xff, status & 0x7f]
    }

    /// Local, input and output modes.
    var modes: [UInt32] {
        var modes = termios()
        guard tcgetattr(slave, &modes) == 0 else { return [] }
        return [modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag]
    }

    /// What stands on the screen, line by line.
    var screen: [String] { Self.screen(bytes) }

    /// Interprets carriage return, line feed and `ESC [ K`; colours are passed over.
    static func screen(_ bytes: [UInt8]) -> [String] {
        var lines: [[UInt8]] = [[]]
        var column = 0
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            switch byte {
            case 0x0d: column = 0
            case 0x0a: lines.append(Array(repeating: 0x20, count: column))
            case 0x1b where i + 1 < bytes.count && bytes[i + 1] == UInt8(ascii: "["):
                i += 2
                while i < bytes.count, !(0x40...0x7e).contains(bytes[i]) { i += 1 }
                if i < bytes.count, bytes[i] == UInt8(ascii: "K") {
                    lines[lines.count - 1].removeLast(max(0, lines[lines.count - 1].count - column))
                }
            default:
                if column < lines[lines.count - 1].count {
                    lines[lines.count - 1][column] = byte
                } else {
                    lines[lines.count - 1].append(byte)
                }
                column += 1
            }
            i += 1
        }
        return lines.map { String(decoding: $0, as: UTF8.self) }
    }
}
