import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Toolchains that change, caches that can't be used, and many runs at once.
@Suite(.serialized) struct ProbeFaultTests {
    /// A tree whose makefile asks a few questions of `$(CC)`.
    private func tree() throws -> LiteralTree {
        let makefile = """
            CC = gcc
            include scripts/Kbuild.include
            TMPOUT = .tmp_$$$$
            n := 1 2 3 4 5 6
            $(foreach i,$(n),$(info $(i) $(call try-run,$(CC) -DX=$(i) -c -x c /dev/null -o "$$TMP",y$(i),n$(i))))
            all: ; @:
            """
        return try LiteralTree([
            "Makefile": makefile,
            "scripts/Kbuild.include":
                "try-run = $(shell set -e; TMP=$(TMPOUT)/t; mkdir -p $(TMPOUT); trap \"rm -rf $(TMPOUT)\" EXIT; "
                + "if ($(1)) >/dev/null 2>&1; then echo \"$(2)\"; else echo \"$(3)\"; fi)\n",
        ])
    }

    private func url(_ tree: LiteralTree) -> URL { URL(fileURLWithPath: tree.path.string) }

    private func settle() { Thread.sleep(forTimeInterval: 0.05) }

    /// Runs until answers are kept, and shows that the next run asks nothing.
    private func warm(_ trial: ProbeTrial, _ tree: LiteralTree) throws {
        let first = try trial.make(url(tree))
        #expect(first.summary.kept == 6, "\(first.summary) \(first.explanation)")
        #expect(try trial.make(url(tree)).summary.kept == 0)
    }

    private func script(_ path: String, _ text: String) throws {
        // As a package manager does: a new file takes the old one's name.
        try text.write(toFile: path + ".new", atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path + ".new")
        try Shell.run(["mv", "-f", path + ".new", path])
    }

    @Test func compilerReplacedUnderTheSameNameAndTime() throws {
        let tree = try tree()
        let bin = try LiteralTree([:])
        var trial = ProbeTrial()
        defer { trial.remove() }
        let gcc = "\(bin.path)/gcc"
        try Shell.run(["cp", "-L", "/usr/bin/gcc", gcc])
        trial.environment["PATH"] = "\(bin.path):/usr/bin:/bin"
        settle()
        let before = try #require(trial.identity().identity)
        try warm(trial, tree)
        #expect(trial.identity().identity == before)
        // One byte behind the end: the same version text, name and times.
        try Shell.run([
            "sh", "-c",
            "cp -p \"$0\" \"$0.x\" && printf x >>\"$0.x\" && touch -r \"$0\" \"$0.x\" && mv \"$0.x\" \"$0\"",
            gcc,
        ])
        #expect(!before.holds())
        settle()
        let after = try #require(trial.identity().identity)
        #expect(after.digest != before.digest)
        #expect(try trial.make(url(tree)).summary.kept == 6)
    }

    @Test func compilerReplacedWhileMakeRuns() throws {
        let tree = try tree()
        let bin = try LiteralTree([:])
        var trial = ProbeTrial()
        defer { trial.remove() }
        try Shell.run(["cp", "-L", "/usr/bin/gcc", "\(bin.path)/gcc"])
        trial.environment["PATH"] = "\(bin.path):/usr/bin:/bin"
        settle()
        let name = try #require(TreePath("Makefile"))
        let makefile = try #require(try tree.directory.readFile(name))
        try tree.directory.remove(name)
        try tree.add("Makefile", makefile + Array("\n$(shell touch \(bin.path)/gcc)\n".utf8))
        let outcome = try trial.make(url(tree))
        #expect(outcome.summary.kept == 0)
        #expect(outcome.summary.refused.keys.contains { $0.contains("changed while") })
    }

    @Test func wrapperScriptWhoseTargetChanges() throws {
        let tree = try tree()
        let bin = try LiteralTree([:])
        var trial = ProbeTrial()
        defer { trial.remove() }
        let target = "\(bin.path)/real-gcc"
        try Shell.run(["cp", "-L", "/usr/bin/gcc", target])
        try script("\(bin.path)/mygcc", "#!/bin/sh\n# ours\nexec \(target) -O1 \"$@\"\n")
        trial.variables["CC"] = "\(bin.path)/mygcc"
        settle()
        let before = try #require(trial.identity().identity)
        try warm(trial, tree)
        try Shell.run([
            "sh", "-c", "cp -p \"$0\" \"$0.x\" && printf y >>\"$0.x\" && mv \"$0.x\" \"$0\"", target,
        ])
        settle()
        #expect(try #require(trial.identity().identity).digest != before.digest)
        // A script that does more than run a compiler says nothing of what it runs.
        try script("\(bin.path)/mygcc", "#!/bin/sh\n[ -f x ] && exec cc1 \"$@\"\nexec \(target) \"$@\"\n")
        settle()
        guard case .unfit(let reason) = trial.identity() else {
            Issue.record("an unknown script was taken")
            return
        }
        #expect(reason.contains("mygcc"))
        let outcome = try trial.make(url(tree))
        #expect(!outcome.isCaching)
        #expect(outcome.log == (try trial.make(url(tree), plainly: true).log))
    }

