import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Random edits: whatever real make then makes, the record must have seen the change, and the plan must lead there.
@Suite(.serialized) struct BuildRecordHistoryTests {
    static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["KCACHE_TEST_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        let count = environment["KCACHE_TEST_HISTORIES"].flatMap { Int($0) } ?? 2
        return (1...UInt64(max(1, count))).map { $0 }
    }

    @Test(arguments: seeds) func missesNothing(seed: UInt64) throws {
        let trial = try RecordTrial()
        var history = FakeHistory(trial.kernel, random: SplitMix(seed: seed))
        try trial.renew()
        var (walks, needless, whole, rounds) = (0, 0, 0, 0)
        for round in 0..<12 {
            let done = history.log.count
            for _ in 0...(round % 2) {
                let state = history.state
                try history.step()
                try history.apply(to: trial.tree, from: state)
            }
            let what: Comment = "seed \(seed) round \(round): \(history.log[done...].joined(separator: ", "))"
            let isUnchanged = try trial.isUnchanged
            let untouchedTree = try MadeTargets.times(trial.tree)
            // As in the middle of a run: what comes before the directories is made, then the plan is.
            let prepared = try trial.kernel.build(trial.tree, ["prepare"])
            guard prepared.status == 0 else { continue }
            let plan = try trial.plan()
            let record = try trial.record()
            let before = try MadeTargets.times(trial.tree)
            let outcome = try trial.make()
            let after = try MadeTargets.times(trial.tree)
            let made = after.keys.filter { before[$0] != after[$0] }.sorted()
            let all = after.keys.filter { untouchedTree[$0] != after[$0] }
            if isUnchanged { #expect(all.isEmpty, "\(what)\nmissed: \(all.sorted())") }
            let untouched = plan?.untouched ?? []
            let missed = made.filter { path in
                TreePath(path).map { path in untouched.contains { path.isInside($0) } } ?? true
            }
            #expect(missed.isEmpty, "\(what)\nin directories left out: \(missed)\n\(untouched)")
            if case .everything = plan?.walk { whole += 1 }
            if let record, let plan {
                for directory in record.descended where !untouched.contains(where: { directory.isInside($0) })
                {
                    walks += 1
                    let isUsed = made.contains { TreePath($0).map { $0.isInside(directory) } ?? false }
                    if !isUsed, plan.untouched.isEmpty == false { needless += 1 }
                }
            }
            rounds += 1
            if case .recorded(let confirmed) = outcome, !confirmed {
                let again = try trial.make()
                #expect(again == .recorded(confirmed: true), "\(what)")
            } else if case .none(let why) = outcome {
                Issue.record("\(what)\nno record: \(why)")
            }
            // Nothing to do, says the record: so says make.
            #expect(try trial.isUnchanged, "\(what)")
            let settled = try MadeTargets.times(trial.tree)
            let made2 = try trial.kernel.build(trial.tree)
            #expect(made2.status == 0)
            #expect(try MadeTargets.times(trial.tree) == settled, "\(what)\n\(made2.log)")
        }
        print(
            "seed \(seed): \(rounds) rounds, \(whole) whole walks, else \(needless) needless of \(walks) directories"
        )
    }

    /// What a script changes, and which directories of the fake kernel make must still visit.
    struct Trail: Sendable {
        var script: String
        /// Nil for everything.
        var walked: [String]?
    }

    static let trails: [Trail] = [
        .init(script: "echo '/* x */' >> drv/led/led-main.c", walked: ["drv", "drv/led"]),
        .init(script: "rm net/socket.o", walked: ["net"]),
        .init(script: "echo >> drv/bus/.bus-main.o.cmd", walked: ["drv", "drv/bus"]),
        .init(script: "touch core/table.txt", walked: ["core"]),
        .init(script: "echo > net/new.c", walked: ["net"]),
        .init(script: "echo '# x' >> net/Makefile", walked: nil),
        .init(script: "echo '# x' >> Kconfig", walked: nil),
        .init(script: "echo '# x' >> scripts/fake/table.sh", walked: nil),
        .init(script: "echo '# x' >> .config", walked: nil),
        .init(script: "echo > include/fake/new.h", walked: nil),
        .init(script: "echo > notes", walked: nil),
    ]

    @Test func namesWhatIsWalked() throws {
        let trial = try RecordTrial()
        try trial.renew()
        for trail in Self.trails {
            usleep(60_000)
            try trial.shell(trail.script)
            let plan = try #require(try trial.plan())
            let record = try #require(try trial.record())
            let walked = record.descended.filter { path in !plan.untouched.contains { path.isInside($0) } }
            guard let expected = trail.walked else {
                if case .allBut = plan.walk { Issue.record("\(trail.script): \(plan)") }
                try trial.renew()
                continue
            }
            let always = ["arch", "arch/fake", "usr", "init", "certs"]
            let seen = walked.map { "\($0)" }.filter { !always.contains($0) }
            #expect(Set(expected).isSubset(of: seen), "\(trail.script): \(plan)")
            print("\(trail.script): walks \(seen)")
            try trial.renew()
        }
    }
}

extension BuildRecord {
    /// Directories that Kbuild descends into.
    var descended: [TreePath] {
        directories.indices.filter { directories[$0].marks.contains(.descended) }.compactMap {
            path(ofDirectory: $0)
        }
    }
}

extension RecordTrial {
    /// The record that differs from the tree; nil where nothing does.
    func record() throws -> BuildRecord? {
        guard case .changed(let changes) = try check() else { return nil }
        return changes.record
    }
}
