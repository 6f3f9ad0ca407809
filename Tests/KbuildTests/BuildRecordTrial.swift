import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

#if canImport(Glibc)
    import Glibc
#endif

/// A fake kernel's tree with records of its makes, on the disk while the value lives.
final class RecordTrial {
    let kernel: FakeKernel
    let tree: URL
    let folder: URL
    let records: BuildRecords
    let place: BuildPlace

    /// - Parameter edit: changes the tree before anything is made.
    init(edit: (URL) throws -> Void = { _ in }) throws {
        kernel = try FakeKernel.prepared()
        folder = FileManager.default.temporaryDirectory.appending(path: "record-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        tree = folder.appending(path: "tree")
        try kernel.makeTree(at: tree, kernel.initial)
        try edit(tree)
        records = BuildRecords(host: Self.host(folder))
        place = BuildPlace(sourceTree: FilePath(tree.path))
    }

    private static func host(_ folder: URL) -> HostEnvironment {
        HostEnvironment(
            environment: ["PATH": "/usr/bin:/bin"],
            cacheFolder: FilePath(folder.appending(path: "cache").path))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func key(
        _ goals: [String] = [], variables: [String] = [], environment: [String: String] = FakeKernel.pins
    ) throws -> BuildKey {
        try BuildKey(
            goals: goals, variables: variables, environment: environment, toolchain: .zero, place: place)
    }

    /// Runs plain make and takes its record.
    @discardableResult
    func make(_ goals: [String] = [], variables: [String] = []) throws -> RecordOutcome {
        usleep(60_000)
        let started = BuildStart(clock: .system)
        let result = try kernel.build(tree, goals + variables)
        guard result.status == 0 else { throw MakeFailed(log: result.log) }
        return try records.record(try key(goals, variables: variables), place, started: started)
    }

    func check(_ depth: CheckDepth = .all, _ goals: [String] = []) throws -> BuildVerdict {
        try records.check(try key(goals), place, depth)
    }

    var isUnchanged: Bool {
        get throws {
            guard case .unchanged = try check(.first) else { return false }
            guard case .unchanged = try check(.all) else { return false }
            return true
        }
    }

    /// The plan for what changed; nil where nothing did.
    func plan() throws -> DescentPlan? {
        guard case .changed(let changes) = try check() else { return nil }
        return DescentPlan(record: changes.record, changes: changes)
    }

    func file(_ path: String) -> String { tree.appending(path: path).path }

    func shell(_ script: String) throws {
        try Shell.run(["sh", "-e", "-c", script], in: tree)
    }
}

/// A make that a test needs and that failed.
struct MakeFailed: Error {
    let log: String
}
