import CKCacheLinux
import Glibc
package import SystemPackage

/// Asks for the status of files outside any tree, by their path on the host.
package enum HostStatus {
    /// lstat(2), or stat(2) where links are followed; nil where nothing is that can be reached.
    package static func of(_ path: FilePath, followingLinks: Bool) throws(SystemError) -> FileStatus? {
        var found = kcache_stat()
        let result: Int32 = path.withPlatformString { name in
            followingLinks
                ? kcache_statat_anew(AT_FDCWD, name, &found) : kcache_lstatat_anew(AT_FDCWD, name, &found)
        }
        switch -result {
        case 0: return FileStatus(found)
        case ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG: return nil
        default: throw SystemError("stat", path.string, Errno(rawValue: -result))
        }
    }
}
