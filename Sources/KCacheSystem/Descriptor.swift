import CKCacheLinux
import Glibc
package import KCacheCore
import SystemPackage

/// An open file; closed when the value ends.
package struct Descriptor: ~Copyable, Sendable {
    let fd: Int32
    /// For error lines.
    let subject: String

    init(fd: Int32, subject: String) { (self.fd, self.subject) = (fd, subject) }

    deinit { _ = Glibc.close(fd) }

    package func status() throws(SystemError) -> FileStatus {
        var st = kcache_stat()
        try check(kcache_fstat_anew(fd, &st), "stat", subject)
        return FileStatus(st)
    }

    /// Reads until the buffer is full or the file ends; the number of bytes read.
    ///
    /// - Parameter expected: what a stat says of what is left: having read that much, it does not ask again
    ///   whether there is more (a file that has just grown shows it in the stat after the reading).
    package func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64, expected: UInt64? = nil
    ) throws(SystemError) -> Int {
        var done = 0
        while done < buffer.count, done == 0 || UInt64(done) != expected {
            let n = Glibc.pread(
                fd, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset) + off_t(done))
            if n < 0 {
                if kcache_errno() == EINTR { continue }
                throw SystemError("read", subject, Errno(rawValue: kcache_errno()))
            }
            if n == 0 { break }
            done += n
        }
        return done
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let n = Glibc.pwrite(
                fd, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset) + off_t(done))
            if n < 0 {
                if kcache_errno() == EINTR { continue }
                throw SystemError("write", subject, Errno(rawValue: kcache_errno()))
            }
            done += n
        }
    }

    package func write(_ bytes: [UInt8], at offset: UInt64 = 0) throws(SystemError) {
        let result = bytes.withUnsafeBytes { raw -> Result<Void, SystemError> in
            do throws(SystemError) { return .success(try write(raw, at: offset)) } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    package func truncate(to size: UInt64) throws(SystemError) {
        guard Glibc.ftruncate(fd, off_t(size)) == 0 else {
            throw SystemError("resize", subject, Errno(rawValue: kcache_errno()))
        }
    }

    /// Asks the disk to hold the file's bytes and size before this returns.
    package func sync() throws(SystemError) {
        guard Glibc.fsync(fd) == 0 else {
            throw SystemError("sync", subject, Errno(rawValue: kcache_errno()))
        }
    }

    /// Takes the file's lock for as long as the value lives, if nobody has it.
    package func lockIfFree() throws(SystemError) -> Bool {
        let result = kcache_flock(fd, LOCK_EX | LOCK_NB)
        if result == -EWOULDBLOCK { return false }
        try check(result, "lock", subject)
        return true
    }

    /// SHA-256 of the first so many bytes.
    ///
    /// - Throws: EIO if there are fewer.
    package func digest(of length: UInt64) throws(SystemError) -> Digest {
        var hash = DigestBuilder()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var done: UInt64 = 0
        while done < length {
            let wanted = Int(min(UInt64(buffer.count), length - done))
            let n = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: done)
            guard n == wanted else { throw SystemError("read", subject, .ioError) }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<n]))
            done += UInt64(n)
        }
        return hash.finish()
    }

    package func setModificationTime(_ ns: Int64) throws(SystemError) {
        try check(kcache_fset_mtime(fd, ns), "set the time of", subject)
    }

    /// Makes this file share the other's blocks (FICLONE); false where the filesystem can't.
    package func reflink(from other: borrowing Descriptor) throws(SystemError) -> Bool {
        let result = -kcache_reflink(fd, other.fd)
        switch result {
        case 0: return true
        case EOPNOTSUPP, EXDEV, EINVAL, ENOSYS, ENOTTY, EPERM, EBADF, ETXTBSY: return false
        default: throw SystemError("clone", subject, Errno(rawValue: result))
        }
    }

    /// Copies inside the kernel where it can, else through memory.
    package func copy(from other: borrowing Descriptor, size: UInt64) throws(SystemError) {
        let copied = kcache_copy_range(other.fd, 0, fd, 0, size)
        if copied == Int64(size) { return }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var offset: UInt64 = UInt64(max(0, copied))
        while offset < size {
            let n = try other.read(into: buffer, at: offset)
            if n == 0 { break }
            try write(UnsafeRawBufferPointer(rebasing: buffer[..<n]), at: offset)
            offset += UInt64(n)
        }
    }

    /// The file's first bytes, as many as there are up to `count`.
    package func readStart(_ count: Int) throws(SystemError) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { buffer.deallocate() }
        return Array(buffer.prefix(try read(into: buffer, at: 0)))
    }

    /// The whole file, up to `limit` bytes.
    ///
    /// - Throws: EFBIG if it is larger.
    package func readAll(limit: Int) throws(SystemError) -> [UInt8] {
        let size = try status().size
        guard size <= UInt64(limit) else { throw SystemError("read", subject, .fileTooLarge) }
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            do throws(SystemError) {
                count = try read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
            } catch {
                count = 0
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
