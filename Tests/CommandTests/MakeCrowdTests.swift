import Foundation
import TestKernel
import Testing

/// Fifty `kcache make` at once, of as many trees, on one cache.
@Suite(.serialized) struct MakeCrowdTests {
    private static let many = 50

    private let work: Workplace
    private let kernel: FakeKernel

    init() throws {
        work = try Workplace()
        kernel = try FakeKernel.prepared()
    }

    /// One of four, so that trees with equal and with different sources meet.
    private func state(_ index: Int) -> FakeState {
        var state = kernel.initial
        if index % 4 != 0 { state.files["core/run.c", default: ""] += "int crowd\(index % 4);\n" }
        return state
    }

    private func place(_ index: Int) -> URL { work.place("tree\(index)") }

    /// All at once; their results by tree.
    private func all(_ driver: MakeDriver) throws -> [MakeDriver.Result] {
        let running = try (0..<Self.many).map {
            try driver.start(MakeKind.command.words(driver) + ["-j2"], in: place($0))
        }
        return running.map { $0.wait(seconds: 600) }
    }

    @Test func oneCacheServesThemAll() throws {
        var driver = try MakeDriver(in: work.url)
        driver.environment.merge(FakeKernel.pins) { $1 }
        // Built by plain make, since a copy of a tree is warm: the cache knows nothing yet.
        try kernel.makeTree(at: work.place("first"), kernel.initial)
        #expect(try driver.run(.plain, ["-j2"], in: work.place("first")).status == 0)
        for i in 0..<Self.many {
            try Shell.run(["cp", "-a", work.place("first").path, place(i).path])
            try state(i).write(to: place(i), replacing: kernel.initial)
        }
        for round in 0..<2 {
            for (i, result) in try all(driver).enumerated() {
                #expect(result.status == 0 && result.error.isEmpty, "round \(round), tree \(i): \(result)")
            }
        }
        for i in 0..<Self.many {
            let differences = try kernel.differences(of: place(i), from: state(i))
            #expect(differences.isEmpty, "tree \(i): \(differences)")
        }
        for (i, result) in try all(driver).enumerated() {
            #expect(result.output == "kcache: nothing to do\n", "tree \(i): \(result)")
        }
        let make = work.place("xdg/kcache/make")
        let runs = try FileManager.default.contentsOfDirectory(atPath: make.appending(path: "runs").path)
        #expect(runs.isEmpty)
        driver.options = ["--always", "--explain"]
        #expect(try !driver.run(.command, [], in: place(0)).error.contains("new answers"))
    }
}
