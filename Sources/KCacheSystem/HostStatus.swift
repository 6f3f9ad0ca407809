import CKCacheLinux
import Glibc
package import SystemPackage

/// Asks for the status of files outside any tree, by their path on the host.
package enum HostStatus {
    /// lstat(2), or stat(2) where links are followed; nil where nothing is that can be reached.
    package static func of(_ path: FilePath, followingLinks: Bool) throws(SystemError) -> FileStatus? {
        var found = kcache_stat()
        let result: Int32 = path.withPlatformString { name in
            guard followingLinks else { return kcache_lstatat(AT_FDCWD, name, &found) }
            var st = stat()
            guard stat(name, &st) == 0 else { return -kcache_errno() }
            (found.mode, found.nlink) = (st.st_mode, UInt32(clamping: st.st_nlink))
            (found.uid, found.gid) = (st.st_uid, st.st_gid)
            (found.ino, found.dev) = (UInt64(st.st_ino), UInt64(st.st_dev))
            (found.size, found.blocks) = (UInt64(clamping: st.st_size), UInt64(clamping: st.st_blocks))
            (found.mtime_ns, found.ctime_ns) = (nanoseconds(st.st_mtim), nanoseconds(st.st_ctim))
            return 0
        }
        switch -result {
        case 0: return FileStatus(found)
        case ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG: return nil
        default: throw SystemError("stat", path.string, Errno(rawValue: -result))
        }
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (seconds, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : seconds &+ Int64(time.tv_nsec)
    }
}
