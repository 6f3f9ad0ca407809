import CKCacheLinux

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
        let input = try memoryFile(call.input)
        let attachment = try memoryFile(call.attachment)
        let output = try memoryFile([])
        let errors = try memoryFile([])
        var spawning = Spawning(call.arguments, environment: call.environment)
        spawning.descriptors = [0: input.fd, 1: output.fd, 2: errors.fd, 3: attachment.fd]
        let status = Spawning.wait(try spawning.start())
        return ToolAnswer(
            status: status, output: try output.readAll(limit: longestAnswer),
            errors: try errors.readAll(limit: longestAnswer))
    }

    private static let longestAnswer = 1 << 20

    private static func memoryFile(_ bytes: [UInt8]) throws(SystemError) -> Descriptor {
        let file = Descriptor(
            fd: try check(kcache_memory_file(), "make", "a file in memory"), subject: "a file in memory")
        try file.write(bytes)
        return file
    }
}
