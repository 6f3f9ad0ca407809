import Foundation
import TestKernel
import Testing

/// `kcache make --warm` and `--push`.
@Suite(.serialized) struct ConfigWarmTests {
    private let work: Workplace
    private let kernel: FakeKernel
    private let driver: MakeDriver

    init() throws {
        work = try Workplace()
        kernel = try FakeKernel.prepared()
        var driver = try MakeDriver(in: work.url)
        driver.environment.merge(FakeKernel.pins) { $1 }
        self.driver = driver
    }

    private func make(
        _ words: String..., in tree: String = "a", environment: [String: String] = [:]
    ) throws -> MakeDriver.Result {
        try driver.run(.command, words, in: work.place(tree), environment: environment)
    }

    private func kcache(_ words: String..., in tree: String = "a") throws -> MakeDriver.Result {
        try driver.start([Program.path] + words, in: work.place(tree)).wait()
    }

    private func configure(_ text: String) throws -> URL {
        let folder = work.place(".config/kcache")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: "config.toml")
        try text.write(to: file, atomically: false, encoding: .utf8)
        return file
    }

    /// Steps that make something, in Kbuild's quiet output.
    private func steps(_ result: MakeDriver.Result) -> [Substring] {
        let harmless: Set<Substring> = ["CALL", "CHK", "DESCEND"]
        return result.output.split(separator: "\n").filter { line in
            line.hasPrefix("  ") && !(line.split(separator: " ").first.map(harmless.contains) ?? true)
        }
    }

    private func kcacheLines(_ result: MakeDriver.Result) -> [Substring] {
        result.error.split(separator: "\n").filter { $0.hasPrefix("kcache: ") }
    }

    @Test func whatOneMakePushesWarmsAnother() throws {
        try kernel.makeTree(at: work.place("a"), kernel.initial)
        let first = try make("--push", "-j2")
        #expect(first.status == 0 && !steps(first).isEmpty, "\(first)")
        #expect(kcacheLines(first).count == 1 && first.error.contains("kcache: pushed snapshot "), "\(first)")

        try kernel.makeCheckout(at: work.place("b"), kernel.initial)
        // By the file, this time.
        _ = try configure("[make]\nwarm = true\n")
        let asked = try make("-n", in: "b")
        #expect(kcacheLines(asked).isEmpty && !steps(asked).isEmpty, "\(asked)")
        let second = try make("-j2", in: "b")
        #expect(second.status == 0 && steps(second).isEmpty, "\(second)")
        let lines = kcacheLines(second)
        #expect(lines.count == 2, "\(second)")
        #expect(
            lines.first?.hasPrefix("kcache: warming from snapshot ") == true
                && lines.first?.hasSuffix(": same sources, same configuration, same toolchain") == true)
        #expect(lines.last?.hasPrefix("kcache: pulled ") == true)
        #expect(try kernel.differences(of: work.place("b"), from: kernel.initial) == [])
        // It is cold no more.
        let third = try make("-j2", in: "b")
        #expect(third.status == 0 && kcacheLines(third).isEmpty && steps(third).isEmpty, "\(third)")
        #expect(try make("-j2", in: "b").output == "kcache: nothing to do\n")
        #expect(try kernel.differences(of: work.place("b"), from: kernel.initial) == [])

        // With an edit, only that is compiled; the twin is a clean build with the edit.
        var state = kernel.initial
        state.files["core/run.c"] = (state.files["core/run.c"] ?? "") + "int warmed;\n"
        try kernel.makeCheckout(at: work.place("c"), state)
        let cold = try make("--no-warm", "-n", in: "c")
        #expect(kcacheLines(cold).isEmpty)
        let edited = try make("-j2", "-s", in: "c")
        #expect(edited.status == 0 && kcacheLines(edited).isEmpty, "\(edited)")
        #expect(try kernel.differences(of: work.place("c"), from: state) == [])
        #expect(try kcache("status", in: "c").output.hasPrefix("warm"))
    }

    /// A make goes by the same signatures as a pull, and builds where it may not pull.
    @Test func signaturesCountForMakesToo() throws {
        let (key, allowed) = (work.place("key").path, work.place("allowed"))
        try Shell.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key])
        _ = try configure(
            """
            [make]
            warm = true
            push = true
            [signing]
            key = "~/key"
            allowed-signers = '\(allowed.path)'
            require-signature = true
            """)
        try "".write(to: allowed, atomically: false, encoding: .utf8)
        try kernel.makeTree(at: work.place("a"), kernel.initial)
        // One line for the warming that can't be, there being no store, and one for the push.
        let first = try make("-j2")
        #expect(first.error.contains("kcache: pushed snapshot "), "\(first)")
        #expect(try kcache("list").output.contains("  yes     "))

        try kernel.makeCheckout(at: work.place("b"), kernel.initial)
        let refused = try make("--no-push", "-j2", in: "b")
        #expect(refused.status == 0 && !steps(refused).isEmpty, "\(refused)")
        let line = try #require(kcacheLines(refused).first)
        #expect(
            line.hasPrefix("kcache: not warmed: nothing was pulled, since signatures are required: ")
                && line.contains("No principal matched") && kcacheLines(refused).count == 1, "\(refused)")

        let words = try String(contentsOfFile: key + ".pub", encoding: .utf8).split(separator: " ").prefix(2)
        try "ada@example.com \(words.joined(separator: " "))\n".write(
            to: allowed, atomically: false, encoding: .utf8)
        try kernel.makeCheckout(at: work.place("c"), kernel.initial)
        let warmed = try make("--no-push", "-j2", in: "c")
        #expect(warmed.status == 0 && steps(warmed).isEmpty, "\(warmed)")
        #expect(
            kcacheLines(warmed).first?.contains(
                "same toolchain, signed by ada@example.com (ED25519 SHA256:") == true, "\(warmed)")
    }

    @Test func nothingIsPushedTwice() throws {
        try kernel.makeTree(at: work.place("a"), kernel.initial)
        #expect(try make("--push", "-j2").error.contains("kcache: pushed snapshot "))
        // Make runs once more, to show that the tree is at rest.
        let second = try make("--push", "--explain", "-j2")
        #expect(second.error.contains("is this tree\n") && !second.error.contains("pushed snapshot"))
        let third = try make("--push", "--explain", "-j2")
        #expect(third.output == "kcache: nothing to do\n", "\(third)")
        #expect(
            third.error.contains("kcache: not pushed: snapshot ") && third.error.contains("of this state"))
        // Another store, and a store that has forgotten it.
        let file = try configure("store = '\(work.place("other").path)'\n")
        #expect(try make("--push", "-j2").error.contains("kcache: pushed snapshot "))
        #expect(try make("--push", "--explain", "-j2").error.contains("of this state"))
        try FileManager.default.removeItem(at: file)
        let list = try kcache("list", "--format", "json")
        let id = try #require(list.output.split(separator: "\"").first { $0.count == 64 })
        #expect(try kcache("forget", String(id)).status == 0)
        let again = try make("--push", "-j2")
        #expect(again.output == "kcache: nothing to do\n")
        #expect(again.error.contains("kcache: pushed snapshot "), "\(again)")

        // An edit, and makes that are none.
        try Shell.run(["sh", "-c", "sleep 0.1; echo 'int more;' >>core/run.c"], in: work.place("a"))
        for words in [["-n"], ["-q"], ["olddefconfig"], ["core/run.o"]] {
            let result = try driver.run(.command, ["--push"] + words, in: work.place("a"))
            #expect(kcacheLines(result).isEmpty, "\(words): \(result)")
        }
        #expect(try make("--push", "-j2").error.contains("kcache: pushed snapshot "))
        // One that fails ends as make does, and nothing is pushed.
        try Shell.run(["sh", "-c", "echo '#error' >>core/run.c"], in: work.place("a"))
        let failed = try make("--push", "-j2")
        #expect(failed.status == 2 && !failed.error.contains("kcache: "), "\(failed)")
    }

    @Test func aStoreThatCannotServeChangesNothing() throws {
        try kernel.makeTree(at: work.place("a"), kernel.initial)
        func line(_ words: [String], _ environment: [String: String], _ expected: String) throws {
            let result = try driver.run(
                .command, ["--warm"] + words, in: work.place("a"), environment: environment)
            #expect(kcacheLines(result).map(String.init) == ["kcache: not warmed: \(expected)"], "\(result)")
        }
        let missing = work.place("missing").path
        try line(
            ["core/", "-j2"], ["KCACHE_STORE": missing],
            "there is no kcache store at \(missing): kcache push makes one")
        // Single files that are built are not cold for themselves.
        #expect(try kcacheLines(make("--warm", "core/")).isEmpty)
        try line(
            ["drv/"], ["KCACHE_STORE": "nobody"],
            "there is no store named \"nobody\": `kcache store list` has the names; a folder is written ./nobody"
        )
        let empty = work.place("empty").path
        #expect(try kcache("store", "add", "empty", empty).status == 0)
        try line(
            ["net/"], ["KCACHE_STORE": "empty"],
            "the store \(empty) holds no snapshot: run kcache push in a built tree first")
        try FileManager.default.createDirectory(
            at: work.place("out"), withIntermediateDirectories: true)
        let apart = try make("--warm", "O=../out", "olddefconfig")
        #expect(kcacheLines(apart).isEmpty)
        for words in [
            ["clean"], ["olddefconfig"], ["-n"], ["-q"], ["prepare"], ["-B", "-n"], ["help"],
        ] {
            let result = try driver.run(.command, ["--warm"] + words, in: work.place("a"))
            #expect(kcacheLines(result).isEmpty, "\(words): \(result)")
        }

        // A push that fails is none of make's.
        let file = work.place("file")
        try "x".write(to: file, atomically: false, encoding: .utf8)
        let pushed = try make("--push", "-j2", environment: ["KCACHE_STORE": file.path])
        #expect(pushed.status == 0, "\(pushed)")
        #expect(
            kcacheLines(pushed).count == 1 && pushed.error.contains("kcache: not pushed: cannot "),
            "\(pushed)")
        #expect(try kernel.differences(of: work.place("a"), from: kernel.initial) == [])
    }

    @Test func treesThatAreNotCarried() throws {
        try kernel.makeCheckout(at: work.place("a"), kernel.initial, withConfiguration: false)
        let unset = try make("--warm", "-j2")
        #expect(unset.status == 2, "\(unset)")
        #expect(unset.error.contains("kcache: not warmed: there is no .config here"), "\(unset)")
    }

    @Test func outputsApart() throws {
        for name in ["a", "b"] {
            try kernel.makeCheckout(at: work.place(name), kernel.initial, withConfiguration: false)
            let folder = work.place("out-\(name)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try kernel.initial.config.write(
                to: folder.appending(path: ".config"), atomically: false, encoding: .utf8)
        }
        let first = try make("--push", "O=../out-a", "-j2")
        #expect(first.status == 0 && first.error.contains("kcache: pushed snapshot "), "\(first)")
        let second = try make("--warm", "O=../out-b", "-j2", in: "b")
        #expect(second.status == 0 && second.error.contains("kcache: pulled "), "\(second)")
        #expect(steps(second).allSatisfy { $0.contains("GEN     Makefile") }, "\(second)")
        #expect(try kernel.differences(of: work.place("out-b"), from: kernel.initial) == [])
    }

    @Test func withAnotherCompilerMakeBuildsByItself() throws {
        try kernel.makeTree(at: work.place("a"), kernel.initial)
        #expect(try make("--push", "-j2").status == 0)
        let compiler = work.place("links/gcc")
        // Another file behind the name: what it compiles might be other.
        let real = try Shell.run(["sh", "-c", "command -v gcc"]).trimmingCharacters(in: .newlines)
        try "#!/bin/sh\nexec \(real) -DOTHER \"$@\"\n".write(to: compiler, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: compiler.path)
        let path = "\(driver.links.path):\(driver.environment["PATH"] ?? "")"
        try kernel.makeTree(at: work.place("b"), kernel.initial)
        let result = try make("--warm", "core/run.o", in: "b", environment: ["PATH": path])
        #expect(result.status == 0 && !steps(result).isEmpty, "\(result)")
        #expect(
            kcacheLines(result).count == 1
                && result.error.contains("kcache: not warmed: nothing was pulled: "),
            "\(result)")
    }
}
