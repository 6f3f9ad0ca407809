import Foundation
import Glibc
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Records of a real kernel's tree, built and at rest, for figures: KCACHE_RECORD_TREE names it, and it is changed.
@Suite struct BuildRecordRealTests {
    @Test(.enabled(if: ProcessInfo.processInfo.environment["KCACHE_RECORD_TREE"] != nil))
    func measures() throws {
        let variables = ProcessInfo.processInfo.environment
        let tree = try #require(variables["KCACHE_RECORD_TREE"])
        let folder = URL(fileURLWithPath: variables["KCACHE_RECORD_CACHE"] ?? "/tmp/kcache-record")
        let host = HostEnvironment(
            environment: ["PATH": variables["PATH"] ?? "/usr/bin:/bin"], cacheFolder: FilePath(folder.path))
        let records = BuildRecords(host: host)
        let place = BuildPlace(sourceTree: FilePath(tree))
        let goals = variables["KCACHE_RECORD_GOALS"].map { $0.split(separator: " ").map(String.init) } ?? []
        let key = try BuildKey(
            goals: goals, variables: [], environment: FakeKernel.pins, toolchain: .zero, place: place)
        let clock = ContinuousClock()
        for step in (variables["KCACHE_RECORD_STEPS"] ?? "check").split(separator: ",") {
            switch step {
            case "make":
                let started = BuildStart(clock: .system)
                let took = try clock.measure {
                    try Shell.run(
                        ["make", "-j2"] + goals, in: URL(fileURLWithPath: tree),
                        environment: FakeKernel.pins.filter { $0.key != "ARCH" })
                }
                print("make \(took)")
                var outcome: RecordOutcome?
                let recording = try clock.measure {
                    outcome = try records.record(key, place, started: started)
                }
                print("record \(recording) \(outcome.map { "\($0)" } ?? "")")
            case "record":
                let started = BuildStart(clock: .system)
                let took = try clock.measure { _ = try records.record(key, place, started: started) }
                print("record alone \(took), CPU so far \(Glibc.clock() / 1000) ms")
            case "plan":
                guard case .changed(let changes) = try records.check(key, place, .all) else { continue }
                let took = clock.measure { _ = DescentPlan(record: changes.record, changes: changes) }
                let plan = DescentPlan(record: changes.record, changes: changes)
                let all = changes.record.directories.count { $0.marks.contains(.descended) }
                let always = changes.record.directories.indices.filter {
                    changes.record.directories[$0].marks.contains(.always)
                }.compactMap { changes.record.path(ofDirectory: $0)?.description }
                print(
                    "plan \(took): changes \(changes.examples(5)), untouched \(plan.untouched.count) of \(all)"
                )
                if case .everything(let why) = plan.walk { print("everything: \(why)") }
                print("walked: \(walked(changes.record, plan))\nalways: \(always)")
            default:
                var verdict: BuildVerdict?
                var took: [Duration] = []
                let cpu = Glibc.clock()
                for _ in 0..<5 {
                    took.append(
                        try clock.measure {
                            verdict = try records.check(key, place, step == "all" ? .all : .first)
                        })
                }
                print("CPU of one check: \(Double(Glibc.clock() - cpu) / 5000) ms")
                switch verdict {
                case .unchanged: print("check \(step) unchanged \(took)")
                case .changed(let changes):
                    print(
                        "check \(step) changed \(took) \(changes.count): \(changes.examples(8)), \(changes.record.stampCount) stamps"
                    )
                case .unknown(let why): print("check \(step) unknown \(why)")
                case nil: break
                }
            }
        }
    }

    /// Directories that Kbuild descends into and that the plan does not leave out.
    private func walked(_ record: BuildRecord, _ plan: DescentPlan) -> [String] {
        record.directories.indices.filter { record.directories[$0].marks.contains(.descended) }
            .compactMap { record.path(ofDirectory: $0) }
            .filter { path in !plan.untouched.contains { path.isInside($0) } }
            .map { "\($0)" }
    }
}
