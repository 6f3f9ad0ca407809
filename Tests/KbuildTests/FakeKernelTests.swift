import Foundation
import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// The model against real make on the fake kernel.
@Suite(.serialized) struct FakeKernelTests {
    static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["KCACHE_TEST_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        let count = environment["KCACHE_TEST_HISTORIES"].flatMap { Int($0) } ?? 2
        return (1...UInt64(max(1, count))).map { $0 }
    }

    func report(_ tree: URL) throws -> RebuildReport {
        let directory = try Directory.open(FilePath(tree.path))
        var options = RebuildModel.Options()
        options.stampsArePinned = true
        let listing = try TreeScanner().scan(directory)
        return try RebuildModel(reading: directory, listing: listing, options: options).report()
    }

    @Test(arguments: seeds) func namesWhatMakeMakes(seed: UInt64) throws {
        let kernel = try FakeKernel.prepared()
        let place = FileManager.default.temporaryDirectory.appending(path: "model-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        var history = FakeHistory(kernel, random: SplitMix(seed: seed))
        try kernel.makeTree(at: place, history.state)
        let first = try kernel.build(place)
        #expect(first.status == 0, "\(first.log)")
        let warm = try report(place)
        #expect(warm.isWarm, "\(warm.stale) \(warm.possible)")
        for round in 0..<12 {
            let before = history.state
            let done = history.log.count
            for _ in 0...(round % 3) {
                let state = history.state
                try history.step()
                try history.apply(to: place, from: state)
            }
            _ = before
            let edits = history.log[done...].joined(separator: ", ")
            let predicted = try report(place)
            let old = try MadeTargets.times(place)
            let made = try kernel.build(place)
            #expect(made.status == 0, "seed \(seed) round \(round): \(edits)\n\(made.log)")
            guard made.status == 0 else { return }
            let observed = Set(try MadeTargets.times(place).filter { old[$0.key] != $0.value }.keys)
            let stale = Set(predicted.stale.map { $0.target.description })
            let possible = Set(predicted.possible.map { $0.target.description })
            let wrong = stale.subtracting(observed).sorted()
            let unforeseen = observed.subtracting(stale).subtracting(possible).sorted()
            #expect(wrong.isEmpty, "seed \(seed) round \(round): \(edits)\nnot made: \(wrong)")
            #expect(unforeseen.isEmpty, "seed \(seed) round \(round): \(edits)\nnot named: \(unforeseen)")
            let differences = try kernel.differences(of: place, from: history.state)
            #expect(differences.isEmpty, "seed \(seed) round \(round): \(edits)\n\(differences)")
        }
    }
}
