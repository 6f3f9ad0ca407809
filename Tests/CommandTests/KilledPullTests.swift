import Foundation
import Glibc
import TestKernel
import Testing

/// A pull killed anywhere, then real make: what comes out is a clean build's.
@Suite(.serialized) struct KilledPullTests {
    static let kills = KillTests.isFull ? 40 : 3

    @Test func makeAfterAKilledPullBuildsWhatACleanBuildDoes() throws {
        let kernel = try FakeKernel.prepared()
        let work = try Workplace()
        var program = work.program
        program.environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        program.environment.merge(FakeKernel.pins) { $1 }
        let state = kernel.initial
        let built = work.place("built")
        try kernel.makeTree(at: built, state)
        #expect(try kernel.build(built).status == 0)
        let pushed = try program.run(["push"], in: built)
        #expect(pushed.status == 0, "\(pushed)")
        // A checkout with an edit that nobody pushed.
        var edited = state
        let path = try #require(edited.files.keys.sorted().first { $0.hasSuffix("hash.c") })
        edited.files[path, default: ""] += "\nint only_here(void) { return 7; }\n"
        var random = SplitMix(seed: 5)
        var time = 0.0
        for i in 0...Self.kills {
            let tree = work.place("tree\(i)")
            try kernel.makeCheckout(at: tree, edited)
            let start = DispatchTime.now().uptimeNanoseconds
            let child = try program.start(["pull"], in: tree)
            // The first one is left alone, for its time.
            if i > 0 {
                usleep(UInt32(time * Double.random(in: 0.1..<1, using: &random) * 1_000_000))
                child.kill()
            }
            _ = child.wait()
            if i == 0 { time = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9 }
            let made = try kernel.build(tree)
            #expect(made.status == 0, "kill \(i): \(made.log)")
            let differences = try kernel.differences(of: tree, from: edited)
            #expect(differences.isEmpty, "kill \(i): \(differences)")
            try Shell.run(["rm", "-rf", tree.path])
        }
    }
}
