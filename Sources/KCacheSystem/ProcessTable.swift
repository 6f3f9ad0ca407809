import CKCacheLinux
import Glibc

/// Tells of this process and of others.
package enum ProcessTable {
    /// This process's number.
    package static var own: Int32 { getpid() }

    /// The user that this process acts as.
    package static var effectiveUser: UInt32 { geteuid() }

    /// False only if there surely is no process of this number.
    package static func isAlive(_ process: Int32) -> Bool {
        process > 0 && (kill(process, 0) == 0 || kcache_errno() != ESRCH)
    }
}
