import Foundation
import TestKernel
import Testing

/// The main job on the real kernel, by the script that `make demo` runs.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["KCACHE_REAL_KERNEL"] != nil))
struct RealKernelTests {
    private static let top = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func demo(_ variables: [String: String] = [:]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = Self.top.appending(path: "scripts/demo")
        process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
        let output = FileManager.default.temporaryDirectory.appending(path: "demo-\(UUID().uuidString).log")
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

    @Test func tinyconfigIsPushedPulledAndByteForByteRight() throws {
        let result = try demo()
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("files compared, same"))
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil))
    func defconfigIsPushedPulledAndByteForByteRight() throws {
        let result = try demo(["DEMO_CONFIG": "x86_64_defconfig", "DEMO_GOALS": "bzImage modules"])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("files compared, same"))
    }
}
