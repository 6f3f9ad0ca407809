import CKCacheLinux
import Glibc
package import SystemPackage

/// A folder seen as the root of a filesystem: every link in it, absolute ones too, leads to a place inside.
package struct RootView: Sendable {
    private let directory: Directory
    /// O_PATH, which Glibc's module lacks.
    private static let pathOnly: Int32 = 0o10000000
    /// Of the folder, links resolved.
    package let folder: FilePath

    /// - Throws: if the folder can't be opened.
    package init(_ folder: FilePath) throws(SystemError) {
        directory = try Directory.open(folder)
        self.folder = try directory.realPath()
    }

    /// What stands at a path inside when all links have been followed: its own path inside, and its status.
    ///
    /// Nil where nothing is.
    package func resolve(_ path: FilePath) throws(SystemError) -> (path: FilePath, status: FileStatus)? {
        let fd = open(path, Self.pathOnly)
        if fd < 0 {
            try checkAbsence(fd, path)
            return nil
        }
        defer { Glibc.close(fd) }
        var st = kcache_stat()
        try check(kcache_fstat(fd, &st), "stat", path.string)
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let n = Glibc.readlink("/proc/self/fd/\(fd)", &buffer, Int(PATH_MAX))
        guard n > 0 else { throw SystemError("resolve", path.string, Errno(rawValue: kcache_errno())) }
        buffer[n] = 0
        var real = FilePath(platformString: buffer)
        guard real.removePrefix(folder) else {
            // The root was moved while it was looked at.
            throw SystemError("resolve", path.string, .noSuchFileOrDirectory)
        }
        return (FilePath("/").pushing(real), FileStatus(st))
    }

    /// A whole file, links followed inside; nil where there is none, or none that can be read, or a longer one.
    package func read(_ path: FilePath, limit: Int) throws(SystemError) -> [UInt8]? {
        let fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        if fd < 0 {
            try checkAbsence(fd, path)
            return nil
        }
        let file = Descriptor(fd: fd, subject: path.string)
        guard try file.status().kind == .file else { return nil }
        do throws(SystemError) { return try file.readAll(limit: limit) } catch {
            if error.errno == .fileTooLarge { return nil }
            throw error
        }
    }

    private func open(_ path: FilePath, _ flags: Int32) -> Int32 {
        path.withPlatformString { kcache_open_in_root(directory.fd, $0, flags) }
    }

    private func checkAbsence(_ error: Int32, _ path: FilePath) throws(SystemError) {
        if [ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG].contains(-error) { return }
        throw SystemError("open", folder.appending(path.string).string, Errno(rawValue: -error))
    }
}