    @Test func orderOfPathCounts() throws {
        let tree = try tree()
        let (a, b) = (try LiteralTree([:]), try LiteralTree([:]))
        var trial = ProbeTrial()
        defer { trial.remove() }
        for (place, text) in [(a, "a"), (b, "b")] {
            try Shell.run(["cp", "-L", "/usr/bin/gcc", "\(place.path)/gcc"])
            try Shell.run(["sh", "-c", "printf \(text) >>\(place.path)/gcc"])
        }
        settle()
        trial.environment["PATH"] = "\(a.path):\(b.path):/usr/bin:/bin"
        let first = try #require(trial.identity().identity)
        try warm(trial, tree)
        trial.environment["PATH"] = "\(b.path):\(a.path):/usr/bin:/bin"
        #expect(try #require(trial.identity().identity).digest != first.digest)
        // A program that appears in front of the one that was found.
        let c = try LiteralTree([:])
        trial.environment["PATH"] = "\(c.path):\(b.path):/usr/bin:/bin"
        let second = try #require(trial.identity().identity)
        try Shell.run(["cp", "-L", "/usr/bin/gcc", "\(c.path)/gcc"])
        #expect(!second.holds())
        trial.environment["PATH"] = ".:/usr/bin:/bin"
        #expect(trial.identity().identity == nil)
    }

    @Test func compilersWithBlanksAndWrappers() throws {
        let tree = try tree()
        var trial = ProbeTrial()
        defer { trial.remove() }
        trial.variables["CC"] = "gcc -m64"
        try warm(trial, tree)
        let plain = try #require(trial.identity().identity)
        trial.variables["CC"] = "gcc"
        #expect(try #require(trial.identity().identity).digest != plain.digest)
        // An ELF file of that name is taken for ccache; the compiler behind it counts.
        let bin = try LiteralTree([:])
        try Shell.run(["cp", "/bin/true", "\(bin.path)/ccache"])
        try Shell.run(["cp", "-L", "/usr/bin/gcc", "\(bin.path)/gcc"])
        trial.environment["PATH"] = "\(bin.path):/usr/bin:/bin"
        trial.variables["CC"] = "ccache gcc"
        settle()
        let wrapped = try #require(trial.identity().identity)
        #expect(wrapped.programs.isSuperset(of: ["ccache", "gcc"]))
        try Shell.run(["sh", "-c", "printf x >>\(bin.path)/gcc"])
        settle()
        #expect(try #require(trial.identity().identity).digest != wrapped.digest)
        trial.environment["CCACHE_COMPILER"] = "other"
        #expect(trial.identity().identity == nil)
        trial.environment["CCACHE_COMPILER"] = nil
        for other in ["distcc gcc", "sh -c gcc", "FOO=1 gcc", "gcc;true", "./gcc", "ccache -k gcc"] {
            trial.variables["CC"] = other
            if other.hasPrefix("distcc") { try Shell.run(["cp", "/bin/true", "\(bin.path)/distcc"]) }
            settle()
            #expect(trial.identity().identity == nil, "\(other)")
        }
    }

    @Test func clangIsKnownByItsContentToo() throws {
        guard let clang = ExecutableLookup.find("clang", path: "/usr/bin:/opt/swift/usr/bin") else { return }
        var trial = ProbeTrial()
        defer { trial.remove() }
        let gnu = try #require(trial.identity().identity)
        trial.environment["PATH"] = "/usr/bin:/bin:\(clang.removingLastComponent())"
        trial.variables["LLVM"] = "1"
        switch trial.identity() {
        case .known(let identity):
            #expect(identity.digest != gnu.digest && identity.programs.contains("clang"))
        case .unfit(let reason): Issue.record("\(reason)")
        }
        trial.environment["LD_PRELOAD"] = "x.so"
        #expect(trial.identity().identity == nil)
    }

    @Test func environmentThatCompilersReadCounts() throws {
        let tree = try tree()
        var trial = ProbeTrial()
        defer { trial.remove() }
        try warm(trial, tree)
        trial.environment["CPATH"] = "/usr/include"
        #expect(try trial.make(url(tree)).summary.kept == 6)
        trial.environment["CPATH"] = "/a$b#c \\d,(e)'"
        #expect(try trial.make(url(tree)).summary.kept == 6)
        #expect(try trial.make(url(tree)).summary.kept == 0)
    }

