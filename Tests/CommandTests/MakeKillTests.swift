import Foundation
import Glibc
import TestKernel
import Testing

/// kill -9 of a `kcache make` at any moment: of all that it has started, as by a power cut or a closing
/// container, or of the one process.
@Suite(.serialized) struct MakeKillTests {
    /// `KCACHE_TEST_KILLS` says how many.
    static let kills =
        ProcessInfo.processInfo.environment["KCACHE_TEST_KILLS"].flatMap { Int($0) }
        ?? (KillTests.isFull ? 120 : 20)

    private let work: Workplace
    private let kernel: FakeKernel
    private var driver: MakeDriver

    init() throws {
        work = try Workplace()
        kernel = try FakeKernel.prepared()
        driver = try MakeDriver(in: work.url)
        driver.environment.merge(FakeKernel.pins) { $1 }
    }

    /// States that differ in a header of many, a unit, an option and a payload, so that each has much to make.
    private func states() -> [FakeState] {
        var states = [kernel.initial]
        for (path, line) in [
            ("include/fake/task.h", "#define KILLED 1"), ("core/run.c", "int killed;"),
            ("core/blob.txt", "killed"), ("include/fake/limits.h", "#define KILLED_LIMIT 2"),
        ] {
            var state = states[states.count - 1]
            state.files[path, default: ""] += "\(line)\n"
            states.append(state)
        }
        return states
    }

    private func entries(_ folder: String) throws -> [String] {
        let place = work.place("xdg/kcache/make/\(folder)")
        guard FileManager.default.fileExists(atPath: place.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: place.path)
    }

    /// What make itself takes for whole after such a kill (a System.map without the end of its link) it takes so
    /// here too: the next `kcache make` must end as the next make does. With make left alive, it is the clean build.
    @Test(arguments: [true, false]) func theNextMakeMakesItGood(all: Bool) throws {
        let tree = work.place("tree")
        let states = states()
        let twin = work.place("twin")
        var random = SplitMix(seed: all ? 9 : 10)
        var current = states[0]
        try kernel.makeTree(at: tree, current)
        try MakeTwins.complete(tree)
        #expect(try driver.run(.command, ["-j2"], in: tree).status == 0)
        let start = DispatchTime.now().uptimeNanoseconds
        try states[1].write(to: tree, replacing: current)
        current = states[1]
        #expect(try driver.run(.command, ["-j2"], in: tree).status == 0)
        let duration = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e3
        var killed = 0
        let kills = Self.kills / 2
        for i in 0..<kills {
            let next = states[(i + 2) % states.count]
            try next.write(to: tree, replacing: current)
            current = next
            let running = try driver.start(MakeKind.command.words(driver) + ["-j2"], in: tree)
            usleep(UInt32(Double.random(in: 0..<1.05, using: &random) * duration))
            _ = kill(all ? -running.pid : running.pid, SIGKILL)
            if running.wait().signal == SIGKILL { killed += 1 }
            // Make by itself goes on to its end.
            guard running.groupIsGone(seconds: 120) else {
                Issue.record("kill \(i): something still runs")
                return
            }
            var plainStatus: Int32 = 0
            if all {
                try Shell.run(["cp", "-a", tree.path, twin.path])
                plainStatus = try driver.run(.plain, ["-j2"], in: twin).status
            }
            let result = try driver.run(.command, ["-j2"], in: tree)
            #expect(result.status == plainStatus, "kill \(i): \(result.log.suffix(2000))")
            var differences: [String] = []
            if all {
                let (plain, ours) = (try FakeKernel.outputs(of: twin), try FakeKernel.outputs(of: tree))
                differences = Set(plain.keys).union(ours.keys).filter { plain[$0] != ours[$0] }.sorted()
                try Shell.run(["rm", "-rf", twin.path])
            } else {
                differences = try kernel.differences(of: tree, from: current)
            }
            #expect(differences.isEmpty, "kill \(i): \(differences)")
            #expect(try entries("runs").isEmpty, "kill \(i) left the folder of a run")
            guard result.status == plainStatus, differences.isEmpty else { return }
            if plainStatus != 0 {
                // Make itself keeps the torn file (an object of half a generated header), and fails for ever.
                #expect(try driver.run(.command, ["clean"], in: tree).status == 0)
                #expect(try driver.run(.command, ["-j2"], in: tree).status == 0)
                #expect(try kernel.differences(of: tree, from: current).isEmpty)
            }
        }
        #expect(killed > kills / 4, "only \(killed) of \(kills) were still running")
        if all {
            #expect(try driver.run(.command, ["clean"], in: tree).status == 0)
            #expect(try driver.run(.command, ["-j2"], in: tree).status == 0)
            let differences = try kernel.differences(of: tree, from: current)
            #expect(differences.isEmpty, "\(differences)")
        }
        // The caches answer as if nothing had been.
        for _ in 0..<2 { #expect(try driver.run(.command, [], in: tree).status == 0) }
        #expect(try driver.run(.command, [], in: tree).output == "kcache: nothing to do\n")
        var asking = driver
        asking.options = ["--always", "--explain"]
        let last = try asking.run(.command, [], in: tree)
        #expect(last.status == 0 && !last.error.contains("new answers"), "\(last)")
        let left = try Shell.files(in: work.place("xdg")).filter { $0.contains("/.kcache-tmp-") }
        #expect(left.count < 10, "\(left)")
    }
}
