import Foundation
import Glibc
import TestKernel

/// A real sshd on 127.0.0.1 for one test, with a user of its own where this runs as root, and this user otherwise.
final class TestSSHServer {
    struct Unavailable: Error, CustomStringConvertible { let description: String }

    let folder: URL
    /// The far user's home; the user's own where this doesn't run as root.
    let home: URL
    /// What `KCACHE_SSH` is set to.
    let command: String
    let host = "desk"
    /// As root, the server has a mount namespace of its own, with a user that the machine does not have and a
    /// small filesystem.
    static let isIsolated = geteuid() == 0
    static let isInstalled = access("/usr/sbin/sshd", X_OK) == 0

    private let pid: pid_t
    private let port: UInt16
    private static let user = "kcache-far"

    /// - Parameter program: what is put into the far user's `~/.local/bin/kcache`.
    init(in folder: URL, program: String) throws {
        self.folder = folder
        home =
            Self.isIsolated
            ? folder.appending(path: "far-home") : FileManager.default.homeDirectoryForCurrentUser
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = try Self.freePort()
        for name in ["host-key", "key", "restricted-key"] {
            try Shell.run([
                "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder.appending(path: name).path,
            ])
        }
        let user = Self.isIsolated ? Self.user : NSUserName()
        let keys = folder.appending(path: "authorized_keys")
        try FileManager.default.copyItem(at: folder.appending(path: "key.pub"), to: keys)
        try """
        Port \(port)
        ListenAddress 127.0.0.1
        HostKey \(folder.path)/host-key
        AuthorizedKeysFile \(keys.path)
        UsePAM no
        StrictModes no
        PidFile none
        """.write(to: folder.appending(path: "sshd_config"), atomically: false, encoding: .utf8)
        try """
        Host desk gate restricted
          HostName 127.0.0.1
          Port \(port)
          User \(user)
          StrictHostKeyChecking no
          UserKnownHostsFile \(folder.path)/known_hosts
          IdentitiesOnly yes
          LogLevel ERROR
        Host restricted
          IdentityFile \(folder.path)/restricted-key
        Host desk gate
          IdentityFile \(folder.path)/key
        """.write(to: folder.appending(path: "ssh_config"), atomically: false, encoding: .utf8)
        command = "ssh -F \(folder.path)/ssh_config"

        if Self.isIsolated {
            let bin = home.appending(path: ".local/bin")
            try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
            try FileManager.default.createDirectory(
                at: home.appending(path: "small"), withIntermediateDirectories: true)
            // Not by this process: what other tests start meanwhile would inherit the open file, and then nobody could
            // run it (ETXTBSY).
            try Shell.run(["cp", program, bin.appending(path: "kcache").path])
            let users = try String(contentsOfFile: "/etc/passwd", encoding: .utf8)
            try (users + "\(Self.user):x:12345:12345::\(home.path):/bin/bash\n").write(
                to: folder.appending(path: "passwd"), atomically: false, encoding: .utf8)
            try Shell.run(["chown", "-R", "12345:12345", home.path])
            try Shell.run(["chmod", "755", folder.path])
        }
        let start =
            Self.isIsolated
            ? """
            mkdir -p /run/sshd && mount --bind '\(folder.path)/passwd' /etc/passwd \
            && mount -t tmpfs -o size=1m,uid=12345,gid=12345 tmpfs '\(home.path)/small' \
            && exec /usr/sbin/sshd -D -e -f '\(folder.path)/sshd_config'
            """ : "exec /usr/sbin/sshd -D -e -f '\(folder.path)/sshd_config'"
        let words =
            (Self.isIsolated ? ["/usr/bin/unshare", "-m", "--propagation", "private"] : []) + [
                "/bin/sh", "-c", start,
            ]
        pid = try Self.spawn(words, log: folder.appending(path: "sshd.log").path)
        try waitUntilItAnswers()
    }

    deinit {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    /// What sshd wrote, for a failed test.
    var log: String { (try? String(contentsOf: folder.appending(path: "sshd.log"), encoding: .utf8)) ?? "" }

    /// Lets the restricted key in with a command of its own.
    func restrict(to command: String) throws {
        let key = try String(contentsOf: folder.appending(path: "restricted-key.pub"), encoding: .utf8)
        let file = folder.appending(path: "authorized_keys")
        let all = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").prefix(1).joined()
        try "\(all)\nrestrict,command=\"\(command)\" \(key)".write(
            to: file, atomically: false, encoding: .utf8)
    }

    /// Runs a command as the far user, through ssh.
    @discardableResult
    func run(_ text: String) throws -> String {
        try Shell.run(command.split(separator: " ").map(String.init) + ["-T", host, text])
    }

    /// The far kcache processes that serve now.
    func servers() -> [pid_t] {
        var found: [pid_t] = []
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let number = pid_t(name),
                let line = try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(name)/cmdline")),
                String(decoding: line, as: UTF8.self).contains("kcache\0serve\0--stdio"), isBelow(number)
            else { continue }
            found.append(number)
        }
        return found
    }

    // MARK: Helpers

    /// True for this server's descendants only: other tests have servers of their own.
    private func isBelow(_ number: pid_t) -> Bool {
        var current = number
        for _ in 0..<32 {
            if current == pid { return true }
            guard let text = try? String(contentsOfFile: "/proc/\(current)/stat", encoding: .utf8),
                let rest = text.split(separator: ")").last?.split(separator: " "), rest.count > 1,
                let parent = pid_t(rest[1]), parent > 1
            else { return false }
            current = parent
        }
        return false
    }

    private func waitUntilItAnswers() throws {
        for _ in 0..<100 {
            if (try? run("true")) != nil { return }
            usleep(100_000)
        }
        throw Unavailable(description: "sshd does not answer: \(log)")
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard bound else { throw Unavailable(description: "no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func spawn(_ words: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for descriptor in [1, 2] as [Int32] {
            posix_spawn_file_actions_addopen(&actions, descriptor, log, O_WRONLY | O_CREAT | O_APPEND, 0o666)
        }
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var pid: pid_t = 0
        guard posix_spawn(&pid, words[0], &actions, nil, &argv, environ) == 0 else {
            throw Unavailable(description: "cannot start \(words[0])")
        }
        return pid
    }
}
