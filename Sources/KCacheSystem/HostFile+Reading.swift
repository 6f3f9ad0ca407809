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
}
