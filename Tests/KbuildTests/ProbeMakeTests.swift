import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Answers from the cache against plain make, with real make and compilers.
@Suite(.serialized) struct ProbeMakeTests {
    private func withTree(_ body: (FakeKernel, URL) throws -> Void) throws {
        let kernel = try FakeKernel.prepared()
        let place = FileManager.default.temporaryDirectory.appending(path: "probe-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        try kernel.makeTree(at: place, kernel.initial)
        try body(kernel, place)
    }

    private func trial() -> ProbeTrial {
        var trial = ProbeTrial()
        trial.variables = FakeKernel.pins
        trial.variables["KBUILD_BUILD_TIMESTAMP"] = "2026-01-01"
        return trial
    }

    @Test func secondNoOpStartsNoCompiler() throws {
        try withTree { kernel, tree in
            var trial = trial()
            defer { trial.remove() }
            trial.traces = true
            let first = try trial.make(tree)
            #expect(first.summary.kept > 10, "\(first.summary) \(first.explanation)")
            #expect(first.isCaching)
            let plain = try trial.make(tree, plainly: true)
            #expect(plain.compilers > 0)
            #expect(!plain.log.contains("  CC "), "the flags changed: \(plain.log)")
            let second = try trial.make(tree)
            #expect(second.compilers == 0, "\(second.programs) \(second.summary)")
            #expect(second.log == plain.log)
            #expect((second.programs["sh"] ?? 0) < (plain.programs["sh"] ?? 0))
            print("no-op: plain \(plain.programs)\ncached \(second.programs)\n\(second.summary.explanation)")
        }
    }

    @Test func cleanBuildIsTheSame() throws {
        try withTree { kernel, tree in
            let trial = trial()
            defer { trial.remove() }
            let twin = FileManager.default.temporaryDirectory.appending(path: "twin-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: twin) }
            try kernel.makeTree(at: twin, kernel.initial)
            _ = try trial.make(twin, plainly: true)
            _ = try trial.make(tree)
            #expect(try FakeKernel.outputs(of: tree) == FakeKernel.outputs(of: twin))
            #expect(try ProbeTrial.savedCommands(tree) == ProbeTrial.savedCommands(twin))
            // With all answers known.
            let third = FileManager.default.temporaryDirectory.appending(path: "third-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: third) }
            try kernel.makeTree(at: third, kernel.initial)
            let warm = try trial.make(third)
            #expect(warm.summary.kept == 0, "\(warm.summary)")
            #expect(try FakeKernel.outputs(of: third) == FakeKernel.outputs(of: twin))
            #expect(try ProbeTrial.savedCommands(third) == ProbeTrial.savedCommands(twin))
        }
    }

    /// By hand: `KCACHE_PROBE_TREE=/a/built/tree`, whose build needs the pins of its environment.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["KCACHE_PROBE_TREE"] != nil))
    func realTree() throws {
        let here = ProcessInfo.processInfo.environment
        let tree = URL(fileURLWithPath: here["KCACHE_PROBE_TREE"] ?? "")
        var trial = ProbeTrial()
        defer { trial.remove() }
        for (name, value) in here where name.hasPrefix("KBUILD_BUILD_") { trial.environment[name] = value }
        trial.traces = true
        let before = try ProbeTrial.savedCommands(tree)
        let plain = try trial.make(tree, plainly: true)
        let first = try trial.make(tree)
        let second = try trial.make(tree)
        print("plain \(plain.programs)\nfirst \(first.programs) \(first.summary) \(first.explanation)")
        print("second \(second.programs) \(second.summary)")
        #expect(second.log == plain.log)
        #expect(try ProbeTrial.savedCommands(tree) == before)
        let clock = ContinuousClock()
        let start = clock.now
        let identity = trial.identity().identity
        let middle = clock.now
        let real = FilePath(tree.path)
        let run = ProbeCache(host: trial.host).begin(
            .init(
                sourceTree: real, outputTree: real, variables: [:], environment: trial.environment,
                mayWrite: true, toolchain: trial.identity()))
        print(
            "identity \(middle - start), \(identity?.witnesses.count ?? 0) witnesses; begin \(clock.now - middle)"
        )
        _ = try run.finish()
        // Objects made anew are the same.
        let objects = try Shell.run(
            ["sh", "-c", "sha256sum lib/*.o kernel/*.o init/*.o arch/x86/kernel/*.o"], in: tree)
        try Shell.run(
            ["sh", "-c", "rm lib/*.o kernel/*.o init/*.o arch/x86/kernel/*.o lib/.*.cmd"], in: tree)
        trial.traces = false
        let rebuilt = try trial.make(tree)
        print("compiled again: \(rebuilt.log.split(separator: "\n").count { $0.hasPrefix("  CC ") })")
        let again = try Shell.run(
            ["sh", "-c", "sha256sum lib/*.o kernel/*.o init/*.o arch/x86/kernel/*.o"], in: tree)
        #expect(again == objects)
        #expect(try ProbeTrial.savedCommands(tree) == before)
    }
}
