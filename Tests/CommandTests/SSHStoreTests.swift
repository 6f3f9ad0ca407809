import Foundation
import Glibc
import TestKernel
import Testing

/// Stores at the far end of a real sshd, as people use them.
@Suite(.serialized, .enabled(if: TestSSHServer.isInstalled, "openssh-server is not installed"))
struct SSHStoreTests {
    private let work: Workplace
    private let server: TestSSHServer
    private var program: Program

    init() throws {
        work = try Workplace()
        server = try TestSSHServer(in: work.place("ssh"), program: Program.path)
        program = work.program
        program.environment["PATH"] = "/usr/bin:/bin"
        program.environment["KCACHE_SSH"] = server.command
        _ = try SmallTree(work.place("tree"))
    }

    private func kcache(_ words: String..., in tree: String = "tree", environment: [String: String] = [:])
        throws
        -> Program.Result
    {
        var program = program
        program.environment.merge(environment) { $1 }
        return try program.run(words, in: work.place(tree))
    }

    /// Another machine: nothing of the first one's cache.
    private func laptop(_ words: String..., in tree: String = "laptop", environment: [String: String] = [:])
        throws
        -> Program.Result
    {
        try FileManager.default.createDirectory(at: work.place(tree), withIntermediateDirectories: true)
        var other = program
        other.environment.merge(environment) { $1 }
        other.environment["XDG_CACHE_HOME"] = work.place("laptop-cache").path
        return try other.run(words, in: work.place(tree))
    }

    private func expectSameTree(_ a: String, _ b: String) throws {
        let differences = try Shell.run([
            "sh", "-c", "diff -r '\(work.place(a).path)' '\(work.place(b).path)' || true",
        ])
        #expect(differences.isEmpty, "\(differences)")
    }

