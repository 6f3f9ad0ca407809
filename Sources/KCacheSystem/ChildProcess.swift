import CKCacheLinux
import Glibc
package import SystemPackage

/// What a child left behind. A non-zero status is data, not an error.
package struct ProcessResult: Sendable {
    /// Exit status; 128 + n where signal n ended it.
    package let status: Int32
    package let output: [UInt8]

    package init(status: Int32, output: [UInt8]) { (self.status, self.output) = (status, output) }

    package var text: String { String(decoding: output, as: UTF8.self) }
}

/// Runs programs, passed in so that tests can record and answer the calls.
package struct ProcessRunner: Sendable {
    package typealias Body =
        @Sendable (_ arguments: [String], _ environment: [String: String], _ directory: FilePath?)
        throws(SystemError)
        -> ProcessResult

    private let body: Body

    package init(_ body: @escaping Body) { self.body = body }

    /// Runs `arguments[0]`, looked up in the environment's PATH, with standard input and error at /dev/null,
    /// and waits for it.
    ///
    /// - Throws: ENOENT if there is no such program.
    package func run(_ arguments: [String], environment: [String: String], directory: FilePath? = nil)
        throws(SystemError) -> ProcessResult
    { try body(arguments, environment, directory) }

    package static let system = ProcessRunner { (arguments, environment, directory) throws(SystemError) in
        try ChildProcess.capture(arguments, environment: environment, directory: directory)
    }
}

enum ChildProcess {
    static func capture(_ arguments: [String], environment: [String: String], directory: FilePath?)
        throws(SystemError) -> ProcessResult
    {
        var spawning = Spawning(arguments, environment: environment, directory: directory)
        let (reading, writing) = try ByteChannel.pipe(arguments.first ?? "")
        spawning.descriptors = [1: writing.fd]
        spawning.discarded = [0, 2]
        let pid = try spawning.start()
        writing.close()
        var output: [UInt8] = []
        do throws(SystemError) { output = try reading.readAll() } catch {
            _ = Spawning.wait(pid)
            throw error
        }
        return ProcessResult(status: Spawning.wait(pid), output: output)
    }
}

/// Finds programs as a shell does.
package enum ExecutableLookup {
    /// The file that `name` would run; nil if there is none. A name with a slash is taken as it is.
    package static func find(_ name: String, path: String, from directory: FilePath? = nil) -> FilePath? {
        if name.contains("/") {
            let file = FilePath(name)
            let full = file.isAbsolute ? file : directory.map { $0.appending(name) } ?? file
            return isProgram(full) ? full : nil
        }
        guard !name.isEmpty else { return nil }
        for folder in path.split(separator: ":") {
            let candidate = FilePath(String(folder)).appending(name)
            if isProgram(candidate) { return candidate }
        }
        return nil
    }

    private static func isProgram(_ path: FilePath) -> Bool {
        path.withPlatformString {
            var st = stat()
            return access($0, X_OK) == 0 && stat($0, &st) == 0 && st.st_mode & S_IFMT == S_IFREG
        }
    }
}
