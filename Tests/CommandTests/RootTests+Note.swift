import Foundation
import TestKernel
import Testing

/// Who knows which tools built a tree, and what that allows.
extension RootTests {
    private func made(_ tree: SmallTree) throws -> Int {
        let file = tree.root.appending(path: "made")
        return FileManager.default.fileExists(atPath: file.path) ? try text(file).utf8.count / 5 : 0
    }

    private func note(_ folder: URL) -> URL { folder.appending(path: ".kcache-tmp-root") }

    private func hasNote(_ folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: note(folder).path)
    }

    @Test func aTreeOfTheMachinesToolsIsNoRoots() throws {
        let place = try Workplace()
        var desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        let (tree, store) = (try tree(place), place.place("store").path)
        let words = ["push", "--root", source.url.path, store]
        let refused = try desk.run(words, in: tree.root)
        #expect(refused.status == 1)
        #expect(refused.error.contains("was not built in the root"), "\(refused.error)")
        // Neither has a compiler: what built it is the same.
        try Shell.run(["rm", source.url.appending(path: "usr/bin/gcc").path])
        let bin = place.place("bin")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        try Shell.run([
            "sh", "-c", "for tool in bwrap git sh; do ln -s \"$(command -v $tool)\" \"$1\"; done", "sh",
            bin.path,
        ])
        desk.environment["PATH"] = bin.path
        let pushed = try desk.run(words, in: tree.root)
        #expect(pushed.status == 0, "\(pushed.error)")
    }

    @Test func aMovedTreeStaysTheRoots() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        #expect(try desk.run(["root", "create", "small", source.url.path], in: place.url).status == 0)
        let (tree, store) = (try tree(place), place.place("store").path)
        #expect(
            try desk.run(["make", "--root", "small", "-C", tree.root.path, "d/f0.o"], in: tree.root).status
                == 0)
        #expect(try made(tree) == 1)
        let moved = place.place("moved")
        try Shell.run(["cp", "-a", tree.root.path, moved.path])
        try Shell.run(["rm", "-rf", tree.root.path, desk.home.appending(path: ".cache").path])
        let outside = try desk.run(["push", store], in: moved)
        #expect(outside.status == 1)
        #expect(outside.error.contains("push it with --root small"), "\(outside.error)")
        let pushed = try desk.run(["push", "--root", "small", store], in: moved)
        #expect(pushed.status == 0, "\(pushed.error)")
        let fresh = place.place("fresh")
        try FileManager.default.createDirectory(at: fresh, withIntermediateDirectories: true)
        let pulled = try desk.run(["pull", "--root", "small", store], in: fresh)
        #expect(pulled.status == 0, "\(pulled.error)")
        #expect(hasNote(fresh))
        let run = try desk.run(["make", "-C", moved.path, "d/f0.o"], in: moved)
        #expect(run.status == 0 && run.error.contains("builds everything anew"), "\(run.error)")
        #expect(try text(moved.appending(path: "made")).utf8.count / 5 == 2)
        #expect(!hasNote(moved))
    }

    @Test func everyMakeThatCompilesLooks() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        let tree = try tree(place)
        func make(_ words: String...) throws -> Program.Result {
            try desk.run(["make"] + words + ["-C", tree.root.path], in: tree.root)
        }
        let root = source.url.path
        #expect(try make("--root", root, "everything").error.contains("builds everything anew"))
        #expect(try made(tree) == 1)
        // These compile nothing.
        for words in [
            ["-n", "everything"], ["-q", "everything"], ["-t", "everything"], ["modules_install"], ["clean"],
        ] {
            _ = try desk.run(["make"] + words + ["-C", tree.root.path], in: tree.root)
            #expect(hasNote(tree.root), "\(words)")
        }
        #expect(try made(tree) == 1)
        let mixed = try make("everything", "modules_install")
        #expect(mixed.error.contains("builds everything anew"), "\(mixed.error)")
        #expect(try made(tree) == 2)
        #expect(!hasNote(tree.root))
        #expect(try make("--root", root, "-i", "d/f0.o").error.contains("builds everything anew"))
        #expect(try made(tree) == 3)
        #expect(try make("-i", "d/f0.o").error.contains("builds everything anew"))
        #expect(try made(tree) == 4)
    }

    @Test func modulesAreBuiltOutsideAndThatIsSaid() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        let tree = try tree(place)
        let module = place.place("module")
        func make(_ words: String...) throws -> Program.Result {
            try desk.run(["make"] + words + ["-C", tree.root.path, "d/f0.o"], in: tree.root)
        }
        let refused = try make("--root", source.url.path, "M=\(module.path)")
        #expect(refused.status == 2)
        #expect(refused.error.contains("can't build external modules yet"))
        #expect(!FileManager.default.fileExists(atPath: module.path))
        #expect(try make("--root", source.url.path).status == 0)
        let outside = try make("M=\(module.path)")
        #expect(outside.status == 0)
        #expect(
            outside.error.contains("this module is built with the machine's own tools"), "\(outside.error)")
        #expect(try made(tree) == 1 && hasNote(tree.root))
    }

    @Test func withoutAnAnswerNothingIsMade() throws {
        let place = try Workplace()
        var desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        let tree = try tree(place)
        #expect(
            try desk.run(["make", "--root", source.url.path, "-C", tree.root.path, "d/f0.o"], in: tree.root)
                .status == 0)
        let cache = desk.home.appending(path: ".cache")
        try Shell.run(["rm", "-rf", cache.path])
        try "".write(to: cache, atomically: false, encoding: .utf8)
        let run = try desk.run(["make", "-C", tree.root.path, "d/f0.o"], in: tree.root)
        #expect(run.status == 2, "\(run.error)")
        #expect(run.error.contains("can't be told"), "\(run.error)")
        #expect(hasNote(tree.root))
        try Shell.run(["rm", cache.path])
        // An engine that fails is no compiler without a version.
        let bin = place.place("bin")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        try Shell.run([
            "sh", "-c",
            """
            printf '#!/bin/sh\ncase "$*" in *--version*) exit 1;; esac\nexec /usr/bin/bwrap "$@"\n' > "$1/bwrap"
            chmod +x "$1/bwrap"; rm "$2"
            """, "sh", bin.path, note(tree.root).path,
        ])
        desk.environment["PATH"] = "\(bin.path):/usr/bin:/bin"
        let failed = try desk.run(
            ["make", "--root", source.url.path, "-C", tree.root.path, "d/f0.o"], in: tree.root)
        #expect(failed.status == 2)
        #expect(failed.error.contains("enter the root"), "\(failed.error)")
        #expect(try made(tree) == 1)
    }

    @Test func aDamagedNoteVouchesForNothing() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let tree = try tree(place)
        try "?".write(to: note(tree.root), atomically: false, encoding: .utf8)
        let pushed = try desk.run(["push", place.place("store").path], in: tree.root)
        #expect(pushed.status == 1)
        #expect(pushed.error.contains("nobody knows with which tools"), "\(pushed.error)")
        let run = try desk.run(["make", "-C", tree.root.path, "d/f0.o"], in: tree.root)
        #expect(run.status == 0 && run.error.contains("builds everything anew"), "\(run.error)")
        #expect(try made(tree) == 1 && !hasNote(tree.root))
    }

    /// Older than what marks outputs as stale.
    @Test func sourcesWithoutTimesAreBuiltAnewAsWell() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        let tree = try tree(place)
        try Shell.run(["touch", "-d", "@1", tree.root.appending(path: "d/f0.c").path])
        for round in 1...2 {
            let run = try desk.run(
                ["make", "--root", source.url.path, "-C", tree.root.path, "d/f0.o"], in: tree.root)
            #expect(
                run.status == 0 && run.error.contains("builds everything anew") == (round == 1),
                "\(run.error)")
            #expect(try made(tree) == 1)
        }
    }

    @Test func aKilledPullIsNobodys() throws {
        let place = try Workplace()
        let (desk, laptop) = (try machine(place, "desk"), try machine(place, "laptop"))
        let source = try SmallRoot(place.place("source"))
        let (tree, store) = (try tree(place), place.place("store").path)
        let root = source.url.path
        #expect(
            try desk.run(["make", "--root", root, "-C", tree.root.path, "d/f0.o"], in: tree.root).status == 0)
        let pushed = try desk.run(["push", "--root", root, store], in: tree.root)
        #expect(pushed.status == 0, "\(pushed.error)")
        let fresh = place.place("fresh")
        try FileManager.default.createDirectory(at: fresh, withIntermediateDirectories: true)
        // Ends with the first large output.
        var killed = laptop
        killed.prefix = ["/usr/bin/prlimit", "--fsize=100000"]
        #expect(try killed.run(["pull", "--root", root, store], in: fresh).status != 0)
        #expect(hasNote(fresh))
        let outside = try laptop.run(["push", place.place("other").path], in: fresh)
        #expect(outside.status == 1)
        let again = try laptop.run(["pull", "--root", root, store], in: fresh)
        #expect(again.status == 0, "\(again.error)")
        let whole = try laptop.run(["push", place.place("other").path], in: fresh)
        #expect(whole.error.contains("was built in the root"), "\(whole.error)")
    }

    @Test func aRootsShellGetsNothingOfTheMachine() throws {
        let place = try Workplace()
        var desk = try machine(place, "desk")
        desk.environment["TOKEN"] = "not for the root"
        let source = try SmallRoot(place.place("source"))
        try Shell.run(["rm", source.url.appending(path: "usr/bin/sh").path])
        try source.putProgram(
            "usr/bin/sh", "#!/usr/bin/dash\ntest -z \"$TOKEN\" || exit 9\nexec /usr/bin/dash \"$@\"\n")
        let tree = try tree(place)
        let run = try desk.run(
            ["make", "--root", source.url.path, "-C", tree.root.path, "d/f0.o"], in: tree.root)
        #expect(run.status == 0, "\(run.error)")
    }

    @Test func statusWantsTheRootOfTheTree() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        let tree = try tree(place)
        try tree.put("d/built-in.a", "archive\n")
        try tree.put("d/.built-in.a.cmd", "cmd_d/built-in.a := ar rcs d/built-in.a d/f0.o\n")
        let root = source.url.path
        let before = try desk.run(["status", "--root", root], in: tree.root)
        #expect(before.status == 1)
        #expect(before.error.contains("was not built in a root"), "\(before.error)\(before.output)")
        #expect(
            try desk.run(["make", "--root", root, "-C", tree.root.path, "d/f0.o"], in: tree.root).status == 0)
        let outside = try desk.run(["status"], in: tree.root)
        #expect(outside.status == 1)
        #expect(outside.error.contains("kcache status --root \(root)"), "\(outside.error)")
        let inside = try desk.run(["status", "--root", root], in: tree.root)
        #expect(!inside.error.contains("kcache status"), "\(inside.error)")
    }
}
