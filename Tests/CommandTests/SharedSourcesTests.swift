import Foundation
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage
import TestKernel
import Testing

/// What lies among the sources of several output trees, and what a pull into one of these may not do to the others.
@Suite(.serialized) struct SharedSourcesTests {
    let trees: OutputTrees

    init() throws { trees = try OutputTrees() }

    private func times(_ folder: String) throws -> [String] {
        try Shell.run(
            ["find", ".", "-not", "-type", "d", "-printf", "%p %T@\n"], in: trees.work.place(folder)
        ).split(separator: "\n").map(String.init).sorted()
    }

    private func write(_ text: String, _ path: String) throws {
        let file = trees.work.place(path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: false, encoding: .utf8)
    }

    /// Kbuild itself makes links in the output directory at the paths of sources (scripts/gdb/linux/Makefile).
    @Test func linksToSources() throws {
        var state = trees.kernel.initial
        state.files["core/helper.py"] = "one = 1\n"
        state.files["core/Makefile", default: ""] += """

            ifdef building_out_of_srctree
            always-y += helper.py
            quiet_cmd_symlink = SYMLINK $@
                  cmd_symlink = ln -fsn $(patsubst $(obj)/%,$(abspath $(srctree))/$(src)/%,$@) $@
            $(obj)/helper.py: FORCE
            	$(call if_changed,symlink)
            endif

            """
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        let there = try trees.place("other", "b", state)
        try trees.pull(there)
        #expect(
            try FileManager.default.destinationOfSymbolicLink(
                atPath: trees.work.place("b/core/helper.py").path)
                == trees.work.place("other/core/helper.py").resolvingSymlinksInPath().path)
        let made = try trees.make(there)
        #expect(made.status == 0 && made.toolSteps.isEmpty && !made.log.contains("SYMLINK"), "\(made.log)")
        try trees.expectCleanBuild(there, state)
    }

    /// A file in an output's place is no output there, whatever it holds: it keeps its time.
    @Test func outputsAmongTheSources() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        let there = try trees.place("other", "b", state)
        try FileManager.default.copyItem(
            at: trees.work.place("out/core/blob.bin"), to: trees.work.place("other/core/blob.bin"))
        let before = try times("other")
        #expect(try trees.pull(there).conflicts.map(\.description) == ["core/blob.bin"])
        #expect(
            try times("other").filter { !$0.contains("blob.bin") }
                == before.filter { !$0.contains("blob.bin") })
        #expect(try times("other").count == before.count)
        let time = try FileManager.default.attributesOfItem(
            atPath: trees.work.place("other/core/blob.bin").path)
        #expect(try #require(time[.modificationDate] as? Date).timeIntervalSinceNow > -3600)
        #expect(try trees.make(there).status == 0)
        try trees.expectCleanBuild(there, state)
    }

    /// Output trees whose sources lie at another path to their builder, and objects of modules built among the sources.
    @Test func othersOutputsKeepTheirTimes() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        let there = try trees.place("other", "b", state)
        let box = try trees.place("other", "other/deep/box", state)
        #expect(try trees.make(box).status == 0)
        // As a container leaves it.
        try write("include /container/linux/Makefile\n", "other/deep/box/Makefile")
        try FileManager.default.removeItem(at: trees.work.place("other/deep/box/source"))
        try FileManager.default.createSymbolicLink(
            atPath: trees.work.place("other/deep/box/source").path, withDestinationPath: "/container/linux")
        try write("an object", "other/drv/mine/mine.o")
        try write(
            "cmd_drv/mine/mine.o := gcc -c -o drv/mine/mine.o drv/mine/mine.c\n", "other/drv/mine/.mine.o.cmd"
        )
        let old = "2001-01-01"
        try Shell.run([
            "find", trees.work.place("other/deep").path, "-exec", "touch", "-h", "-d", old, "{}", "+",
        ])
        try Shell.run(["touch", "-d", old, trees.work.place("other/drv/mine/mine.o").path])
        let before = try times("other")
        let report = try trees.pull(there)
        #expect(report.added.map(\.description) == ["drv/mine/.mine.o.cmd", "drv/mine/mine.o"])
        #expect(report.changed.isEmpty)
        #expect(try times("other") == before)
        #expect(try trees.make(there).toolSteps.isEmpty)
        try trees.expectCleanBuild(there, state)
        // A link of that name alone hides no sources.
        try FileManager.default.createSymbolicLink(
            atPath: trees.work.place("other/core/source").path, withDestinationPath: "..")
        var edited = state
        edited.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        try edited.write(to: trees.work.place("other"), replacing: state)
        let next = try trees.pull(try trees.place("other", "c", edited))
        #expect(next.changed.map(\.description) == ["core/queue.c"])
        #expect(next.added.map(\.description).contains("core/source"))
    }

    /// What was made from other sources is not these sources' build.
    @Test func turnedToOtherSources() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        var edited = state
        edited.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        let turned = try trees.place("other", "out", edited)
        let kept = try TreeState(cache: trees.host.cacheFolder, root: turned.open())
        #expect(!kept.isOfTheseSources())
        let error = #expect(throws: KbuildError.self) { try trees.push(turned) }
        let source = trees.work.place("source").resolvingSymlinksInPath().path
        #expect(
            "\(try #require(error))".contains("was made from the sources in \(source): run make here first"))
        #expect(try trees.make(turned).status == 0)
        try trees.expectCleanBuild(turned, edited)
        _ = try trees.push(turned)
        let there = try trees.place("third", "b", edited)
        try trees.pull(there)
        // Headers that the second build left alone are older than its sources: some of it is made again.
        #expect(try trees.make(there).status == 0)
        try trees.expectCleanBuild(there, edited)
    }

    /// Other sources in the place of those that an output directory was built from, with old times: make does not see them,
    /// and whoever pulls makes what depends on them.
    @Test func sourcesReplacedAtTheirPath() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        var edited = state
        edited.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        try FileManager.default.moveItem(at: trees.work.place("source"), to: trees.work.place("before"))
        _ = try trees.place("source", "out", edited)
        try Shell.run(
            ["find", trees.work.place("source").path, "-exec", "touch", "-h", "-d", "2001-01-01", "{}", "+"])
        let pushed = try trees.push(here)
        let there = try trees.place("other", "b", edited)
        try trees.pull(there, pushed.id)
        #expect(try trees.make(there).status == 0)
        try trees.expectCleanBuild(there, edited)
    }

    /// Outputs that a pull brings are newer than modules that were built from those before.
    @Test func outputsComeAfterWhatStoodThere() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        let there = try trees.place("other", "b", state)
        let edit = trees.work.place("other/core/run.c")
        try ((state.files["core/run.c"] ?? "") + "/* edited */\n").write(
            to: edit, atomically: false, encoding: .utf8)
        try Shell.run([
            "find", trees.work.place("other").path, "-exec", "touch", "-h", "-d", "2001-01-01", "{}", "+",
        ])
        try Shell.run(["touch", "-d", "2002-01-01", edit.path])
        let before = Date()
        try trees.pull(there)
        let symbols = try FileManager.default.attributesOfItem(
            atPath: trees.work.place("b/Module.symvers").path)
        #expect(try #require(symbols[.modificationDate] as? Date) > before.addingTimeInterval(-5))
    }

    /// An image of fixed times shows other content at the same path, with the same stat data.
    @Test(.enabled(if: geteuid() == 0)) func imagesOfFixedTimes() throws {
        var state = trees.kernel.initial
        state.files["core/queue.c", default: ""] += "/* a */\n"
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        var other = state
        other.files["core/queue.c"] = state.files["core/queue.c"]?.replacingOccurrences(
            of: "/* a */", with: "/* b */")
        for (name, content) in [("one", state), ("two", other)] {
            _ = try trees.place(name, "unused-\(name)", content)
            try Shell.run([
                "/usr/bin/mksquashfs", trees.work.place(name).path, trees.work.place("\(name).img").path,
                "-quiet",
                "-no-progress", "-all-time", "1700000000",
            ])
        }
        for folder in ["image", "b"] {
            try FileManager.default.createDirectory(
                at: trees.work.place(folder), withIntermediateDirectories: true)
        }
        try write(state.config, "b/.config")
        func pull(_ name: String) throws -> Program.Result {
            var program = trees.program
            let script = """
                cd "$0" && mount -t squashfs -o loop,ro \(name).img image || exit 77
                cd image && exec "$@"
                """
            program.prefix = [
                "/usr/bin/env", "unshare", "-m", "sh", "-c", script, trees.work.url.path,
            ]
            return try program.run(["pull", "O=../b"], in: trees.work.place("image"))
        }
        for _ in 0..<2 {
            let same = try pull("one")
            if same.status == 77 { try Test.cancel("no image can be mounted: \(same.error)") }
            #expect(same.status == 0, "\(same)")
        }
        let changed = try pull("two")
        #expect(
            changed.status == 1 && changed.error.contains("core/queue.c needs another time"), "\(changed)")
    }

    @Test func whatCannotBe() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        // Lists of tags and an editor's files are read by no build.
        try write("x", "source/tags")
        try write("y", "out/tags")
        #expect(try trees.push(here).alreadyThere)
        // A file here, a folder there.
        try write("notes", "source/notes")
        try write("more", "out/notes/more.txt")
        var error = #expect(throws: KbuildError.self) { try trees.push(here) }
        #expect("\(try #require(error))".contains("notes stands both in "))
        try FileManager.default.removeItem(at: trees.work.place("source/notes"))
        try write("a", "source/notes/deep/a.txt")
        try FileManager.default.removeItem(at: trees.work.place("out/notes"))
        try write("b", "out/notes")
        error = #expect(throws: KbuildError.self) { try trees.push(here) }
        #expect("\(try #require(error))".contains("notes stands both in "))
        // A pull among the sources that was killed.
        let there = try trees.place("other", "b", state)
        try write("", "other/.kcache-tmp-pull")
        error = #expect(throws: KbuildError.self) { try trees.pull(there) }
        #expect("\(try #require(error))".contains("did not come to its end: pull there again first"))
        #expect(try Shell.files(in: trees.work.place("b")) == [".config"])
    }

    /// Make would expand it; kcache says that it can't, and takes no other tree for it.
    @Test func outputsThatOnlyMakeKnows() throws {
        let state = trees.kernel.initial
        _ = try trees.place("source", "out", state)
        var program = trees.program
        program.environment["KBUILD_OUTPUT"] = "~/out"
        for verb in ["push", "pull", "status"] {
            let result = try program.run([verb], in: trees.work.place("source"))
            #expect(
                result.status == 1
                    && result.error.contains(
                        "KBUILD_OUTPUT=~/out means nothing here: only make knows what KBUILD_OUTPUT is"),
                "\(result)")
        }
    }

    /// Where a file stands in an empty folder's place or above it, it stays.
    @Test func emptyFoldersStayAwayFromFiles() throws {
        let root = trees.work.place("folders")
        try write("x", "folders/a/b")
        let directory = try Directory.open(FilePath(root.path))
        let names = ["a/b", "a/b/c", "a/d/e", "f"].compactMap { TreePath($0) }
        try EmptyFolders.make(names, in: directory, try TreeScanner().scan(directory))
        #expect(
            try Shell.run(["find", ".", "-mindepth", "1"], in: root).split(separator: "\n").sorted() == [
                "./a", "./a/b", "./a/d", "./a/d/e", "./f",
            ])
        #expect(try String(contentsOf: root.appending(path: "a/b"), encoding: .utf8) == "x")
    }
}
