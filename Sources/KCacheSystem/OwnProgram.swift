import CKCacheLinux
import Glibc
import SystemPackage

/// The file that this process runs, also where it has been renamed or removed since.
package enum OwnProgram {
    package static func open() throws(SystemError) -> Descriptor {
        let path = "/proc/self/exe"
        let fd = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw SystemError("open", path, Errno(rawValue: kcache_errno())) }
        return Descriptor(fd: fd, subject: path)
    }
}
