import CKCacheLinux
import Glibc
import SystemPackage

/// Runs bytes through a program, from its standard input to its standard output.
///
/// The program sees no file: its directory is `/`, its standard error `/dev/null`.
package enum FilterProcess {
    /// What came out; nil if there is no such program, it fails, prints more than `limit` bytes, or has not ended
    /// after `seconds`: it is killed then, with what it has started.
    package static func run(
        _ arguments: [String], environment: [String: String], input: [UInt8], limit: Int, seconds: Int
    ) throws(SystemError) -> [UInt8]? {
        let stdin = Descriptor(
            fd: try check(kcache_memory_file(), "make", "a file in memory"),
            subject: "the input of \(arguments.first ?? "")")
        try stdin.write(input)
        let (stdout, writing) = try ByteChannel.pipe(arguments.first ?? "")
        var spawning = Spawning(arguments, environment: environment, directory: "/")
        spawning.descriptors = [0: stdin.fd, 1: writing.fd]
        spawning.discarded = [2]
        // So that the whole of it can be killed.
        spawning.ownGroup = true
        let pid: pid_t
        do throws(SystemError) { pid = try spawning.start() } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
            return nil
        }
        writing.close()
        let deadline = SteadyClock.now() + Int64(seconds) * 1_000_000_000
        if let output = drain(stdout, limit, deadline),
            let status = Spawning.wait(pid, nanoseconds: deadline - SteadyClock.now())
        {
            return status == 0 ? output : nil
        }
        _ = kill(-pid, SIGKILL)
        _ = Spawning.wait(pid)
        return nil
    }

    /// All that comes; nil if it is too much, or has not come by then.
    private static func drain(_ channel: ByteChannel, _ limit: Int, _ deadline: Int64) -> [UInt8]? {
        var output: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while output.count <= limit {
            let left = (deadline - SteadyClock.now()) / 1_000_000
            guard left > 0 else { return nil }
            let count: Int?
            do throws(SystemError) {
                count = try channel.read(into: buffer, timeout: Int32(clamping: left))
            } catch { return nil }
            guard let count else { continue }
            if count == 0 { return output }
            output += buffer[..<count]
        }
        return nil
    }
}
