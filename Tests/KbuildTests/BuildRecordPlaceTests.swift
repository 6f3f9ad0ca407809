import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Records where more than one tree, git or files outside take part.
@Suite(.serialized) struct BuildRecordPlaceTests {
    /// Makes twice with the place's own key, and gives the checks a name.
    struct Site {
        let trial: RecordTrial
        let place: BuildPlace
        var environment = FakeKernel.pins
        var goals: [String] = []

        func key() throws -> BuildKey {
            try BuildKey(
                goals: [], variables: goals, environment: environment, toolchain: .zero, place: place)
        }

        func make() throws -> RecordOutcome {
            Thread.sleep(forTimeInterval: 0.06)
            let started = BuildStart(clock: .system)
            let result = try trial.kernel.build(trial.tree, goals, environment: environment)
            guard result.status == 0 else { throw MakeFailed(log: result.log) }
            return try trial.records.record(try key(), place, started: started)
        }

        func settle() throws {
            let first = try make()
            if first == .recorded(confirmed: true) { return }
            let second = try make()
            #expect(second == .recorded(confirmed: true), "\(first) \(second)")
            #expect(try isUnchanged)
        }

        var isUnchanged: Bool {
            get throws {
                guard case .unchanged = try trial.records.check(try key(), place, .all) else { return false }
                return true
            }
        }
    }

    @Test func gitStateCounts() throws {
        let trial = try RecordTrial { tree in
            try Shell.run(
                [
                    "sh", "-ec",
                    "git init -q . && git add -f Makefile core && git -c user.name=a -c user.email=a@b commit -qm a",
                ],
                in: tree)
        }
        let site = Site(trial: trial, place: trial.place)
        try site.settle()
        try trial.shell("git status > /dev/null; touch core/run.c~")
        #expect(try site.isUnchanged)
        try trial.shell("git tag one")
        #expect(try !site.isUnchanged)
        try site.settle()
        try trial.shell("git -c user.name=a -c user.email=a@b commit --allow-empty -qm b")
        #expect(try !site.isUnchanged)
        try site.settle()
        try trial.shell("git pack-refs --all")
        #expect(try !site.isUnchanged)
    }

    @Test func filesOutsideCount() throws {
        let trial = try RecordTrial { tree in
            let text = try String(contentsOf: tree.appending(path: "core/run.c"), encoding: .utf8)
            try ("#include <outside.h>\n" + text).write(
                to: tree.appending(path: "core/run.c"), atomically: false, encoding: .utf8)
        }
        let headers = trial.folder.appending(path: "headers")
        try FileManager.default.createDirectory(at: headers, withIntermediateDirectories: true)
        try "#define OUTSIDE 1\n".write(
            to: headers.appending(path: "outside.h"), atomically: false, encoding: .utf8)
        var site = Site(trial: trial, place: trial.place)
        site.environment["KCFLAGS"] = "-I\(headers.path)"
        try site.settle()
        try Shell.run(["touch", headers.appending(path: "outside.h").path])
        #expect(try !site.isUnchanged)
        guard case .changed(let changes) = try trial.records.check(try site.key(), site.place, .all) else {
            return
        }
        let plan = DescentPlan(record: changes.record, changes: changes)
        let walksCore = !plan.untouched.contains { $0.description == "core" }
        #expect(walksCore && plan.untouched.contains { $0.description == "net" }, "\(plan)")
    }

    @Test func outputDirectory() throws {
        let trial = try RecordTrial()
        try Shell.run(["find", trial.tree.path, "-mindepth", "1", "-delete"])
        try Shell.run(["cp", "-a", "\(trial.kernel.sources.path)/.", trial.tree.path])
        try trial.kernel.initial.write(to: trial.tree, replacing: nil)
        let out = trial.folder.appending(path: "out")
        try FileManager.default.createDirectory(at: out, withIntermediateDirectories: true)
        try Shell.run(["mv", trial.file(".config"), out.path])
        var site = Site(
            trial: trial,
            place: BuildPlace(sourceTree: trial.place.sourceTree, outputTree: FilePath(out.path)))
        site.goals = ["O=\(out.path)"]
        try site.settle()
        for script in [
            "echo '/* x */' >> core/run.c", "echo '/* x */' >> include/fake/limits.h",
            "echo more >> core/table.txt",
            "rm ../out/net/socket.o", "echo > core/new.c", "echo '# x' >> net/Makefile",
            "echo '# x' >> ../out/.config",
        ] {
            Thread.sleep(forTimeInterval: 0.05)
            try trial.shell(script)
            guard case .changed(let changes) = try trial.records.check(try site.key(), site.place, .all)
            else {
                Issue.record("not seen: \(script)")
                continue
            }
            let plan = DescentPlan(record: changes.record, changes: changes)
            let before = try MadeTargets.times(out)
            try site.settle()
            let made = try MadeTargets.times(out).filter { before[$0.key] != $0.value }.keys
            let missed = made.filter { path in
                TreePath(path).map { path in plan.untouched.contains { path.isInside($0) } } ?? true
            }
            #expect(missed.isEmpty, "\(script): \(missed), \(plan)")
            print("O= \(script): \(plan.untouched.count) untouched, \(made.count) made")
        }
    }

    @Test func externalModules() throws {
        let trial = try RecordTrial()
        try trial.make()
        let folder = trial.folder.appending(path: "module")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try "obj-m := extra.o\n".write(
            to: folder.appending(path: "Makefile"), atomically: false, encoding: .utf8)
        try
            "#include <linux/module.h>\n#include \"extra.h\"\nint extra(void) { return EXTRA; }\nMODULE_LICENSE(\"GPL\");\n"
            .write(
                to: folder.appending(path: "extra.c"), atomically: false, encoding: .utf8)
        try "#define EXTRA 1\n".write(
            to: folder.appending(path: "extra.h"), atomically: false, encoding: .utf8)
        var site = Site(
            trial: trial,
            place: BuildPlace(sourceTree: trial.place.sourceTree, externalModules: FilePath(folder.path)))
        site.goals = ["M=\(folder.path)"]
        try site.settle()
        for script in [
            "echo '/* x */' >> ../module/extra.h", "echo '/* x */' >> include/linux/module.h",
            "rm ../module/extra.o",
            "echo '# x' >> scripts/Makefile.modfinal",
        ] {
            Thread.sleep(forTimeInterval: 0.05)
            try trial.shell(script)
            guard case .changed(let changes) = try trial.records.check(try site.key(), site.place, .all)
            else {
                Issue.record("not seen: \(script)")
                continue
            }
            #expect(DescentPlan(record: changes.record, changes: changes).untouched.isEmpty)
            try site.settle()
        }
        // What make would call a step cut off in the kernel's own tree is not vouched for.
        try trial.shell("touch Module.symvers")
        #expect(try !site.isUnchanged)
        guard case .none = try site.make() else {
            Issue.record("a record over a leftover")
            return
        }
    }

    @Test func filesInMemoryAreWatched() {
        var watched = WatchedPaths()
        for path in ["/dev/shm/tree/.git", "/dev/null", "/proc/cpuinfo", "/usr/include/a.h"] {
            watched.insert(Array(path.utf8))
        }
        #expect(
            watched.paths == [Array("/dev/shm/tree/.git".utf8), Array("/usr/include/a.h".utf8)])
    }
}
