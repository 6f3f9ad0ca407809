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

    /// Makes, and compares what is made with what was named before; false if make fails.
    @discardableResult
    func compareWithMake(_ kernel: FakeKernel, _ place: URL, _ what: String) throws -> Bool {
        let predicted = try report(place)
        let old = try MadeTargets.times(place)
        let made = try kernel.build(place)
        #expect(made.status == 0, "\(what)\n\(made.log)")
        guard made.status == 0 else { return false }
        let observed = Set(try MadeTargets.times(place).filter { old[$0.key] != $0.value }.keys)
        let stale = Set(predicted.stale.map { $0.target.description })
        let possible = Set(predicted.possible.map { $0.target.description })
        let wrong = stale.subtracting(observed).sorted()
        let unforeseen = observed.subtracting(stale).subtracting(possible).sorted()
        #expect(wrong.isEmpty, "\(what)\nnot made: \(wrong)")
        #expect(unforeseen.isEmpty, "\(what)\nnot named: \(unforeseen)")
        return true
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
            guard try compareWithMake(kernel, place, "seed \(seed) round \(round): \(edits)") else { return }
            let differences = try kernel.differences(of: place, from: history.state)
            #expect(differences.isEmpty, "seed \(seed) round \(round): \(edits)\n\(differences)")
        }
    }

    /// The `.mod` of a module of one object is made though nothing is made from it.
    @Test func namesTheListOfASingleObject() throws {
        let kernel = try FakeKernel.prepared()
        let place = FileManager.default.temporaryDirectory.appending(path: "model-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        var state = kernel.initial
        try kernel.makeTree(at: place, state)
        #expect(try kernel.build(place).status == 0)
        let list = place.appending(path: "drv/shared.mod")
        func isThere() -> Bool { FileManager.default.fileExists(atPath: list.path) }
        #expect(!isThere())
        // The second time as a module it has its list from the first.
        for value in ["m", "y", "m"] {
            let before = state
            let lines = state.config.split(separator: "\n").map {
                $0.hasPrefix("CONFIG_BUS=") ? "CONFIG_BUS=\(value)" : String($0)
            }
            state.config = try kernel.completed(lines.joined(separator: "\n") + "\n", state)
            try state.write(to: place, replacing: before)
            try compareWithMake(kernel, place, "CONFIG_BUS=\(value)")
            #expect(isThere())
        }
        try FileManager.default.removeItem(at: list)
        let stale = try report(place).stale
        #expect(stale.map { $0.target.description } == ["drv/shared.mod"])
        try compareWithMake(kernel, place, "no list")
        #expect(try report(place).isWarm)
    }
}
