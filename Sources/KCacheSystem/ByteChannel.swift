import CKCacheLinux
import Glibc
import Synchronization
import SystemPackage

/// One end of a pipe or socket, read or written in order. Reading and writing may run at once, each for one
/// caller at a time.
package final class ByteChannel: Sendable {
    let fd: Int32
    private let owned: Bool
    private let isClosed = Mutex(false)
    /// For error lines.
    package let subject: String

    init(fd: Int32, subject: String, owned: Bool = true) {
        (self.fd, self.subject, self.owned) = (fd, subject, owned)
    }

    deinit { close() }

    /// Closes it, if it is this object's own; while nobody reads or writes it. May be repeated.
    package func close() {
        let first = isClosed.withLock { closed in
            defer { closed = true }
            return !closed
        }
        if first, owned { _ = Glibc.close(fd) }
    }

    /// This process's own standard input; stays open.
    package static let standardInput = ByteChannel(fd: 0, subject: "standard input", owned: false)
    /// This process's own standard output; stays open.
    package static let standardOutput = ByteChannel(fd: 1, subject: "standard output", owned: false)

    /// This process's own standard error; stays open.
    package static let standardError = ByteChannel(fd: 2, subject: "standard error", owned: false)

    /// Both ends of a new pipe.
    package static func pipe(_ subject: String) throws(SystemError) -> (
        reading: ByteChannel, writing: ByteChannel
    ) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else {
            throw SystemError("make a pipe for", subject, Errno(rawValue: kcache_errno()))
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ByteChannel(fd: ends[0], subject: subject), ByteChannel(fd: ends[1], subject: subject))
    }

    /// Reads what there is, at least a byte; 0 at the end, nil if nothing came in so many milliseconds
    /// (-1: waits for ever).
    package func read(into buffer: UnsafeMutableRawBufferPointer, timeout: Int32 = -1) throws(SystemError)
        -> Int?
    {
        while true {
            if timeout >= 0 {
                var wanted = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
                let ready = poll(&wanted, 1, timeout)
                if ready == 0 { return nil }
                if ready < 0 {
                    if kcache_errno() == EINTR { continue }
                    throw SystemError("wait for", subject, Errno(rawValue: kcache_errno()))
                }
            }
            let n = Glibc.read(fd, buffer.baseAddress, buffer.count)
            if n >= 0 { return n }
            if kcache_errno() != EINTR {
                throw SystemError("read", subject, Errno(rawValue: kcache_errno()))
            }
        }
    }

    /// Reads to the end.
    func readAll() throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while let count = try read(into: buffer), count > 0 { bytes += buffer[..<count] }
        return bytes
    }

    /// Writes all of it, waiting for whoever reads.
    ///
    /// - Throws: EPIPE if nobody does.
    package func write(_ bytes: [UInt8]) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { raw in
                kcache_write(fd, raw.baseAddress.map { $0 + done }, raw.count - done)
            }
            guard n >= 0 else { throw SystemError("write to", subject, Errno(rawValue: Int32(-n))) }
            done += n
        }
    }
}
