import Foundation
import Glibc
import KCacheBuild
import TestKernel
import Testing

/// `kcache build --on`, over a real sshd, on the fake kernel.
@Suite(.serialized, .enabled(if: TestSSHServer.isInstalled, "openssh-server is not installed"))
struct RemoteBuildTests {
    private let work: Workplace
    private let server: TestSSHServer
    private let kernel: FakeKernel
    private var program: Program

    init() throws {
        work = try Workplace()
        server = try TestSSHServer(in: work.place("ssh"), program: Program.path)
        kernel = try FakeKernel.prepared()
        program = work.program
        program.environment["PATH"] = "/usr/bin:/bin"
        program.environment["KCACHE_SSH"] = server.command
        program.environment.merge(FakeKernel.pins) { $1 }
        try kernel.makeCheckout(at: work.place("tree"), kernel.initial)
    }

    private func build(_ words: String..., in tree: String = "tree", environment: [String: String] = [:])
        throws
        -> Program.Result
    {
        var program = program
        program.environment.merge(environment) { $1 }
        return try program.run(["build", "--on", "desk"] + words, in: work.place(tree))
    }

    /// The tree holds what a clean build of the state makes, and plain make finds nothing to do.
    private func expectWarm(_ state: FakeState, _ location: SourceLocation = #_sourceLocation) throws {
        let tree = work.place("tree")
        let clean = try kernel.cleanOutputs(state)
        let here = try FakeKernel.outputs(of: tree)
        let different = clean.filter { here[$0.key] != $0.value }.keys.sorted()
        #expect(different.isEmpty, sourceLocation: location)
        let before = try MadeTargets.times(tree)
        let made = try kernel.build(tree)
        #expect(made.status == 0 && made.toolSteps.isEmpty, "\(made.log)", sourceLocation: location)
        let after = try MadeTargets.times(tree)
        #expect(after.filter { before[$0.key] != $0.value }.isEmpty, sourceLocation: location)
    }

    /// Lines of compilers in what make printed.
    private func compiled(_ result: Program.Result) -> [String] {
        result.output.split(separator: "\n").filter { $0.hasPrefix("  CC ") }.map {
            $0.split(separator: " ").last.map(String.init) ?? ""
        }
    }

    private func edit(_ state: inout FakeState, _ path: String, _ text: String?) throws {
        let before = state
        state.files[path] = text
        try state.write(to: work.place("tree"), replacing: before)
    }

    @Test func editAfterEdit() throws {
        var state = kernel.initial
        let first = try build()
        #expect(first.status == 0, "\(first) \(server.log)")
        #expect(compiled(first).contains("core/run.o") && first.output.contains("vmlinux"))
        try expectWarm(state)

        // Nothing new: nothing is compiled there, and next to nothing is written here.
        let second = try build()
        #expect(second.status == 0 && compiled(second).isEmpty, "\(second)")
        try expectWarm(state)

        try edit(&state, "core/run.c", (state.files["core/run.c"] ?? "") + "int kcache_edit = 3;\n")
        let third = try build()
        #expect(
            third.status == 0 && compiled(third).filter { $0 != "init/version.o" } == ["core/run.o"],
            "\(third)")
        try expectWarm(state)

