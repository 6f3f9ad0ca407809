import Foundation
import TestKernel
import Testing

/// The main job on the real kernel, by the script that `make demo` runs.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["KCACHE_REAL_KERNEL"] != nil))
struct RealKernelTests {
    private static let top = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func run(_ program: URL, _ arguments: [String], _ variables: [String: String] = [:]) throws
        -> (status: Int32, output: String)
    {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
        let output = FileManager.default.temporaryDirectory.appending(
            path: "real-kernel-\(UUID().uuidString).log")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        defer { try? FileManager.default.removeItem(at: output) }
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: try Data(contentsOf: output), as: UTF8.self))
    }

    private func otherUser(_ work: URL, _ goals: [String]) throws -> (status: Int32, output: String) {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
            path: "other-user.sh")
        let arguments = [
            Self.top.appending(path: ".build/release/kcache").path, work.appending(path: "built/linux").path,
            "/usr/src/linux-source-6.1.tar.xz", work.appending(path: "other").path,
        ]
        return try run(script, arguments + goals)
    }

    /// A script of `kcache make` on the tree that the demo has built.
    private func makeScript(_ name: String, _ work: URL, _ goals: [String]) throws
        -> (status: Int32, output: String)
    {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: name)
        let place = work.appending(path: "make-\(name)")
        defer { try? FileManager.default.removeItem(at: place) }
        let arguments = [
            Self.top.appending(path: ".build/release/kcache").path, work.appending(path: "built/linux").path,
            place.path,
        ]
        return try run(script, arguments + goals)
    }

    /// Builds, and looks at the result as several people would.
    private func mainJob(_ variables: [String: String], _ goals: [String]) throws {
        let work = FileManager.default.temporaryDirectory.appending(path: "kcache-real-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: work) }
        // SwiftPM waits for a build folder that is in use, and `swift test` uses it now: no build in here.
        var variables = variables
        variables["DEMO_KCACHE"] = Self.top.appending(path: ".build/release/kcache").path
        variables["DEMO_DIR"] = work.path
        let demo = try run(
            Self.top.appending(path: "scripts/demo"), [], variables)
        #expect(demo.status == 0, "\(demo.output)")
        #expect(demo.output.contains("files compared, same"))
        guard demo.status == 0 else { return }
        let make = try makeScript("real-make.sh", work, goals)
        #expect(make.status == 0, "\(make.output)")
        #expect(make.output.contains("files compared, same"))
        let twins = try makeScript("real-twins.sh", work, goals)
        #expect(twins.status == 0, "\(twins.output)")
        #expect(twins.output.contains("; 0 wrong"))
        // The last of all: it leaves times of tomorrow.
        if getuid() == 0 {
            let other = try otherUser(work, goals)
            #expect(other.status == 0, "\(other.output)")
            #expect(other.output.contains("nothing to do"))
        }
    }

    @Test func tinyconfigIsPushedPulledAndByteForByteRight() throws { try mainJob([:], []) }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil))
    func defconfigIsPushedPulledAndByteForByteRight() throws {
        try mainJob(
            ["DEMO_CONFIG": "x86_64_defconfig", "DEMO_GOALS": "bzImage modules"], ["bzImage", "modules"])
    }
}
