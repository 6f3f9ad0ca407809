import Foundation
import Glibc
import TestKernel
import Testing

/// What make does after a push or a pull, on filesystems that keep times, names and links in their own ways.
@Suite(.serialized, .enabled(if: getuid() == 0, "mounting needs root")) struct FilesystemTests {
    /// A carried build on each of them is in `TreeMatrixTests`.
    static var kinds: [MountedFilesystem.Kind] {
        let isFull = ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil
        return isFull
            ? MountedFilesystem.Kind.allCases.filter { $0 != .foldingCase }
            : [.ext4WholeSeconds, .bindfs]
    }

    /// One filesystem, its trees, and a store elsewhere.
    private struct Trial {
        let kind: MountedFilesystem.Kind
        let work: Workplace
        let kernel: FakeKernel
        let mounted: MountedFilesystem
        let environment: [String: String]

        init(_ kind: MountedFilesystem.Kind, lower: [String] = []) throws {
            self.kind = kind
            work = try Workplace()
            kernel = try FakeKernel.prepared()
            // What an overlay shows of the folder below it.
            if kind == .overlay {
                for name in lower {
                    let place = work.place("lower").appending(path: name)
                    try FileManager.default.createDirectory(
                        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
                    try kernel.makeCheckout(at: place, kernel.initial)
                }
            }
            do {
                mounted = try MountedFilesystem(kind, in: work)
            } catch let error as MountedFilesystem.NotMounted { try Test.cancel("\(error)") }
            environment = FakeKernel.pins.merging([
                "HOME": work.place("home").path, "TZ": "UTC", "LC_ALL": "C",
            ]) { $1 }
        }

        func checkout(_ name: String, _ state: FakeState) throws {
            guard !FileManager.default.fileExists(atPath: mounted.outside(name).path) else { return }
            try kernel.makeCheckout(at: mounted.outside(name), state)
        }

        func kcache(_ words: [String], _ name: String) throws -> BuildResult {
            try mounted.run(
                [Program.path, words[0], "-C", mounted.inside(name).path] + words.dropFirst(),
                environment: environment)
        }

        func kcacheMake(_ name: String) throws -> BuildResult {
            try mounted.run(
                [Program.path, "make", "--explain", "-C", mounted.inside(name).path, "-j2"],
                environment: environment)
        }

        func make(_ name: String) throws -> BuildResult {
            try mounted.run(["make", "-C", mounted.inside(name).path, "-j2"], environment: environment)
        }

        func expectDone(_ result: BuildResult, _ what: String) {
            #expect(result.status == 0, "\(kind), \(what): \(result.log.suffix(2000))")
        }

        /// Plain make does just these compile steps, and ends in a clean build.
        func expectMake(
            _ name: String, compiles expected: [String], _ state: FakeState, _ what: String
        ) throws {
            let before = try MadeTargets.times(mounted.outside(name))
            let result = try make(name)
            expectDone(result, what)
            let compiled = result.toolSteps.filter { step in
                !["LD ", "AR ", "AS      .tmp_"].contains { step.hasPrefix($0) }
            }
            #expect(compiled == expected, "\(kind), \(what)")
            if expected.isEmpty {
                let after = try MadeTargets.times(mounted.outside(name))
                #expect(before == after, "\(kind), \(what): something was made: \(result.log.suffix(1500))")
            }
            try expectClean(mounted.outside(name), state, what)
        }

        func expectClean(_ tree: URL, _ state: FakeState, _ what: String) throws {
            let differences = try kernel.differences(of: tree, from: state)
            #expect(differences.isEmpty, "\(kind), \(what): \(differences)")
        }

        func edit(_ state: inout FakeState, _ name: String, _ path: String, _ text: String) throws {
            state.files[path, default: ""] += text
            try (state.files[path] ?? "").write(
                to: mounted.outside(name).appending(path: path), atomically: false, encoding: .utf8)
        }
    }

    @Test(arguments: kinds) func makeDoesAfterAPullWhatItShould(kind: MountedFilesystem.Kind) throws {
        let trial = try Trial(kind, lower: ["built", "pulled"])
        var state = trial.kernel.initial
        try trial.checkout("built", state)
        trial.expectDone(try trial.make("built"), "the build")
        trial.expectDone(try trial.kcache(["push"], "built"), "push")

        // Pulled elsewhere.
        let there = trial.work.place("there")
        try trial.kernel.makeCheckout(at: there, state)
        let pulled = try Shell.outcome(
            [Program.path, "pull", "-C", there.path], environment: trial.environment)
        trial.expectDone(pulled, "pull elsewhere")
        let made = try trial.kernel.build(there)
        #expect(made.status == 0 && made.toolSteps.isEmpty, "\(kind), elsewhere: \(made.log)")
        try trial.expectClean(there, state, "elsewhere")

        // Pulled here, and edited at once, in the tick in which the pull ended.
        try trial.checkout("pulled", state)
        trial.expectDone(try trial.kcache(["pull"], "pulled"), "pull")
        try trial.expectMake("pulled", compiles: [], state, "make after a pull")
        trial.expectDone(try trial.kcache(["pull"], "pulled"), "a second pull")
        try trial.edit(&state, "pulled", "core/run.c", "\nint edited_at_once(void) { return 1; }\n")
        try trial.expectMake("pulled", compiles: ["CC      core/run.o"], state, "an edit at once")
        try trial.expectMake("pulled", compiles: [], state, "make again")

        // What differs from the snapshot, and only that.
        trial.expectDone(try trial.kcache(["pull"], "pulled"), "a pull over an edit")
        try trial.expectMake(
            "pulled", compiles: ["CC      core/run.o"], state, "make after a pull over an edit")
        try expectNothingToDo(trial, "pulled")
    }

    /// `kcache make` has nothing to do in the end, or says why it can't tell.
    private func expectNothingToDo(_ trial: Trial, _ name: String) throws {
        var log = ""
        for _ in 0..<4 {
            let result = try trial.kcacheMake(name)
            trial.expectDone(result, "kcache make")
            #expect(result.toolSteps.isEmpty, "\(trial.kind): \(result.log)")
            log = result.log
            if trial.kind.isForeign, log.contains("is on a network or foreign filesystem") { return }
            if log.contains("nothing to do") { break }
        }
        #expect(!trial.kind.isForeign && log.contains("nothing to do"), "\(trial.kind): \(log)")
        // A new edit is seen.
        try Shell.run(["sh", "-c", "echo 'int seen;' >>core/queue.c"], in: trial.mounted.outside(name))
        let result = try trial.kcacheMake(name)
        #expect(result.toolSteps.contains("CC      core/queue.o"), "\(trial.kind): \(result.log)")
    }

    /// A source written twice in a tick, with a push between: the stat data of the two may be the same.
    @Test(arguments: kinds) func aSourceWrittenTwiceInATick(kind: MountedFilesystem.Kind) throws {
        let trial = try Trial(kind)
        let initial = trial.kernel.initial
        try trial.checkout("tree", initial)
        trial.expectDone(try trial.make("tree"), "the build")
        trial.expectDone(try trial.kcache(["push"], "tree"), "push")
        let text = initial.files["core/run.c"] ?? ""
        let file = trial.mounted.outside("tree/core/run.c")
        func write(_ number: Int) throws {
            try (text + "\nint kcache_number = \(number);\n").write(
                to: file, atomically: false, encoding: .utf8)
        }
        try write(1)
        trial.expectDone(try trial.kcache(["push"], "tree"), "push of the first")
        try write(2)
        trial.expectDone(try trial.kcache(["push"], "tree"), "push of the second")
        // What lies in the store is the second, and the object is not taken for made from it.
        var state = initial
        state.files["core/run.c"] = text + "\nint kcache_number = 2;\n"
        let there = trial.work.place("there")
        try trial.kernel.makeCheckout(at: there, state)
        let pulled = try Shell.outcome(
            [Program.path, "pull", "-C", there.path], environment: trial.environment)
        trial.expectDone(pulled, "pull elsewhere")
        #expect(!pulled.log.contains("differ"), "\(kind): \(pulled.log)")
        let made = try trial.kernel.build(there)
        #expect(made.toolSteps.contains("CC      core/run.o"), "\(kind): \(pulled.log)\(made.log)")
        try trial.expectClean(there, state, "elsewhere")
    }

    /// A tree that nothing can be written to is pushed as any other.
    @Test func pushOfAReadOnlyTree() throws {
        let trial = try Trial(.tmpfs)
        try trial.checkout("tree", trial.kernel.initial)
        trial.expectDone(try trial.make("tree"), "the build")
        let remounted = try trial.mounted.run(
            ["mount", "-o", "remount,ro", trial.mounted.place.path], environment: trial.environment)
        trial.expectDone(remounted, "remount")
        for _ in 0..<2 { trial.expectDone(try trial.kcache(["push"], "tree"), "push") }
        let there = trial.work.place("there")
        try trial.kernel.makeCheckout(at: there, trial.kernel.initial)
        let pulled = try Shell.outcome(
            [Program.path, "pull", "-C", there.path], environment: trial.environment)
        trial.expectDone(pulled, "pull elsewhere")
        #expect(try trial.kernel.build(there).toolSteps.isEmpty)
        try trial.expectClean(there, trial.kernel.initial, "elsewhere")
        let refused = try trial.kcache(["pull"], "tree")
        #expect(refused.status == 1 && refused.log.contains("ead-only file system"), "\(refused.log)")
    }

    /// NTFS lists names in small letters there, and make finds no Makefile.
    @Test func namesThatLoseTheirCase() throws {
        let trial = try Trial(.foldingCase)
        let tree = try SmallTree(trial.work.place("tree"))
        let pushed = try Shell.outcome(
            [Program.path, "push", "-C", tree.root.path], environment: trial.environment)
        trial.expectDone(pushed, "push")
        let refused = try trial.kcache(["pull"], "new")
        #expect(
            refused.status == 1 && refused.log.contains("does not keep the case of names"), "\(refused.log)")
        #expect(try Shell.files(in: trial.mounted.outside("new")).isEmpty)
    }

    /// Where no link can be made, nothing is begun. (strace answers for such a filesystem.)
    @Test func noSymbolicLinks() throws {
        let work = try Workplace()
        let tree = try SmallTree(work.place("tree"))
        try FileManager.default.createSymbolicLink(
            atPath: tree.root.appending(path: "d/link").path, withDestinationPath: "f0.c")
        #expect(try work.program.run(["push"], in: tree.root).status == 0)
        var program = work.program
        program.prefix = [
            "/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=symlinkat", "-e",
            "inject=symlinkat:error=EPERM",
        ]
        let refused = try program.run(["pull"], in: work.place("new"))
        #expect(
            refused.status == 1 && refused.error.contains("d/link is a symbolic link, and the filesystem of"),
            "\(refused)")
        #expect(try Shell.files(in: work.place("new")).isEmpty)
    }

    /// Outputs with the same long content share their blocks where the filesystem can.
    @Test(arguments: [MountedFilesystem.Kind.btrfs, .xfs, .xfsWithoutReflink, .ext4WholeSeconds])
    func longCopiesAreCloned(kind: MountedFilesystem.Kind) throws {
        let trial = try Trial(kind)
        let tree = try SmallTree(trial.work.place("tree"))
        let big = tree.root.appending(path: "d/big.o")
        try FileManager.default.copyItem(at: big, to: tree.root.appending(path: "d/copy.o"))
        try tree.put("d/.copy.o.cmd", "cmd_d/copy.o := cp d/big.o d/copy.o\n")
        try tree.put("vmlinux", "the kernel")
        try tree.put(".vmlinux.cmd", "cmd_vmlinux := ld -o vmlinux d/big.o\n")
        let pushed = try Shell.outcome(
            [Program.path, "push", "-C", tree.root.path], environment: trial.environment)
        trial.expectDone(pushed, "push")
        trial.expectDone(try trial.kcache(["pull"], "new"), "pull")
        let (one, other) = (trial.mounted.outside("new/d/big.o"), trial.mounted.outside("new/d/copy.o"))
        for file in [one, other] {
            #expect(try Data(contentsOf: file) == Data(contentsOf: big))
            let extents = try Shell.run(["/usr/sbin/filefrag", "-s", "-v", file.path])
            #expect(extents.contains("shared") == kind.clones, "\(kind): \(extents)")
        }
    }
}