    @Test func fiftyRunsOnOneCache() async throws {
        let trees = try (0..<5).map { _ in try tree() }
        var trial = ProbeTrial()
        defer { trial.remove() }
        let plain = try trial.make(url(trees[0]), plainly: true).log
        let one = trial
        try await withThrowingTaskGroup(of: String.self) { group in
            for i in 0..<50 {
                let place = url(trees[i % 5])
                group.addTask { try one.make(place).log }
            }
            for try await log in group { #expect(log == plain) }
        }
        trial.traces = true
        #expect(try trial.make(url(trees[0])).compilers == 0)
        let runs = try Shell.files(in: URL(fileURLWithPath: "\(trial.cache)/make/runs"))
        #expect(runs == [])
    }

    @Test func damagedAndForeignAnswersAreNotRead() throws {
        let tree = try tree()
        let trial = ProbeTrial()
        defer { trial.remove() }
        try warm(trial, tree)
        let store = URL(fileURLWithPath: "\(trial.cache)/make/probes")
        let file = try #require(try Shell.files(in: store).first { $0.hasSuffix("top.mk") })
        let path = store.appending(path: file)
        let whole = try String(contentsOf: path, encoding: .utf8)
        for damaged in [
            "\(whole)$(info hacked)\n", String(whole.dropLast(3)), "x := 1\n", "$(shell touch /tmp/x)",
        ] {
            try damaged.write(to: path, atomically: false, encoding: .utf8)
            let outcome = try trial.make(url(tree))
            #expect(!outcome.log.contains("hacked") && outcome.log.contains("6 y6"))
            #expect(outcome.summary.kept == 6)
        }
        // Somebody else could have written it.
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: path.path)
        #expect(try trial.make(url(tree)).summary.kept == 6)
        // What a killed run left: a torn temporary file, notes, its folder.
        try "kcache-t/a := ".write(
            to: path.deletingLastPathComponent().appending(path: ".kcache-tmp-1-2"), atomically: false,
            encoding: .utf8)
        let dead = URL(fileURLWithPath: "\(trial.cache)/make/runs/999999999-1")
        try FileManager.default.createDirectory(at: dead, withIntermediateDirectories: true)
        try "x".write(to: dead.appending(path: "note.1"), atomically: false, encoding: .utf8)
        #expect(try trial.make(url(tree)).summary.kept == 0)
        #expect(!FileManager.default.fileExists(atPath: dead.path))
    }

    @Test func cachesThatCannotBeUsed() throws {
        let tree = try tree()
        var trial = ProbeTrial()
        let plain = try trial.make(url(tree), plainly: true).log
        // A file in the folder's place; a folder that anyone may write; a path that make would split.
        try Data().write(to: URL(fileURLWithPath: trial.cache.string))
        let blocked = try trial.make(url(tree))
        #expect(blocked.log == plain && !blocked.isCaching && !blocked.explanation.isEmpty)
        trial.remove()
        let make = URL(fileURLWithPath: "\(trial.cache)/make")
        try FileManager.default.createDirectory(at: make, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: make.path)
        let open = try trial.make(url(tree))
        #expect(open.log == plain && !open.isCaching && !open.explanation.isEmpty)
        trial.remove()
        trial.mayWrite = false
        let barred = try trial.make(url(tree))
        #expect(barred.log == plain && !barred.isCaching)
        #expect(!FileManager.default.fileExists(atPath: trial.cache.string))
    }

    /// Folders of another user, read-only and full ones need root to be made.
    @Test(.enabled(if: ProcessTable.effectiveUser == 0)) func foreignAndFullCaches() throws {
        let tree = try tree()
        let trial = ProbeTrial()
        let plain = try trial.make(url(tree), plainly: true).log
        let cache = URL(fileURLWithPath: trial.cache.string)
        try FileManager.default.createDirectory(
            at: cache.appending(path: "make"), withIntermediateDirectories: true)
        try Shell.run(["chown", "-R", "12345", cache.path])
        let foreign = try trial.make(url(tree))
        #expect(foreign.log == plain && !foreign.isCaching)
        trial.remove()
        for size in ["8k", "16k", "24k", "32k", "48k"] {
            try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
            do { try Shell.run(["mount", "-t", "tmpfs", "-o", "size=\(size)", "none", cache.path]) } catch {
                return
            }
            defer { _ = try? Shell.run(["umount", cache.path]) }
            for _ in 0..<2 {
                do {
                    let outcome = try trial.make(url(tree))
                    #expect(outcome.log == plain, "\(size)")
                } catch let error as SystemError {
                    // The answers could not be kept; make itself ran.
                    #expect(error.errno == .noSpace)
                }
            }
            try Shell.run(["mount", "-o", "remount,ro", cache.path])
            #expect(try trial.make(url(tree)).log == plain)
        }
        trial.remove()
    }
}
