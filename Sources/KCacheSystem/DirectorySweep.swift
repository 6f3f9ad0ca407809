import CKCacheLinux
import Glibc

/// An open directory for looking at many of its entries, without a value per path.
package struct DirectorySweep: ~Copyable {
    private let fd: Int32

    deinit { _ = Glibc.close(fd) }

    /// Opens a directory below `root` by a path that ends in NUL; nil if there is none, or a link at its end.
    ///
    /// Links on the way are followed: the caller compares the inode of each directory on the way.
    package static func open(_ root: Directory, _ path: UnsafePointer<CChar>) -> DirectorySweep? {
        let fd = kcache_open_path(root.fd, path)
        return fd < 0 ? nil : DirectorySweep(fd: fd)
    }

    /// Opens the directory at an absolute path, links followed; nil if there is none or it can't be read.
    package static func open(at path: [UInt8]) -> DirectorySweep? {
        let fd = (path + [0]).withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { Glibc.open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } ?? -1
            }
        }
        return fd < 0 ? nil : DirectorySweep(fd: fd)
    }

    /// Status of the directory itself; nil if it can't be told.
    package borrowing func status() -> FileStatus? {
        var st = kcache_stat()
        return kcache_fstat(fd, &st) == 0 ? FileStatus(st) : nil
    }

    /// lstat of the entry, by a name that ends in NUL; nil if nothing is there or it can't be told.
    package borrowing func status(of name: UnsafePointer<CChar>) -> FileStatus? {
        var st = kcache_stat()
        return kcache_lstatat(fd, name, &st) == 0 ? FileStatus(st) : nil
    }

    /// The link's target; nil if it is none.
    package borrowing func linkTarget(of name: UnsafePointer<CChar>) -> [UInt8]? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = Glibc.readlinkat(fd, name, &buffer, buffer.count)
        return count < 0 ? nil : buffer[..<count].map { UInt8(bitPattern: $0) }
    }

    /// The first 64 KiB of the file, never through a link; nil if it can't be read.
    package borrowing func content(of name: UnsafePointer<CChar>) -> [UInt8]? {
        let file = Glibc.openat(fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { _ = Glibc.close(file) }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.pread(file, &buffer, buffer.count, 0)
        return count < 0 ? nil : Array(buffer[..<count])
    }

    /// The names in it but `.` and `..`, in its own order; nil if it can't be read.
    package borrowing func names() -> [[UInt8]]? {
        final class Box { var names: [[UInt8]] = [] }
        let box = Box()
        let result = withExtendedLifetime(box) {
            kcache_read_names(
                fd,
                { context, name, length in
                    guard let context, let name else { return }
                    let box = Unmanaged<Box>.fromOpaque(context).takeUnretainedValue()
                    box.names.append(Array(UnsafeRawBufferPointer(start: name, count: length)))
                }, Unmanaged.passUnretained(box).toOpaque())
        }
        return result == 0 ? box.names : nil
    }
}
