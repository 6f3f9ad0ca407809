import Foundation
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage
import TestKernel
import Testing

/// Trees whose outputs lie apart from their sources (`make O=`), on the fake kernel with real make.
@Suite(.serialized) struct OutputTreeTests {
    let trees: OutputTrees

    init() throws { trees = try OutputTrees() }

    @Test(arguments: ["out", "far/away/out", "source/out"]) func carriedElsewhere(output: String) throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", output, state)
        #expect(try trees.make(here).status == 0)
        try trees.expectCleanBuild(here, state)
        let pushed = try trees.push(here)
        let layout: TreeLayout = output.hasPrefix("source/") ? .below : .apart
        #expect(pushed.header.environment.layout == layout)
        #expect(try trees.push(here).alreadyThere)

        let there = try trees.place("elsewhere/linux", layout == .below ? "elsewhere/linux/b" : "b", state)
        let report = try trees.pull(there)
        #expect(
            report.changed.isEmpty && report.added.isEmpty && report.missing.isEmpty
                && report.invalidated.isEmpty)
        #expect(try KbuildStatus(host: trees.host).report(there).rebuild.isWarm)
        let first = try trees.make(there)
        #expect(first.status == 0 && first.toolSteps.isEmpty, "\(first.log)")
        try trees.expectCleanBuild(there, state)
        // What make writes each time is no difference.
        #expect(try trees.pull(there).written == 0)
        #expect(try trees.push(there).alreadyThere)

        var edited = state
        edited.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        try edited.write(
            to: URL(fileURLWithPath: try #require(there.source).string), replacing: state)
        let stale = try KbuildStatus(host: trees.host).report(there).rebuild.stale.map(\.target.description)
        #expect(stale.contains("core/queue.o") && stale.contains("vmlinux") && !stale.contains("core/run.o"))
        trees.expectSteps(try trees.make(there), ["core/queue.o"])
        try trees.expectCleanBuild(there, edited)
    }

    /// Sources that differ before the pull are edits after the build, in the sources' own directory.
    @Test func otherSources() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        var other = state
        other.files["core/core.h", default: ""] += "#define MORE 1\n"
        other.files["core/table.txt", default: ""] += "nine 9\n"
        let there = try trees.place("other", "b", other)
        let report = try trees.pull(there)
        #expect(Set(report.changed.map(\.description)) == ["core/core.h", "core/table.txt"])
        #expect(try trees.make(there).status == 0)
        try trees.expectCleanBuild(there, other)
        // Nothing of the sources was touched but times.
        #expect(
            try String(contentsOf: trees.work.place("other/core/core.h"), encoding: .utf8)
                == other.files["core/core.h"])
    }

    /// One source tree with several output trees: none of them is a source of another.
    @Test func severalOutputTrees() throws {
        let state = trees.kernel.initial
        let one = try trees.place("source", "source/one", state)
        #expect(try trees.make(one).status == 0)
        let first = try trees.push(one)
        let two = try trees.place("source", "source/deep/two", state)
        #expect(try trees.make(two).status == 0)
        let second = try trees.push(two)
        #expect(first.header.sourceCount == second.header.sourceCount)
        #expect(first.header.environment.layout == .below)
        #expect(second.header.environment.layout == .apart)
        #expect(try trees.push(one).alreadyThere)
        // Each finds its own.
        for (name, id) in [("source/three", first.id), ("third", second.id)] {
            let third = try trees.place("source", name, state)
            #expect(try trees.pull(third).announcement.id == id)
            #expect(try trees.make(third).toolSteps.isEmpty)
        }
    }

    /// A pull into one output tree makes no source older, on whose time another counts.
    @Test func sourcesOfTwoOutputTrees() throws {
        let state = trees.kernel.initial
        let builder = try trees.place("source", "out", state)
        #expect(try trees.make(builder).status == 0)
        let first = try #require(try trees.push(builder).id)
        var edited = state
        edited.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        try edited.write(to: trees.work.place("source"), replacing: state)
        // The edit is older than every object, and newer than the programs of the trees.host.
        try Shell.run([
            "find", trees.work.place("out").path, "-name", "*.o", "-not", "-path", "*/scripts/*", "-delete",
        ])
        #expect(try trees.make(builder).status == 0)
        let second = try #require(try trees.push(builder).id)

        let one = try trees.place("here", "one", edited)
        #expect(try trees.pull(one, first).changed.map(\.description) == ["core/queue.c"])
        let two = try trees.place("here", "two", edited)
        #expect(try trees.pull(two, second).changed.isEmpty)
        trees.expectSteps(try trees.make(one), ["core/queue.o"])
        try trees.expectCleanBuild(one, edited)
        #expect(try trees.make(two).status == 0)
        try trees.expectCleanBuild(two, edited)
        // Nor one whose time lies in the future.
        try Shell.run(["touch", "-d", "2101-01-01", trees.work.place("here/core/run.c").path])
        let error = #expect(throws: TreeError.self) {
            try trees.pull(try trees.place("here", "three", edited), second)
        }
        #expect("\(try #require(error))".contains("core/run.c lies in the future: touch it"))
    }

    /// Kbuild's command lines name the sources otherwise: what was built in the one way is no help in the other.
    @Test func anotherLayout() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        let id = try #require(try trees.push(here).id)
        let below = try trees.place("source", "source/out", state)
        for named in [nil, id] {
            let error = #expect(throws: KbuildError.self) { try trees.pull(below, named) }
            #expect(
                "\(try #require(error))".contains(
                    "built apart from its sources (O=), and here make builds right below"))
        }
        #expect(try Shell.files(in: trees.work.place("source/out")) == [".config"])
        let together = trees.work.place("together")
        try trees.kernel.makeCheckout(at: together, state)
        let error = #expect(throws: KbuildError.self) {
            try trees.pull(TreePlace(output: FilePath(together.path)))
        }
        #expect("\(try #require(error))".contains("and here make builds among its sources"))
        // Where Kbuild is told to name them by path, both are the same.
        var absolute = trees.host
        absolute.environment["KBUILD_ABS_SRCTREE"] = "1"
        _ = try KbuildPuller(host: absolute, store: trees.store).pull(.init(below))
        #expect(try trees.make(below, ["KBUILD_ABS_SRCTREE=1"]).toolSteps.isEmpty)
        try trees.expectCleanBuild(below, state)
    }

    @Test func whatKbuildRefuses() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        func expectRefusal(_ text: String) throws {
            for attempt in [{ _ = try trees.push(here) }, { try trees.pull(here) }] {
                let error = #expect(throws: KbuildError.self) { try attempt() }
                #expect("\(try #require(error))".contains(text))
            }
        }
        let config = trees.work.place("source/.config")
        try state.config.write(to: config, atomically: false, encoding: .utf8)
        try expectRefusal("is not clean, and Kbuild refuses to build elsewhere from it")
        #expect(try trees.make(here).log.contains("The source tree is not clean"))
        try FileManager.default.removeItem(at: config)
        // Make would take this one, by VPATH.
        let stray = trees.work.place("out/core/queue.c")
        try "int stray;\n".write(to: stray, atomically: false, encoding: .utf8)
        try expectRefusal("core/queue.c stands both in ")
        try FileManager.default.removeItem(at: stray)
        #expect(try trees.push(here).alreadyThere)
    }

    /// What stands among the sources is theirs, whatever it looks like.
    @Test func objectsAmongTheSources() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        let object = trees.work.place("source/core/left.o")
        try "an object".write(to: object, atomically: false, encoding: .utf8)
        try "cmd_core/left.o := gcc -c -o core/left.o core/left.c\n".write(
            to: trees.work.place("source/core/.left.o.cmd"), atomically: false, encoding: .utf8)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        let there = try trees.place("other", "b", state)
        let report = try trees.pull(there)
        #expect(report.missing.map(\.description) == ["core/.left.o.cmd", "core/left.o"])
        #expect(try !Shell.files(in: trees.work.url.appending(path: "other")).contains("core/left.o"))
        #expect(try !Shell.files(in: trees.work.url.appending(path: "b")).contains("core/left.o"))
        #expect(try trees.make(there).toolSteps.isEmpty)
    }

    /// Sources whose times can't be set: fine while they are the same, refused while nothing is written where not.
    @Test(.enabled(if: geteuid() == 0)) func readOnlySources() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        _ = try trees.push(here)
        let there = try trees.place("other", "b", state)
        let script = """
            mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && cd "$1" || exit 99
            "$2" pull O=../b
            """
        func pullThere() throws -> Program.Result {
            var program = trees.program
            program.prefix = [
                "/usr/bin/env", "unshare", "-m", "sh", "-c", script, "sh", try #require(there.source).string,
            ]
            return try program.run(["-q"], in: trees.work.url)
        }
        var edited = state
        edited.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        try edited.write(to: trees.work.place("other"), replacing: state)
        // As new as an edit is, it needs no other time; as old as from an archive it does.
        try Shell.run(["touch", "-d", "2001-01-01", trees.work.place("other/core/queue.c").path])
        let refused = try pullThere()
        #expect(refused.status == 1, "\(refused)")
        #expect(
            refused.error.contains(
                "nothing was pulled: core/queue.c needs another time"),
            "\(refused)")
        #expect(try Shell.files(in: trees.work.place("b")) == [".config"])
        try state.write(to: trees.work.place("other"), replacing: edited)
        let pulled = try pullThere()
        #expect(pulled.status == 0, "\(pulled)")
        #expect(try trees.make(there).toolSteps.isEmpty)
        try trees.expectCleanBuild(there, state)
        try edited.write(to: trees.work.place("other"), replacing: state)
        let again = try pullThere()
        #expect(again.status == 0, "\(again)")
        trees.expectSteps(try trees.make(there), ["core/queue.o"])
        try trees.expectCleanBuild(there, edited)
    }

    /// From the command line, as make takes it: `O=`, `KBUILD_OUTPUT`, or in the output directory.
    @Test func asMakeTakesIt() throws {
        let state = trees.kernel.initial
        let here = try trees.place("source", "out", state)
        #expect(try trees.make(here).status == 0)
        let program = trees.program
        let first = try program.run(["push", "O=../out"], in: trees.work.place("source"))
        #expect(first.status == 0 && first.output.hasPrefix("snapshot "), "\(first)")
        let inside = try program.run(["push"], in: trees.work.place("out"))
        #expect(inside.status == 0 && inside.output.hasPrefix("nothing new: "), "\(inside)")
        var other = program
        other.environment["KBUILD_OUTPUT"] = trees.work.place("out").path
        let variable = try other.run(["status"], in: trees.work.place("source"))
        #expect(variable.status == 0 && variable.output.hasPrefix("warm: "), "\(variable)")
        // A directory that is not there yet.
        let new = try program.run(["pull", "O=../new/out"], in: trees.work.place("source"))
        #expect(new.status == 0, "\(new)")
        let there = TreePlace(output: FilePath(trees.work.place("new/out").path), source: here.source)
        #expect(try trees.make(there).toolSteps.isEmpty)
        let nowhere = try program.run(["push", "O=../out"], in: trees.work.url)
        #expect(nowhere.status == 1 && nowhere.error.contains("O=../out means nothing here: "), "\(nowhere)")
        let twice = try program.run(["pull", "O=a", "O=b"], in: trees.work.place("source"))
        #expect(twice.status == 2, "\(twice)")
    }

    /// Random edits, those that make does not see among them, between snapshots of one output tree and pulls into
    /// others; `KCACHE_TEST_HISTORIES` says how many histories of 4 rounds.
    @Test(arguments: histories) func anyHistory(seed: UInt64) throws {
        var history = FakeHistory(trees.kernel, random: SplitMix(seed: seed))
        var random = SplitMix(seed: seed &* 7919 &+ 5)
        let builder = try trees.place("source", seed % 2 == 0 ? "out" : "source/out", history.state)
        let source = trees.work.place("source")
        #expect(try trees.make(builder).status == 0)
        var ids = [try #require(try trees.push(builder).id)]
        var used: (place: TreePlace, state: FakeState)?
        for round in 0..<4 {
            let earlier = history.state
            try history.step()
            try trees.write(history.state, replacing: earlier, source, builder)
            #expect(try trees.make(builder).status == 0, "seed \(seed), round \(round)")
            if let id = try trees.push(builder).id { ids.append(id) }
            var branch = FakeHistory(trees.kernel, random: SplitMix(seed: random.next()))
            branch.jump(to: history.past[Int(random.next() % UInt64(history.past.count))])
            for _ in 0..<(random.next() % 3) { try branch.step(FakeEdit.allCases) }
            let state = branch.state
            let there: TreePlace
            if let (place, before) = used, random.next() % 2 == 0 {
                there = place
                try trees.write(
                    state, replacing: before, URL(fileURLWithPath: try #require(place.source).string), place)
            } else {
                let name = "there-\(round)"
                there = try trees.place(name, seed % 2 == 0 ? "b-\(round)" : "\(name)/b", state)
            }
            used = (there, state)
            try trees.pull(there, random.next() % 2 == 0 ? nil : ids[Int(random.next() % UInt64(ids.count))])
            let result = try trees.make(there)
            #expect(
                result.status == 0, "seed \(seed), round \(round): \(branch.log) \(result.log.suffix(2000))")
            let differences = try trees.kernel.differences(
                of: URL(fileURLWithPath: there.output.string), from: state)
            #expect(differences.isEmpty, "seed \(seed), round \(round): \(differences) \(branch.log)")
        }
    }

    static var histories: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["KCACHE_TEST_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        let count = environment["KCACHE_TEST_HISTORIES"].flatMap { Int($0) } ?? 2
        return (1...UInt64(max(1, count))).map { $0 }
    }
}
