import Glibc
package import SystemPackage

/// Which file a path leads to, links followed: two names of one file are equal.
package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64
    package let size: UInt64
    /// The user that owns it.
    package let owner: UInt32

    /// Nil where nothing is, or nothing that this user may look at.
    package init?(_ path: FilePath) {
        var st = stat()
        guard path.withPlatformString({ stat($0, &st) }) == 0 else { return nil }
        (device, inode, size) = (UInt64(st.st_dev), UInt64(st.st_ino), UInt64(max(0, st.st_size)))
        owner = st.st_uid
    }

    /// True for the same file, or a copy of this size: what a program may take for itself.
    package func looksLike(_ other: FileIdentity) -> Bool {
        (device, inode) == (other.device, other.inode) || size == other.size
    }
}
