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
    let kernel: FakeKernel
    let work: Workplace
    let store: Store
    let host: HostEnvironment

    init() throws {
        kernel = try FakeKernel.prepared()
        work = try Workplace()
        store = try Store.open(at: FilePath(work.place("store").path), mode: .createIfMissing)
        var environment = ProcessInfo.processInfo.environment
        environment.merge(FakeKernel.pins) { $1 }
        host = HostEnvironment(environment: environment, cacheFolder: FilePath(work.place("cache").path))
    }

    /// Sources, and an output directory with nothing but a configuration in it.
    private func place(_ source: String, _ output: String, _ state: FakeState) throws -> TreePlace {
        if !FileManager.default.fileExists(atPath: work.place(source).path) {
            var bare = state
            bare.config = ""
            try FileManager.default.createDirectory(
                at: work.place(source).deletingLastPathComponent(), withIntermediateDirectories: true)
            try kernel.makeCheckout(at: work.place(source), bare, withConfiguration: false)
        }
        let folder = work.place(output)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try state.config.write(to: folder.appending(path: ".config"), atomically: false, encoding: .utf8)
        return TreePlace(output: FilePath(folder.path), source: FilePath(work.place(source).path))
    }

    private func make(_ place: TreePlace, _ words: [String] = []) throws -> BuildResult {
        let source = URL(fileURLWithPath: try #require(place.source).string)
        return try kernel.build(source, ["O=\(place.output.string)"] + words)
    }

    private func push(_ place: TreePlace) throws -> KbuildPusher.Report {
        try KbuildPusher(host: host, store: store).push(.init(place))
    }

    @discardableResult
    private func pull(_ place: TreePlace, _ id: SnapshotID? = nil) throws -> KbuildPuller.Report {
        var request = KbuildPuller.Request(place)
        request.snapshot = id?.description
        request.sync = false
        return try KbuildPuller(host: host, store: store).pull(request)
    }

    private func expectCleanBuild(_ place: TreePlace, _ state: FakeState) throws {
        let differences = try kernel.differences(of: URL(fileURLWithPath: place.output.string), from: state)
        #expect(differences.isEmpty, "\(differences)")
    }

    /// Tool steps of a make are just these.
    private func expectSteps(_ result: BuildResult, _ units: [String]) {
        #expect(result.status == 0, "\(result.log)")
        // A link assembles its symbols each time.
        let compiled = result.toolSteps.filter {
            ($0.hasPrefix("CC ") || $0.hasPrefix("AS ")) && !$0.contains(".tmp_vmlinux")
        }
        #expect(
            compiled.map { $0.split(separator: " ").last.map(String.init) ?? "" }.sorted() == units,
            "\(result.log)")
    }

    @Test(arguments: ["out", "far/away/out", "source/out"]) func carriedElsewhere(output: String) throws {
        let state = kernel.initial
        let here = try place("source", output, state)
        #expect(try make(here).status == 0)
        try expectCleanBuild(here, state)
        let pushed = try push(here)
        let layout: TreeLayout = output.hasPrefix("source/") ? .below : .apart
        #expect(pushed.header.environment.layout == layout)
        #expect(try push(here).alreadyThere)

        let there = try place("elsewhere/linux", layout == .below ? "elsewhere/linux/b" : "b", state)
        let report = try pull(there)
        #expect(
            report.changed.isEmpty && report.added.isEmpty && report.missing.isEmpty
                && report.invalidated.isEmpty)
        #expect(try KbuildStatus(host: host).report(there).rebuild.isWarm)
        let first = try make(there)
        #expect(first.status == 0 && first.toolSteps.isEmpty, "\(first.log)")
        try expectCleanBuild(there, state)
        // What make writes each time is no difference.
        #expect(try pull(there).written == 0)
        #expect(try push(there).alreadyThere)

        var edited = state
        edited.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        try edited.write(
            to: URL(fileURLWithPath: try #require(there.source).string), replacing: state)
        let stale = try KbuildStatus(host: host).report(there).rebuild.stale.map(\.target.description)
        #expect(stale.contains("core/queue.o") && stale.contains("vmlinux") && !stale.contains("core/run.o"))
        expectSteps(try make(there), ["core/queue.o"])
        try expectCleanBuild(there, edited)
    }

    /// Sources that differ before the pull are edits after the build, in the sources' own directory.
    @Test func otherSources() throws {
        let state = kernel.initial
        let here = try place("source", "out", state)
        #expect(try make(here).status == 0)
        _ = try push(here)
        var other = state
        other.files["core/core.h", default: ""] += "#define MORE 1\n"
        other.files["core/table.txt", default: ""] += "nine 9\n"
        let there = try place("other", "b", other)
        let report = try pull(there)
        #expect(Set(report.changed.map(\.description)) == ["core/core.h", "core/table.txt"])
        #expect(try make(there).status == 0)
        try expectCleanBuild(there, other)
        // Nothing of the sources was touched but times.
        #expect(
            try String(contentsOf: work.place("other/core/core.h"), encoding: .utf8)
                == other.files["core/core.h"])
    }

    /// One source tree with several output trees: none of them is a source of another.
    @Test func severalOutputTrees() throws {
        let state = kernel.initial
        let one = try place("source", "source/one", state)
        #expect(try make(one).status == 0)
        let first = try push(one)
        let two = try place("source", "source/deep/two", state)
        #expect(try make(two).status == 0)
        let second = try push(two)
        #expect(first.header.sourceCount == second.header.sourceCount)
        #expect(first.header.environment.layout == .below)
        #expect(second.header.environment.layout == .apart)
        #expect(try push(one).alreadyThere)
        // Each finds its own.
        for (name, id) in [("source/three", first.id), ("third", second.id)] {
            let third = try place("source", name, state)
            #expect(try pull(third).announcement.id == id)
            #expect(try make(third).toolSteps.isEmpty)
        }
    }

    /// A pull into one output tree makes no source older, on whose time another counts.
    @Test func sourcesOfTwoOutputTrees() throws {
        let state = kernel.initial
        let builder = try place("source", "out", state)
        #expect(try make(builder).status == 0)
        let first = try #require(try push(builder).id)
        var edited = state
        edited.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        try edited.write(to: work.place("source"), replacing: state)
        // The edit is older than every object, and newer than the programs of the host.
        try Shell.run([
            "find", work.place("out").path, "-name", "*.o", "-not", "-path", "*/scripts/*", "-delete",
        ])
        #expect(try make(builder).status == 0)
        let second = try #require(try push(builder).id)

        let one = try place("here", "one", edited)
        #expect(try pull(one, first).changed.map(\.description) == ["core/queue.c"])
        let two = try place("here", "two", edited)
        #expect(try pull(two, second).changed.isEmpty)
        expectSteps(try make(one), ["core/queue.o"])
        try expectCleanBuild(one, edited)
        #expect(try make(two).status == 0)
        try expectCleanBuild(two, edited)
        // Nor one whose time lies in the future.
        try Shell.run(["touch", "-d", "2101-01-01", work.place("here/core/run.c").path])
        let error = #expect(throws: KbuildError.self) { try pull(try place("here", "three", edited), second) }
        #expect("\(try #require(error))".contains("core/run.c lies in the future: touch it"))
    }

    /// Kbuild's command lines name the sources otherwise: what was built in the one way is no help in the other.
    @Test func anotherLayout() throws {
        let state = kernel.initial
        let here = try place("source", "out", state)
        #expect(try make(here).status == 0)
        let id = try #require(try push(here).id)
        let below = try place("source", "source/out", state)
        for named in [nil, id] {
            let error = #expect(throws: KbuildError.self) { try pull(below, named) }
            #expect(
                "\(try #require(error))".contains(
                    "built apart from its sources (O=), and here make builds right below"))
        }
        #expect(try Shell.files(in: work.place("source/out")) == [".config"])
        let together = work.place("together")
        try kernel.makeCheckout(at: together, state)
        let error = #expect(throws: KbuildError.self) { try pull(TreePlace(output: FilePath(together.path))) }
        #expect("\(try #require(error))".contains("and here make builds among its sources"))
        // Where Kbuild is told to name them by path, both are the same.
        var absolute = host
        absolute.environment["KBUILD_ABS_SRCTREE"] = "1"
        _ = try KbuildPuller(host: absolute, store: store).pull(.init(below))
        #expect(try make(below, ["KBUILD_ABS_SRCTREE=1"]).toolSteps.isEmpty)
        try expectCleanBuild(below, state)
    }

    @Test func whatKbuildRefuses() throws {
        let state = kernel.initial
        let here = try place("source", "out", state)
        #expect(try make(here).status == 0)
        _ = try push(here)
        func expectRefusal(_ text: String) throws {
            for attempt in [{ _ = try push(here) }, { try pull(here) }] {
                let error = #expect(throws: KbuildError.self) { try attempt() }
                #expect("\(try #require(error))".contains(text))
            }
        }
        let config = work.place("source/.config")
        try state.config.write(to: config, atomically: false, encoding: .utf8)
        try expectRefusal("is not clean, and Kbuild refuses to build elsewhere from it")
        #expect(try make(here).log.contains("The source tree is not clean"))
        try FileManager.default.removeItem(at: config)
        // Make would take this one, by VPATH.
        let stray = work.place("out/core/queue.c")
        try "int stray;\n".write(to: stray, atomically: false, encoding: .utf8)
        try expectRefusal("core/queue.c stands both in ")
        try FileManager.default.removeItem(at: stray)
        #expect(try push(here).alreadyThere)
    }

    /// What stands among the sources is theirs, whatever it looks like.
    @Test func objectsAmongTheSources() throws {
        let state = kernel.initial
        let here = try place("source", "out", state)
        let object = work.place("source/core/left.o")
        try "an object".write(to: object, atomically: false, encoding: .utf8)
        try "cmd_core/left.o := gcc -c -o core/left.o core/left.c\n".write(
            to: work.place("source/core/.left.o.cmd"), atomically: false, encoding: .utf8)
        #expect(try make(here).status == 0)
        _ = try push(here)
        let there = try place("other", "b", state)
        let report = try pull(there)
        #expect(report.missing.map(\.description) == ["core/.left.o.cmd", "core/left.o"])
        #expect(try !Shell.files(in: work.url.appending(path: "other")).contains("core/left.o"))
        #expect(try !Shell.files(in: work.url.appending(path: "b")).contains("core/left.o"))
        #expect(try make(there).toolSteps.isEmpty)
    }

    /// Sources whose times can't be set: fine while they are the same, refused while nothing is written where not.
    @Test(.enabled(if: geteuid() == 0)) func readOnlySources() throws {
        let state = kernel.initial
        let here = try place("source", "out", state)
        #expect(try make(here).status == 0)
        _ = try push(here)
        let there = try place("other", "b", state)
        let script = """
            mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && cd "$1" || exit 99
            "$2" pull O=../b
            """
        func pullThere() throws -> Program.Result {
            var program = work.program
            program.environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
            program.environment["KCACHE_STORE"] = work.place("store").path
            program.environment.merge(FakeKernel.pins) { $1 }
            program.prefix = [
                "/usr/bin/env", "unshare", "-m", "sh", "-c", script, "sh", try #require(there.source).string,
            ]
            return try program.run(["-q"], in: work.url)
        }
        var edited = state
        edited.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        try edited.write(to: work.place("other"), replacing: state)
        // As new as an edit is, it needs no other time; as old as from an archive it does.
        try Shell.run(["touch", "-d", "2001-01-01", work.place("other/core/queue.c").path])
        let refused = try pullThere()
        #expect(refused.status == 1, "\(refused)")
        #expect(
            refused.error.contains(
                "nothing was pulled: core/queue.c is not the snapshot's, and its time can't be set"),
            "\(refused)")
        #expect(try Shell.files(in: work.place("b")) == [".config"])
        try state.write(to: work.place("other"), replacing: edited)
        let pulled = try pullThere()
        #expect(pulled.status == 0, "\(pulled)")
        #expect(try make(there).toolSteps.isEmpty)
        try expectCleanBuild(there, state)
        try edited.write(to: work.place("other"), replacing: state)
        let again = try pullThere()
        #expect(again.status == 0, "\(again)")
        expectSteps(try make(there), ["core/queue.o"])
        try expectCleanBuild(there, edited)
    }

    /// From the command line, as make takes it: `O=`, `KBUILD_OUTPUT`, or in the output directory.
    @Test func asMakeTakesIt() throws {
        let state = kernel.initial
        let here = try place("source", "out", state)
        #expect(try make(here).status == 0)
        var program = work.program
        program.environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        program.environment["KCACHE_STORE"] = work.place("store").path
        program.environment.merge(FakeKernel.pins) { $1 }
        let first = try program.run(["push", "O=../out"], in: work.place("source"))
        #expect(first.status == 0 && first.output.hasPrefix("snapshot "), "\(first)")
        let inside = try program.run(["push"], in: work.place("out"))
        #expect(inside.status == 0 && inside.output.hasPrefix("nothing new: "), "\(inside)")
        var other = program
        other.environment["KBUILD_OUTPUT"] = work.place("out").path
        let variable = try other.run(["status"], in: work.place("source"))
        #expect(variable.status == 0 && variable.output.hasPrefix("warm: "), "\(variable)")
        // A directory that is not there yet.
        let new = try program.run(["pull", "O=../new/out"], in: work.place("source"))
        #expect(new.status == 0, "\(new)")
        let there = TreePlace(output: FilePath(work.place("new/out").path), source: here.source)
        #expect(try make(there).toolSteps.isEmpty)
        let nowhere = try program.run(["push", "O=../out"], in: work.url)
        #expect(nowhere.status == 1 && nowhere.error.contains("O=../out means nothing here: "), "\(nowhere)")
        let twice = try program.run(["pull", "O=a", "O=b"], in: work.place("source"))
        #expect(twice.status == 2, "\(twice)")
    }

    /// Random edits, those that make does not see among them, between snapshots of one output tree and pulls into
    /// others; `KCACHE_TEST_HISTORIES` says how many histories of 4 rounds.
    @Test(arguments: histories) func anyHistory(seed: UInt64) throws {
        var history = FakeHistory(kernel, random: SplitMix(seed: seed))
        var random = SplitMix(seed: seed &* 7919 &+ 5)
        let builder = try place("source", seed % 2 == 0 ? "out" : "source/out", history.state)
        let source = work.place("source")
        #expect(try make(builder).status == 0)
        var ids = [try #require(try push(builder).id)]
        var used: (place: TreePlace, state: FakeState)?
        for round in 0..<4 {
            let earlier = history.state
            try history.step()
            try write(history.state, replacing: earlier, source, builder)
            #expect(try make(builder).status == 0, "seed \(seed), round \(round)")
            if let id = try push(builder).id { ids.append(id) }
            var branch = FakeHistory(kernel, random: SplitMix(seed: random.next()))
            branch.jump(to: history.past[Int(random.next() % UInt64(history.past.count))])
            for _ in 0..<(random.next() % 3) { try branch.step(FakeEdit.allCases) }
            let state = branch.state
            let there: TreePlace
            if let (place, before) = used, random.next() % 2 == 0 {
                there = place
                try write(
                    state, replacing: before, URL(fileURLWithPath: try #require(place.source).string), place)
            } else {
                let name = "there-\(round)"
                there = try place(name, seed % 2 == 0 ? "b-\(round)" : "\(name)/b", state)
            }
            used = (there, state)
            try pull(there, random.next() % 2 == 0 ? nil : ids[Int(random.next() % UInt64(ids.count))])
            let result = try make(there)
            #expect(
                result.status == 0, "seed \(seed), round \(round): \(branch.log) \(result.log.suffix(2000))")
            let differences = try kernel.differences(
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

    private func write(_ state: FakeState, replacing earlier: FakeState, _ source: URL, _ place: TreePlace)
        throws
    {
        var (new, old) = (state, earlier)
        (new.config, old.config) = ("", "")
        try new.write(to: source, replacing: old)
        if state.config != earlier.config {
            try state.config.write(
                toFile: place.output.appending(".config").string, atomically: false, encoding: .utf8)
        }
    }
}
