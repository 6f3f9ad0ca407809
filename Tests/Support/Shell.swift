package import Foundation

/// What a make left behind.
package struct BuildResult: Sendable {
    package let status: Int32
    package let log: String

    package init(status: Int32, log: String) { (self.status, self.log) = (status, log) }

    /// Steps that a compiler, assembler, linker or archiver ran for, in Kbuild's quiet output.
    package var toolSteps: [String] {
        let tools: Set<Substring> = ["CC", "AS", "LD", "AR", "HOSTCC", "HOSTLD", "LDS"]
        return log.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("  "), let tool = line.split(separator: " ").first, tools.contains(tool)
            else {
                return nil
            }
            return line.trimmingCharacters(in: .whitespaces)
        }
    }

    package var compileCount: Int { toolSteps.count { $0.hasPrefix("CC ") || $0.hasPrefix("AS ") } }
}

/// Runs programs for the tests.
package enum Shell {
    package struct Failure: Error, CustomStringConvertible {
        let command: String
        let output: String
        package init(command: String, output: String) { (self.command, self.output) = (command, output) }
        package var description: String { "\(command) failed:\n\(output.suffix(2000))" }
    }

    /// Runs a program, and throws with its output if it fails.
    @discardableResult
    package static func run(
        _ arguments: [String], in directory: URL? = nil, environment: [String: String] = [:]
    ) throws -> String {
        let result = try start(arguments, in: directory, environment)
        guard result.status == 0 else {
            throw Failure(command: arguments.joined(separator: " "), output: result.log)
        }
        return result.log
    }

    /// Runs a program to its end, however it ends.
    package static func outcome(_ arguments: [String], environment: [String: String] = [:]) throws
        -> BuildResult
    {
        try start(arguments, in: nil, environment)
    }

    static func make(_ tree: URL, _ goals: [String], _ environment: [String: String]) throws -> BuildResult {
        try start(["make", "-j2"] + goals, in: tree, environment)
    }

    private static func start(
        _ arguments: [String], in directory: URL?, _ environment: [String: String]
    ) throws -> BuildResult {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        if let directory { process.currentDirectoryURL = directory }
        var variables = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
        variables["HOME"] = ProcessInfo.processInfo.environment["HOME"]
        variables.merge(environment) { $1 }
        process.environment = variables
        // Files, not pipes: a child that stays behind must not keep us waiting.
        let log = FileManager.default.temporaryDirectory.appending(path: "log-\(UUID().uuidString)")
        try Data().write(to: log)
        defer { try? FileManager.default.removeItem(at: log) }
        let handle = try FileHandle(forWritingTo: log)
        process.standardOutput = handle
        process.standardError = handle
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try handle.close()
        return BuildResult(
            status: process.terminationStatus,
            log: String(decoding: try Data(contentsOf: log), as: UTF8.self))
    }

    /// Paths of all files and links under a directory, relative to it.
    package static func files(in directory: URL) throws -> [String] {
        try run(["find", ".", "(", "-type", "f", "-o", "-type", "l", ")", "-printf", "%P\\n"], in: directory)
            .split(separator: "\n").map(String.init).sorted()
    }
}