    /// - Returns: the result, of a command that has to succeed.
    @discardableResult
    private func done(_ result: Program.Result, _ location: SourceLocation = #_sourceLocation)
        -> Program.Result
    {
        #expect(result.status == 0, "\(result) \(server.log)", sourceLocation: location)
        return result
    }

    private func expectOneLine(
        _ result: Program.Result, _ text: String, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == 1, "\(result)", sourceLocation: location)
        let lines = result.error.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("kcache: ") }
        #expect(
            lines.count == 1 && lines.first?.contains(text) == true, "\(result)", sourceLocation: location)
    }

    @Test func fromNothingToAWarmLaptop() throws {
        let pushed = try kcache("push", "ssh://desk")
        #expect(pushed.status == 0 && pushed.output.contains("over the wire"), "\(pushed) \(server.log)")
        let again = try kcache("push", "ssh://desk")
        #expect(again.output.contains("nothing new: ssh://desk has the snapshot"), "\(again)")
        let pulled = try laptop("pull", "ssh://desk")
        #expect(pulled.status == 0, "\(pulled)")
        try expectSameTree("tree", "laptop")
        // The local store took what came: the next tree needs no far end.
        let near = try laptop("pull", in: "laptop2", environment: ["KCACHE_SSH": "false"])
        #expect(near.status == 0, "\(near)")
        try expectSameTree("tree", "laptop2")
    }

    @Test func namesAndTests() throws {
        let missing = try kcache("store", "test", "ssh://desk/~/store")
        expectOneLine(missing, "there is no kcache store at")
        let added = try kcache("store", "add", "far", "desk:store")
        #expect(added.status == 0 && added.output == "far is ssh://desk/~/store\n", "\(added)")
        let tested = try kcache("store", "test", "far")
        #expect(
            tested.output.contains("answers: 0 snapshots")
                && tested.output.contains("read, add to and clear"), "\(tested)")
        done(try kcache("push", "--quiet", "far"))
        let listed = try kcache("list", "far")
        #expect(listed.output.split(separator: "\n").count == 2, "\(listed)")
        done(try kcache("verify", "--store", "far"))
        #expect(try kcache("list", "--store", "nobody").error.contains("there is no store named"))
    }

    @Test func theFarStoreAsTheDefault() throws {
        let standard = ["KCACHE_STORE": "ssh://desk"]
        done(try kcache("push", environment: standard))
        done(try laptop("pull", environment: standard))
        try expectSameTree("tree", "laptop")
    }

    @Test(.enabled(if: TestSSHServer.isIsolated)) func restrictedKeys() throws {
        done(try kcache("push", "--quiet", "ssh://desk/~/store"))
        let far = server.home.path
        try server.restrict(to: "\(far)/.local/bin/kcache serve --stdio --read-only \(far)/store")
        // Whatever folder is asked for.
        done(try laptop("pull", "ssh://restricted/elsewhere"))
        try expectSameTree("tree", "laptop")
        try "int more;\n".write(to: work.place("tree/d/f0.c"), atomically: false, encoding: .utf8)
        expectOneLine(try kcache("push", "ssh://restricted"), "may not be written to")

        try server.restrict(to: "\(far)/.local/bin/kcache serve --stdio --append-only \(far)/store")
        let pushed = try kcache("push", "ssh://restricted", "--name", "second")
        #expect(pushed.status == 0, "\(pushed)")
        expectOneLine(
            try kcache("forget", "second", "--store", "ssh://restricted"), "may not be deleted from")
        #expect(try kcache("list", "ssh://desk/~/store").output.contains("second"))
    }

    @Test func overAJumpHost() throws {
        let jump = "ssh -F \(server.folder.path)/ssh_config -W %h:%p gate"
        let config = server.folder.appending(path: "ssh_config")
        let text = try String(contentsOf: config, encoding: .utf8)
        try
            (text + "\nHost inner\n  HostName 127.0.0.1\n  Port \(port(text))\n  ProxyCommand \(jump)\n"
            + "  User \(user(text))\n  IdentityFile \(server.folder.path)/key\n  StrictHostKeyChecking no\n"
            + "  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n")
            .write(to: config, atomically: false, encoding: .utf8)
        done(try kcache("push", "--quiet", "ssh://inner/~/store"))
        done(try laptop("pull", "ssh://inner/~/store"))
        try expectSameTree("tree", "laptop")
    }

    private func value(_ key: String, _ text: String) -> String {
        text.split(separator: "\n").first { $0.contains(key + " ") }?.split(separator: " ").last.map(
            String.init) ?? ""
    }
    private func port(_ text: String) -> String { value("Port", text) }
    private func user(_ text: String) -> String { value("User", text) }

    @Test(.enabled(if: TestSSHServer.isIsolated)) func aNoisyShell() throws {
        try "echo Welcome to the desk; echo kcache serve; printf '\\0'; echo warning: disk at 81% >&2\n"
            .write(
                to: server.home.appending(path: ".bashrc"), atomically: false, encoding: .utf8)
        let pushed = try kcache("push", "ssh://desk")
        #expect(pushed.status == 0, "\(pushed)")
        #expect(pushed.error.contains("warning: disk at 81%"))
        // A shell that does nothing else.
        try "echo This account is closed.; exit 0\n".write(
            to: server.home.appending(path: ".bashrc"), atomically: false, encoding: .utf8)
        expectOneLine(try kcache("list", "ssh://desk"), "the far end said: This account is closed.")
    }

    @Test func aFarEndWithoutKcache() throws {
        let added = try kcache("store", "add", "far", "ssh://desk", "--program", "/nowhere/kcache")
        expectOneLine(added, "there is no kcache at desk: kcache store add --install")
        #expect(try kcache("store", "list").output.split(separator: "\n").count == 1)
        // A push has the snapshot here by then.
        let registry = work.place("home/.config/kcache")
        try FileManager.default.createDirectory(at: registry, withIntermediateDirectories: true)
        try "[far]\nurl = \"ssh://desk\"\nprogram = \"/nowhere/kcache\"\n".write(
            to: registry.appending(path: "stores.toml"), atomically: false, encoding: .utf8)
        expectOneLine(try kcache("push", "far"), "there is no kcache at desk")
        #expect(try kcache("list").output.split(separator: "\n").count == 2)
    }

    @Test func nobodyThere() throws {
        expectOneLine(try kcache("list", "ssh://127.0.0.1:1/x"), "ssh could not reach 127.0.0.1")
        let none = ["KCACHE_SSH": "/nonexistent/ssh"]
        expectOneLine(try kcache("list", "ssh://desk", environment: none), "cannot start ssh")
        for text in ["ssh://", "ssh://-oProxyCommand=x/y", "-x:y", "ssh://h:0/x", "http://h/x"] {
            let result = try kcache("list", "--store", text)
            #expect(result.status == 2, "\(result)")
        }
    }

    @Test(.enabled(if: TestSSHServer.isIsolated)) func anotherVersionOfTheProtocol() throws {
        let script = """
            #!/bin/sh
            dd bs=1 count=7 >/dev/null 2>&1
            printf '\\0kcache serve\\0'
            dd bs=1 count=16 2>/dev/null
            printf '\\020\\0\\0\\0\\001\\0\\0\\0\\0\\0\\007\\011\\002\\001p\\004kc 9'
            """
        let file = server.home.appending(path: "other-kcache")
        try putProgram(file.path, script)
        let added = try kcache("store", "add", "far", "ssh://desk", "--program", file.path)
        expectOneLine(added, "speaks versions 7 to 9 of the protocol")
    }

    /// A far end that agrees on version 1 of the protocol, which has all but builds.
    @Test(.enabled(if: TestSSHServer.isIsolated)) func anOlderProtocol() throws {
        let far = server.home.path + "/.local/bin/kcache"
        let script = """
            #!/bin/sh
            { head -c 5; head -c 1 >/dev/null; printf '\\001'; cat; } | '\(far)' "$@"
            """
        let file = server.home.path + "/older"
        try putProgram(file, script)
        done(try kcache("store", "add", "far", "ssh://desk", "--program", file))
        done(try kcache("push", "--quiet", "far", "--name", "first"))
        done(try laptop("pull", "far"))
        try expectSameTree("tree", "laptop")
        done(try kcache("verify", "--store", "far"))
        done(try kcache("forget", "first", "--store", "far"))
        let kernel = try FakeKernel.prepared()
        try kernel.makeCheckout(at: work.place("kernel"), kernel.initial)
        expectOneLine(try kcache("build", "--on", "far", in: "kernel"), "can't build: update it there")
    }

    // MARK: store add --install

    /// The far user's kcache goes away.
    private func removeFarProgram() throws {
        try server.run("rm .local/bin/kcache && rmdir .local/bin .local")
    }

    @Test(.enabled(if: TestSSHServer.isIsolated)) func installedWhereThereIsNone() throws {
        try removeFarProgram()
        // A login shell that talks, and a search path without the folder.
        try "echo Welcome to the desk; printf 'no newline'; PATH=/usr/bin:/bin\n".write(
            to: server.home.appending(path: ".bashrc"), atomically: false, encoding: .utf8)
        expectOneLine(
            try kcache("store", "add", "far", "ssh://desk"),
            "there is no kcache at desk: kcache store add --install")
        let added = try kcache("store", "add", "far", "ssh://desk", "--install")
        let path = server.home.path + "/.local/bin/kcache"
        #expect(
            added.status == 0 && added.output.contains("there, to \(path)\nfar is ssh://desk\n"), "\(added)")
        #expect(added.error.contains("copying this kcache ("), "\(added)")
        #expect(try server.run("stat -c %a .local/bin/kcache && ls -A .local/bin").contains("755\nkcache\n"))
        #expect(FileManager.default.contentsEqual(atPath: path, andPath: Program.path))
        done(try kcache("push", "--quiet", "far"))
        done(try laptop("pull", "ssh://desk"))
        try expectSameTree("tree", "laptop")

        // Once more: nothing is copied.
        let before = try server.run("stat -c %i:%Y .local/bin/kcache")
        let again = try kcache("store", "add", "again", "ssh://desk", "--install", "--format", "json")
        #expect(again.status == 0 && again.output.contains("\"installed\" : false"), "\(again)")
        #expect(again.output.contains("\"farProgram\" : \"\(path)\""), "\(again)")
        #expect(try server.run("stat -c %i:%Y .local/bin/kcache") == before)
    }

    @Test(.enabled(if: TestSSHServer.isIsolated)) func installedWhereTheUserSays() throws {
        try removeFarProgram()
        let path = server.home.path + "/my tools/kcache-desk"
        let added = try kcache("store", "add", "far", "ssh://desk", "--install", "--program", path)
        #expect(added.status == 0 && added.output.contains("to \(path)\n"), "\(added)")
        done(try kcache("push", "--quiet", "far"))
        expectOneLine(
            try kcache("store", "add", "x", "ssh://desk", "--install", "--program", "kcache-desk"),
            "is no path from / on")
        #expect(try kcache("store", "add", "x", work.place("f").path, "--install").status == 2)
    }

    @Test(.enabled(if: TestSSHServer.isIsolated)) func notInstalledWhereItCannotBe() throws {
        func add(_ words: String...) throws -> Program.Result {
            try program.run(
                ["store", "add", "far", "ssh://desk", "--install"] + words, in: work.place("tree"))
        }
        try server.run("mkdir -p fake")
        // What is there and is no kcache stays.
        try server.run("echo 'exit 1' > .local/bin/other && chmod 755 .local/bin/other")
        let other = server.home.path + "/.local/bin/other"
        expectOneLine(try add("--program", other), "does not run as a kcache")
        try server.run("chmod 644 .local/bin/other")
        expectOneLine(try add("--program", other), "does not run as a kcache")
        #expect(try server.run("cat .local/bin/other").contains("exit 1"))
        // No room, and no right.
        expectOneLine(try add("--program", server.home.path + "/small/kcache"), "No space left on device")
        #expect(try !server.run("ls -A small").contains("kcache"))
        expectOneLine(try add("--program", "/usr/x/kcache"), "Permission denied")

        try server.run("rm -f .local/bin/*")
        // Another architecture, another system.
        let bashrc = server.home.appending(path: ".bashrc")
        try "export PATH=$HOME/fake:$PATH\n".write(to: bashrc, atomically: false, encoding: .utf8)
        try fake("uname", "case $1 in -m) echo riscv64;; *) echo Linux;; esac")
        expectOneLine(try add(), "of another architecture (riscv64 instead of")
        try fake("uname", "case $1 in -m) echo x86_64;; *) echo FreeBSD;; esac")
        expectOneLine(try add(), "runs FreeBSD")
        try server.run("rm fake/uname")
        // An older C library, and one of its libraries missing: the copy is tried before it is in place.
        try fake(
            "chmod",
            "/bin/chmod \"$@\" && printf '#!/bin/sh\\necho version GLIBC_9 not found >&2; exit 1\\n' > \"$2\""
        )
        expectOneLine(try add(), "does not run at desk: version GLIBC_9 not found")
        try fake(
            "ldd",
            "printf '\\tlibzstd.so.1 => not found\\n\\tlibc.so.6 => /lib/libc.so.6\\n\\tlibm.so.6 => not found\\n'"
        )
        expectOneLine(try add(), "it has no libzstd.so.1, libm.so.6: install")
        #expect(try server.run("ls -A .local/bin") == "")
        #expect(try kcache("store", "list").output.split(separator: "\n").count == 1)
        // A key that runs one command alone.
        try server.restrict(to: "echo closed")
        expectOneLine(
            try kcache("store", "add", "far", "ssh://restricted", "--install"),
            "runs no commands for this key; the far end said: closed")
    }

    /// A program in front of the far user's search path.
    private func fake(_ name: String, _ text: String) throws {
        try putProgram(server.home.path + "/fake/\(name)", "#!/bin/sh\n\(text)\n")
    }

    /// A script that the far user can run.
    private func putProgram(_ file: String, _ text: String) throws {
        let draft = server.home.appending(path: "draft")
        try text.write(to: draft, atomically: false, encoding: .utf8)
        try Shell.run(["sh", "-c", "cp '\(draft.path)' '\(file)' && chmod 755 '\(file)'"])
    }

    @Test(.enabled(if: TestSSHServer.isIsolated)) func aFullDisk() throws {
        _ = try SmallTree(work.place("big"), units: 900, seed: 4)
        let result = try kcache("push", "ssh://desk/~/small/store", in: "big")
        expectOneLine(result, "No space left")
        // What is there is whole; with less to store it goes on.
        done(try kcache("verify", "--store", "ssh://desk/~/small/store"))
        done(try kcache("push", "--quiet", "ssh://desk/~/small/store"))
        done(try laptop("pull", "ssh://desk/~/small/store"))
        try expectSameTree("tree", "laptop")
    }

    @Test(.enabled(if: TestSSHServer.isIsolated)) func aStoreThatCannotBeWritten() throws {
        done(try kcache("push", "--quiet", "ssh://desk/~/store"))
        try server.run("chmod -R a-w store")
        done(try laptop("pull", "ssh://desk/~/store"))
        try expectSameTree("tree", "laptop")
        try "int more;\n".write(to: work.place("tree/d/f0.c"), atomically: false, encoding: .utf8)
        expectOneLine(try kcache("push", "ssh://desk/~/store"), "Permission denied")
        try server.run("chmod -R u+w store")
        done(try kcache("push", "--quiet", "ssh://desk/~/store"))
    }

    /// The connection, or the kcache behind it, goes in the middle; the push goes on by itself.
    @Test func killedAtTheFarEnd() throws {
        _ = try SmallTree(work.place("big"), units: 1500, seed: 5)
        #expect(
            try kcache("store", "add", "slow", "ssh://desk/~/store", "--limit-rate", "400000").status == 0)
        let error = work.place("push-error").path
        let child = try program.start(["push", "slow"], in: work.place("big"), error: error)
        var killed = 0
        while killed < 2, !Self.hasEnded(child.pid) {
            usleep(50_000)
            for server in server.servers() {
                usleep(300_000)
                if kill(server, SIGKILL) == 0 { killed += 1 }
            }
        }
        #expect(killed > 0)
        let status = child.wait()
        #expect(status == 0, "\((try? String(contentsOfFile: error, encoding: .utf8)) ?? "")")
        done(try laptop("pull", "ssh://desk/~/store"))
        try expectSameTree("big", "laptop")
    }

    /// Ctrl-C in the middle of a push: the next one takes up what was sent.
    @Test func interruptedHere() throws {
        _ = try SmallTree(work.place("big"), units: 1500, seed: 6)
        #expect(
            try kcache("store", "add", "slow", "ssh://desk/~/store", "--limit-rate", "400000").status == 0)
        done(try kcache("push", "--quiet", in: "big"))
        let child = try program.start(["push", "slow"], in: work.place("big"))
        // Some of it has come; how soon depends on what else this machine does.
        wait {
            let size = try? server.run("du -sb store 2>/dev/null | cut -f 1")
            return (size.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0) > 500_000
        }
        kill(child.pid, SIGINT)
        #expect(child.wait() == 128 + SIGINT)
        wait { server.servers().isEmpty }
        let whole = try program.run(
            ["push", "ssh://desk/~/other", "--format", "json"], in: work.place("big"))
        let rest = try program.run(["push", "ssh://desk/~/store", "--format", "json"], in: work.place("big"))
        let (all, left) = (sent(whole), sent(rest))
        #expect(left > 0 && left < all - 200_000, "\(left) of \(all)")
        done(try laptop("pull", "ssh://desk/~/store"))
        try expectSameTree("big", "laptop")
    }

    /// True once a child has ended, which stays to be waited for.
    private static func hasEnded(_ child: pid_t) -> Bool {
        var info = siginfo_t()
        return waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_signo != 0
    }

    /// Two minutes at most.
    private func wait(until condition: () -> Bool) {
        for _ in 0..<2400 {
            if condition() { return }
            usleep(50_000)
        }
    }

    /// Bytes sent to the far store.
    private func sent(_ result: Program.Result) -> Int {
        result.output.components(separatedBy: "\"bytesSent\" : ").last.flatMap {
            Int($0.prefix { $0.isNumber })
        } ?? 0
    }
}
