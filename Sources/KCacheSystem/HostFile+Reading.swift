import Glibc
package import SystemPackage

extension HostFile {
    /// A whole plain file, links followed; nil where there is none, it can't be read, or it is too large.
    package static func read(_ path: FilePath, limit: Int) -> [UInt8]? {
        let fd = path.withPlatformString { Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
        guard fd >= 0 else { return nil }
        let file = Descriptor(fd: fd, subject: path.string)
        do throws(SystemError) {
            guard try file.status().kind == .file else { return nil }
            return try file.readAll(limit: limit)
        } catch { return nil }
    }

    /// The same, where only a missing file may be taken for none.
    ///
    /// - Throws: if it can't be read, is no plain file, or is too large.
    package static func contents(of path: FilePath, limit: Int) throws(SystemError) -> [UInt8]? {
        let fd = path.withPlatformString { Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
        guard fd >= 0 else {
            let reason = Errno(rawValue: errno)
            if reason == .noSuchFileOrDirectory || reason == .notDirectory { return nil }
            throw SystemError("open", path.string, reason)
        }
        let file = Descriptor(fd: fd, subject: path.string)
        let kind = try file.status().kind
        guard kind == .file else {
            throw SystemError("read", path.string, kind == .directory ? .isDirectory : .invalidArgument)
        }
        return try file.readAll(limit: limit)
    }
}
