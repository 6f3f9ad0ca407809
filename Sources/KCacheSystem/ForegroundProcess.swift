import CKCacheLinux
import Glibc
package import SystemPackage

/// A program that takes this process's place at the terminal: same input, output, descriptors and group.
///
/// Arguments and environment are bytes, as the kernel hands them out: a name need not be UTF-8.
package struct ForegroundProcess: Sendable {
    package var program: FilePath
    /// With the name that the program sees as its own in front.
    package var arguments: [[UInt8]]
    /// `NAME=VALUE` entries.
    package var environment: [[UInt8]]
    /// Where the program only runs another one in namespaces of its own: what it needs for that.
    package var enclosure: Enclosure?

    package init(program: FilePath, arguments: [[UInt8]], environment: [[UInt8]]) {
        (self.program, self.arguments, self.environment) = (program, arguments, environment)
    }

    /// How a child ended.
    package enum Ending: Hashable, Sendable {
        case exited(Int32)
        case signaled(Int32)

        package var isSuccess: Bool { self == .exited(0) }

        /// Ends this process in the same way, so that whoever waits for it sees what the child did: a shell
        /// tells Ctrl-C by the signal.
        package func endProcess() -> Never {
            switch self {
            case .exited(let status): kcache_end_as((status & 0xff) << 8)
            case .signaled(let signal): kcache_end_as(signal & 0x7f)
            }
        }
    }

    /// Starts the program as a child and waits for its end.
    ///
    /// SIGINT and SIGQUIT of the terminal reach the child by themselves and are let pass here; signals that a
    /// process sends to this one are sent on. Signals that were ignored at the start stay ignored in both.
    /// May not be called by two threads at once.
    /// - Parameter terminal: takes the place of the real terminal for what the program prints.
    /// - Throws: what posix_spawn(3) says if there is no such program or it can't be run.
    package func run(printingTo terminal: PseudoTerminal? = nil) throws(SystemError) -> Ending {
        var status: Int32 = 0
        let output = terminal?.slave ?? -1
        let error = terminal?.takesErrors == true ? output : -1
        let inner = enclosure?.generations ?? 0
        let result = withPointers { kcache_run_foreground($0, $1, $2, output, error, inner, &status) }
        try check(result, "run", program.string)
        enclosure?.awaitEnd()
        let signal = status & 0x7f
        return signal == 0 ? .exited((status >> 8) & 0xff) : .signaled(signal)
    }

    /// Becomes the program (execve); returns only by throwing.
    package func replace() throws(SystemError) -> Never {
        let result = withPointers { kcache_replace($0, $1, $2) }
        throw SystemError("run", program.string, Errno(rawValue: -result))
    }

    private typealias Strings = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    private func withPointers(_ body: (UnsafePointer<CChar>, Strings, Strings) -> Int32) -> Int32 {
        var argv = arguments.map(Self.copy) + [nil]
        var envp = environment.map(Self.copy) + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        return program.withPlatformString { path in
            argv.withUnsafeMutableBufferPointer { argv in
                envp.withUnsafeMutableBufferPointer { envp in
                    guard let first = argv.baseAddress, let second = envp.baseAddress else { return -EINVAL }
                    return body(path, first, second)
                }
            }
        }
    }

    /// A C string from bytes; it ends at the first zero, as everything on a command line does.
    private static func copy(_ bytes: [UInt8]) -> UnsafeMutablePointer<CChar>? {
        bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return strdup("") }
            return strndup(base.assumingMemoryBound(to: CChar.self), raw.count)
        }
    }
}
