package import CKCacheLinux

/// What lstat(2) tells of a file.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: UInt8, Sendable { case file, directory, link, other }

    package let kind: Kind
    /// The twelve permission bits, set-id and sticky included.
    package let permissions: UInt16
    package let size: UInt64
    /// Nanoseconds since 1970.
    package let mtime: Int64
    package let ctime: Int64
    package let inode: UInt64
    package let device: UInt64
    package let owner: UInt32
    /// Names that the file has; some filesystems don't count and say 0.
    package let links: UInt32
    /// 512-byte blocks in use.
    package let blocks: UInt64

    package init(_ st: kcache_stat) {
        kind =
            switch st.mode & 0o170000 {
            case 0o100000: .file
            case 0o040000: .directory
            case 0o120000: .link
            default: .other
            }
        permissions = UInt16(st.mode & 0o7777)
        (size, mtime, ctime, inode) = (st.size, st.mtime_ns, st.ctime_ns, st.ino)
        (device, owner, links, blocks) = (st.dev, st.uid, st.nlink, st.blocks)
    }

    package var isExecutable: Bool { permissions & 0o100 != 0 }

    /// True if only times and rights tell the two apart.
    package func isSameFile(as earlier: FileStatus) -> Bool {
        kind == earlier.kind && size == earlier.size && inode == earlier.inode
    }

    /// True if nothing that a stat shows tells the two apart: the content is taken as unchanged.
    package func isUnchanged(since earlier: FileStatus) -> Bool {
        kind == earlier.kind && size == earlier.size && mtime == earlier.mtime && ctime == earlier.ctime
            && inode == earlier.inode
    }
}