        // A file and the line that names it come, and go.
        let makefile = state.files["core/Makefile"] ?? ""
        try edit(&state, "core/late.c", "int kcache_late = 4;\n")
        try edit(&state, "core/Makefile", makefile + "\nobj-y += late.o\n")
        #expect(try compiled(build()).contains("core/late.o"))
        try expectWarm(state)
        try edit(&state, "core/late.c", nil)
        try edit(&state, "core/Makefile", makefile)
        let without = try build()
        #expect(without.status == 0, "\(without)")
        try expectWarm(state)
        let there = try server.run("ls .cache/kcache/builds/*/tree/core")
        #expect(there.contains("run.c") && !there.contains("late."))
    }

    /// A git checkout adds to the kernel's release; the far tree is none.
    @Test(arguments: [false, true]) func aGitCheckout(_ namesCommit: Bool) throws {
        let tree = work.place("tree")
        if namesCommit {
            let option = "config LOCALVERSION_AUTO\\n\\tbool \"auto\"\\n\\tdefault y\\n"
            try Shell.run(
                ["sh", "-ec", "printf '\(option)' >>Kconfig; make -s olddefconfig"], in: tree,
                environment: FakeKernel.pins)
        }
        try Shell.run(
            [
                "sh", "-ec",
                "git init -q . && git add -A && git -c user.name=a -c user.email=a@b commit -qm first",
            ], in: tree)
        let built = try build()
        #expect(built.status == 0, "\(built)")
        let release = try String(
            contentsOf: tree.appending(path: "include/config/kernel.release"), encoding: .utf8)
        #expect(namesCommit ? release.contains("-g") : release.hasSuffix("+\n"), "\(release)")
        let made = try kernel.build(tree)
        #expect(made.status == 0 && made.toolSteps.isEmpty, "\(made.log)")
        let after = try String(
            contentsOf: tree.appending(path: "include/config/kernel.release"), encoding: .utf8)
        #expect(after == release)
    }

    @Test func errorsAndPathsAreAsHere() throws {
        var state = kernel.initial
        let makefile = state.files["core/Makefile"] ?? ""
        try edit(
            &state, "core/Makefile", makefile + "\n$(info in $(CURDIR))\n$(warning at $(abspath core))\n")
        try edit(&state, "core/run.c", (state.files["core/run.c"] ?? "") + "#error planted\n")
        let failed = try build()
        #expect(failed.status == 2, "\(failed)")
        let tree = work.place("tree").resolvingSymlinksInPath().path
        #expect(failed.output.contains("in \(tree)\n"))
        #expect(failed.error.contains("at \(tree)/core") && failed.error.contains("core/run.c"))
        #expect(failed.error.contains("#error planted") && !failed.output.contains("/builds/"))
        // Nothing was fetched, and the next one goes on.
        #expect(!FileManager.default.fileExists(atPath: work.place("tree/vmlinux").path))
        try edit(&state, "core/run.c", kernel.initial.files["core/run.c"])
        try edit(&state, "core/Makefile", makefile)
        #expect(try build().status == 0)
        try expectWarm(state)
    }

    @Test func wordsAndEnvironmentGoAlong() throws {
        let part = try build("-j1", "core/run.o", environment: ["KCFLAGS": "-DALONG"])
        #expect(part.status == 0 && compiled(part).contains("core/run.o"), "\(part)")
        let saved = try String(contentsOf: work.place("tree/core/.run.o.cmd"), encoding: .utf8)
        #expect(saved.contains("-DALONG"))
        #expect(!FileManager.default.fileExists(atPath: work.place("tree/vmlinux").path))
        for (words, reason) in [
            (["modules_install"], "belongs here"), (["menuconfig"], "belongs here"),
            (["clean"], "is nothing to build"),
            (["O=/tmp/x"], "O names an output folder"), (["-j1", "-C", "/tmp"], "-C and -f"),
            (["-f", "x"], "-C and -f"),
            (["--no-such-option"], "make would refuse"), (["-t"], "old files look new"),
            (["-o", "core/run.o"], "old files look new"),
        ] {
            let refused = try program.run(["build", "--on", "desk"] + words, in: work.place("tree"))
            #expect(refused.status != 0 && refused.error.contains(reason), "\(words) \(refused)")
        }
        let nowhere = try program.run(["build", "-j2"], in: work.place("tree"))
        #expect(nowhere.status == 2 && nowhere.error.contains("--on HOST"), "\(nowhere)")
    }

    /// A compiler that only one of the two has: said before anything is built.
    @Test func anotherToolchain() throws {
        let bin = work.place("bin")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            at: bin.appending(path: "gcc-of-here"), withDestinationURL: URL(fileURLWithPath: "/usr/bin/gcc"))
        let path = ["PATH": "\(bin.path):/usr/bin:/bin"]
        let refused = try build("--cc", "gcc-of-here", environment: path)
        #expect(refused.status == 2 && refused.output.isEmpty, "\(refused)")
        #expect(refused.error.contains("CC: gcc-of-here is missing there"))
        #expect(refused.error.contains("--any-toolchain"))
        #expect(!FileManager.default.fileExists(atPath: work.place("tree/vmlinux").path))
    }

    @Test func interruptedHere() throws {
        var state = kernel.initial
        let makefile = state.files["core/Makefile"] ?? ""
        try edit(
            &state, "core/Makefile", makefile + "\n$(obj)/run.o: slow\nslow:\n\tsleep 301\n.PHONY: slow\n")
        let log = work.place("build-log").path
        let child = try program.start(["build", "--on", "desk"], in: work.place("tree"), output: log)
        func sleepers() -> Int {
            let text = (try? server.run("pgrep -u $(id -u) -f '^sleep 301$' || true")) ?? ""
            return text.split(separator: "\n").count
        }
        wait(seconds: 120) { sleepers() > 0 }
        #expect(sleepers() > 0, "\((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
        kill(child.pid, SIGINT)
        #expect(child.wait() == 128 + SIGINT)
        wait(seconds: 120) { server.servers().isEmpty }
        #expect(server.servers().isEmpty)
        #expect(sleepers() == 0)
        try edit(&state, "core/Makefile", makefile)
        let next = try build()
        #expect(next.status == 0, "\(next)")
        try expectWarm(state)
    }

    /// The far kcache, and with it the connection, goes in the middle.
    @Test func killedAtTheFarEnd() throws {
        var state = kernel.initial
        let makefile = state.files["core/Makefile"] ?? ""
        try edit(
            &state, "core/Makefile", makefile + "\n$(obj)/run.o: slow\nslow:\n\tsleep 5\n.PHONY: slow\n")
        let error = work.place("build-error").path
        let log = work.place("build-log").path
        let child = try program.start(
            ["build", "--on", "desk"], in: work.place("tree"), output: log, error: error)
        wait(seconds: 120) {
            ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").contains("  CC ")
        }
        for server in server.servers() { kill(server, SIGKILL) }
        #expect(child.wait() == 1)
        let text = try String(contentsOfFile: error, encoding: .utf8)
        #expect(text.contains("lost the connection to ssh://desk, its builds"), "\(text)")
        try edit(&state, "core/Makefile", makefile)
        let next = try build()
        #expect(next.status == 0, "\(next)")
        try expectWarm(state)
    }

    @Test func treesAndCallsBesideEachOther() throws {
        try kernel.makeCheckout(at: work.place("other"), kernel.initial)
        let errors = ["tree", "tree", "other"].enumerated().map { work.place("error-\($0.offset)").path }
        var children: [Child] = []
        for (i, tree) in ["tree", "tree", "other"].enumerated() {
            children.append(
                try program.start(["build", "--on", "desk"], in: work.place(tree), error: errors[i]))
        }
        for (i, child) in children.enumerated() {
            let status = child.wait()
            #expect(status == 0, "\(i) \((try? String(contentsOfFile: errors[i], encoding: .utf8)) ?? "")")
        }
        try expectWarm(kernel.initial)
        let listed = try program.run(["build", "--list", "--on", "desk"], in: work.place("tree"))
        #expect(listed.status == 0 && listed.output.split(separator: "\n").count == 3, "\(listed)")
        #expect(listed.output.contains(":\(work.place("other").resolvingSymlinksInPath().path)"))
        let here = try program.run(["build", "--list"], in: work.place("tree"))
        #expect(here.output.split(separator: "\n").count == 1, "\(here)")
        let cleaned = try program.run(["build", "--clean", "--on", "desk"], in: work.place("tree"))
        #expect(cleaned.output.split(separator: "\n").count == 2, "\(cleaned)")
        let none = try program.run(["build", "--list", "--on", "desk"], in: work.place("tree"))
        #expect(none.output.split(separator: "\n").count == 1, "\(none)")
        let unknown = try program.run(
            ["build", "--clean", "--on", "desk", "0123456789abcdef"], in: work.place("tree"))
        #expect(unknown.status == 1 && unknown.error.contains("there is no workspace"), "\(unknown)")
        let again = try build()
        #expect(again.status == 0 && compiled(again).contains("core/run.o"), "\(again)")
        try expectWarm(kernel.initial)
    }

    @Test(.enabled(if: TestSSHServer.isIsolated)) func aKeyThatMayOnlyPull() throws {
        let far = server.home.path
        let added = try program.run(["store", "add", "team", "desk:store"], in: work.place("tree"))
        #expect(added.status == 0, "\(added)")
        try server.restrict(to: "\(far)/.local/bin/kcache serve --stdio --read-only \(far)/store")
        let refused = try program.run(["build", "--on", "restricted"], in: work.place("tree"))
        #expect(refused.status == 1, "\(refused)")
        #expect(refused.error.contains("may not be written to over this connection"), "\(refused)")
        try server.restrict(to: "\(far)/.local/bin/kcache serve --stdio \(far)/store")
        let store = try program.run(["build", "--on", "restricted"], in: work.place("tree"))
        #expect(
            store.status == 1 && store.error.contains("nothing is built over this connection"), "\(store)")
    }

    /// On a terminal make prints to one there, of the same size, and colours come through.
    @Test func onATerminal() throws {
        var state = kernel.initial
        let makefile = state.files["core/Makefile"] ?? ""
        try edit(
            &state, "core/Makefile",
            makefile + "\n$(info size $(shell stty size <&2) tty $(shell test -t 2 && echo yes))\n")
        let terminal = try TestTerminal(
            [Program.path, "build", "--on", "desk"], in: work.place("tree"), environment: program.environment)
        #expect(terminal.wait() == [0, 0], "\(terminal.text)")
        #expect(terminal.text.contains("size 40 \(TestTerminal.columns) tty yes"), "\(terminal.text)")
        try expectWarm(state)
    }

    // MARK: What make does not see

    /// A header that now comes first, a script that make does not know of, a link in a header's place.
    @Test func whatMakeDoesNotSee() throws {
        var state = kernel.initial
        state.files["include/fake/old.h"] = "#define FAKE_LIMIT 48\n"
        try state.write(to: work.place("tree"), replacing: kernel.initial)
        #expect(try build().status == 0)
        try edit(&state, "scripts/fake/pack.sh", "pack() { tr a-z d-za-c; }\n")
        #expect(try build().status == 0)
        try expectWarm(state)
        let shadow = "arch/fake/include/fake/limits.h"
        try edit(&state, shadow, "#define FAKE_LIMIT 40\n")
        #expect(try build().status == 0)
        try expectWarm(state)
        try edit(&state, shadow, nil)
        #expect(try build().status == 0)
        try expectWarm(state)
        // The file behind it is older than all that was built.
        let header = work.place("tree/include/fake/limits.h")
        try FileManager.default.removeItem(at: header)
        try FileManager.default.createSymbolicLink(atPath: header.path, withDestinationPath: "old.h")
        state.files["include/fake/limits.h"] = state.files["include/fake/old.h"]
        #expect(try build().status == 0)
        try expectWarm(state)
    }

    /// What is written there now must be newer than what was built there, whatever the clock says.
    @Test(arguments: ["1 hour", "3 seconds"]) func theClockThereGoesBack(_ time: String) throws {
        var state = kernel.initial
        #expect(try build().status == 0)
        try edit(&state, "core/run.c", (state.files["core/run.c"] ?? "") + "int kcache_edit = 3;\n")
        try server.run("find .cache/kcache/builds/*/tree -type f -exec touch -d '\(time)' {} +")
        let next = try build()
        #expect(next.status == 0 && compiled(next).contains("core/run.o"), "\(next)")
        #expect(next.error.contains("the clock there went back") == (time == "1 hour"), "\(next)")
        try expectWarm(state)
        #expect(try compiled(build()).isEmpty)
    }

    @Test func filesAndFoldersChangePlaces() throws {
        var state = kernel.initial
        let makefile = state.files["core/Makefile"] ?? ""
        try edit(&state, "core/place", "a file\n")
        #expect(try build().status == 0)
        try FileManager.default.removeItem(at: work.place("tree/core/place"))
        var other = state
        other.files["core/place"] = nil
        other.files["core/place/late.c"] = "int kcache_late = 4;\n"
        other.files["core/place/Makefile"] = "obj-y := late.o\n"
        other.files["core/Makefile"] = makefile + "\nobj-y += place/\n"
        state.files["core/place"] = nil
        try other.write(to: work.place("tree"), replacing: state)
        let folder = try build()
        #expect(folder.status == 0 && compiled(folder).contains("core/place/late.o"), "\(folder)")
        try expectWarm(other)
        try FileManager.default.removeItem(at: work.place("tree/core/place"))
        for path in ["core/place/late.c", "core/place/Makefile"] { other.files[path] = nil }
        state.files["core/place"] = "a file\n"
        try state.write(to: work.place("tree"), replacing: other)
        let file = try build()
        #expect(file.status == 0, "\(file)")
        try expectWarm(state)
        try server.run("test -f .cache/kcache/builds/*/tree/core/place")
    }

    /// What git tracks here is no output there, where no git knows of it.
    @Test func aTrackedFileThatLooksLikeAnOutput() throws {
        let tree = work.place("tree")
        let git = "git -c user.name=a -c user.email=a@b"
        try Shell.run(
            ["sh", "-ec", "git init -q . && echo x >modules.nsdeps && git add -A && \(git) commit -qm 1"],
            in: tree)
        #expect(try build().status == 0)
        try Shell.run(["sh", "-ec", "git rm -q modules.nsdeps && \(git) commit -qm 2"], in: tree)
        #expect(try build().status == 0)
        #expect(!FileManager.default.fileExists(atPath: tree.appending(path: "modules.nsdeps").path))
        #expect(try !server.run("ls .cache/kcache/builds/*/tree").contains("modules.nsdeps"))
    }

    // MARK: Kills

    /// A make that is killed leaves files half written, which look new.
    @Test func halfAnObject() throws {
        #expect(try build().status == 0)
        try server.run(
            "cd .cache/kcache/builds/*/tree/core && head -c 200 queue.o >half && cat half >queue.o && rm half"
        )
        let next = try build()
        #expect(next.status == 0 && compiled(next).contains("core/queue.o"), "\(next)")
        try expectWarm(kernel.initial)
    }

    /// Its make goes on when the far kcache is killed: no other may begin beside it.
    @Test func whatIsLeftOfAKilledBuildIsWaitedFor() throws {
        var state = kernel.initial
        let makefile = state.files["core/Makefile"] ?? ""
        try edit(
            &state, "core/Makefile",
            makefile
                + "\n$(obj)/run.o: slow\nslow:\n\ttouch $(HOME)/slow; while test -e $(HOME)/gate; do sleep 0.1; done\n"
                + ".PHONY: slow\n")
        try server.run("rm -f slow; touch gate")
        let child = try program.start(
            ["build", "--on", "desk"], in: work.place("tree"), output: work.place("log").path,
            error: work.place("error").path)
        wait(seconds: 120) { (try? server.run("test -e slow && echo yes"))?.contains("yes") == true }
        for server in server.servers() { kill(server, SIGKILL) }
        #expect(child.wait() == 1)
        try edit(&state, "core/Makefile", makefile)
        let error = work.place("second-error").path
        let second = try program.start(
            ["build", "--on", "desk"], in: work.place("tree"), output: work.place("second-log").path,
            error: error)
        func text() -> String { (try? String(contentsOfFile: error, encoding: .utf8)) ?? "" }
        wait(seconds: 120) { text().contains("waiting for another build of this tree") }
        #expect(text().contains("waiting for another build of this tree"), "\(text())")
        try server.run("rm gate")
        #expect(second.wait() == 0, "\(text())")
        try expectWarm(state)
    }

    // MARK: Other

    /// Flags in the environment there are not this tree's.
    @Test(.enabled(if: TestSSHServer.isIsolated)) func theEnvironmentThere() throws {
        try server.run(
            "echo 'export KCFLAGS=-DTHERE KBUILD_BUILD_USER=somebody KBUILD_OUTPUT=/tmp/x' >.bashrc")
        #expect(try server.run("echo $KCFLAGS").contains("THERE"))
        let built = try build()
        #expect(built.status == 0, "\(built)")
        try expectWarm(kernel.initial)
    }

    /// A tree of which a pull brought a part.
    @Test func aPartialTree() throws {
        #expect(try build().status == 0)
        #expect(try program.run(["push"], in: work.place("tree")).status == 0)
        try FileManager.default.moveItem(at: work.place("tree"), to: work.place("built"))
        try kernel.makeCheckout(at: work.place("tree"), kernel.initial)
        let part = try program.run(["pull", "--only", "install"], in: work.place("tree"))
        #expect(part.status == 0, "\(part)")
        let built = try build()
        #expect(built.status == 0, "\(built)")
        try expectWarm(kernel.initial)
        #expect(try program.run(["status"], in: work.place("tree")).output.hasPrefix("warm"))
    }

    private func wait(seconds: Int, until condition: () -> Bool) {
        for _ in 0..<(seconds * 5) {
            if condition() { return }
            usleep(200_000)
        }
    }
}
