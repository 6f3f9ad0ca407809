package import SystemPackage

/// A Linux call that failed.
package struct SystemError: Error, Sendable, CustomStringConvertible {
    /// What was tried, as a verb: `open`, `rename`, `read`.
    package let operation: String
    /// What it was tried on.
    package let subject: String
    package let errno: Errno

    package init(_ operation: String, _ subject: String, _ errno: Errno) {
        (self.operation, self.subject, self.errno) = (operation, subject, errno)
    }

    /// True where the rights of the caller, or a read-only mount, are in the way.
    package var isOfPermission: Bool {
        [.permissionDenied, .readOnlyFileSystem, .notPermitted].contains(errno)
    }

    /// True where nothing can be written, be it for want of rights or of room.
    package var isOfWriting: Bool { isOfPermission || errno == .noSpace || errno == .diskQuotaExceeded }

    package var description: String { "cannot \(operation) \(subject): \(errno)" }
}

/// Throws if a call of `CKCacheLinux` answered with -errno.
@discardableResult
func check(_ result: Int32, _ operation: String, _ subject: @autoclosure () -> String) throws(SystemError)
    -> Int32
{
    guard result < 0 else { return result }
    throw SystemError(operation, subject(), Errno(rawValue: -result))
}
