import CKCacheLinux
import Glibc
import SystemPackage

/// One start of a short program that reads what it is given and answers.
package struct ToolCall: Sendable {
    /// The first is looked up in the environment's PATH.
    package var arguments: [String]
    package var environment: [String: String]
    /// Its standard input.
    package var input: [UInt8]
    /// A second file for it to read, at `attachmentPath`.
    package var attachment: [UInt8]

    package static let attachmentPath = "/dev/fd/3"

    package init(
        _ arguments: [String], environment: [String: String], input: [UInt8] = [], attachment: [UInt8] = []
    ) {
        (self.arguments, self.environment) = (arguments, environment)
        (self.input, self.attachment) = (input, attachment)
    }
}

/// What it answered. A non-zero status is data, not an error.
package struct ToolAnswer: Sendable {
    /// Exit status; 128 + n where signal n ended it.
    package let status: Int32
    package let output: [UInt8]
    package let errors: [UInt8]

    package init(status: Int32, output: [UInt8] = [], errors: [UInt8] = []) {
        (self.status, self.output, self.errors) = (status, output, errors)
    }
}

/// Runs such programs, passed in so that tests can record and answer the calls.
package struct ToolRunner: Sendable {
    package typealias Body = @Sendable (ToolCall) throws(SystemError) -> ToolAnswer

    private let body: Body

    package init(_ body: @escaping Body) { self.body = body }

    /// Runs it and waits for its end.
    ///
    /// - Throws: ENOENT if there is no such program.
    package func run(_ call: ToolCall) throws(SystemError) -> ToolAnswer { try body(call) }

    /// Input, output and errors are files in memory: neither side can keep the other waiting.
    package static let system = ToolRunner { (call) throws(SystemError) in
        guard let name = call.arguments.first else { throw SystemError("run", "nothing", .invalidArgument) }
        guard let program = ExecutableLookup.find(name, path: call.environment["PATH"] ?? "") else {
            throw SystemError("run", name, .noSuchFileOrDirectory)
        }
        let input = try memoryFile(call.input)
        let attachment = try memoryFile(call.attachment)
        let output = try memoryFile([])
        let errors = try memoryFile([])
        let status = try run(program, call, input, output, errors, attachment)
        return ToolAnswer(
            status: status, output: try output.readAll(limit: longestAnswer),
            errors: try errors.readAll(limit: longestAnswer))
    }

    private static func run(
        _ program: FilePath, _ call: ToolCall, _ input: borrowing Descriptor, _ output: borrowing Descriptor,
        _ errors: borrowing Descriptor, _ attachment: borrowing Descriptor
    ) throws(SystemError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (place, source) in [input.fd, output.fd, errors.fd, attachment.fd].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, source, Int32(place))
        }
        var argv: [UnsafeMutablePointer<CChar>?] = call.arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] =
            call.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in argv + envp { free(pointer) }
        }
        var pid: pid_t = 0
        let failed = program.withPlatformString { posix_spawn(&pid, $0, &actions, nil, &argv, &envp) }
        guard failed == 0 else { throw SystemError("run", program.string, Errno(rawValue: failed)) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, kcache_errno() == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    private static let longestAnswer = 1 << 20

    private static func memoryFile(_ bytes: [UInt8]) throws(SystemError) -> Descriptor {
        let file = Descriptor(
            fd: try check(kcache_memory_file(), "make", "a file in memory"), subject: "a file in memory")
        try file.write(bytes)
        return file
    }
}
