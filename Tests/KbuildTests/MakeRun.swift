import Foundation

/// Real make, with its two outputs apart.
struct MakeRun {
    let status: Int32
    let output: String
    let error: String

    /// Nothing of this process's own environment but PATH gets through.
    static func start(_ words: [String], in directory: URL, _ environment: [String: String]) throws -> MakeRun
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["make"] + words
        process.currentDirectoryURL = directory
        var variables = environment
        variables["PATH"] = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        process.environment = variables
        process.standardInput = FileHandle.nullDevice
        let (output, error) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = error
        try process.run()
        // What make prints here fits into a pipe's buffer, but for -p and -d on standard output.
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let errors = error.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return MakeRun(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            error: String(decoding: errors, as: UTF8.self))
    }
}
