import CKCacheLinux

/// What kind of filesystem a directory lies on.
package enum FilesystemKind {
    /// Filesystems where others write, or whose times and inodes are not kept by this kernel (statfs(2), linux/magic.h).
    private static let foreign: Set<Int64> = [
        0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x7375_7245, 0x5346_414f, 0x0102_1997,
        0x00c3_6400, 0x7461_636f, 0x0116_1970, 0x0bd0_0bd0, 0x786f_4256, 0x4d44, 0x2011_bab0,
    ]

    /// True if a file there can change without its inode number and ctime telling (network, FUSE, FAT).
    package static func isForeign(_ directory: Directory) -> Bool {
        let type = kcache_filesystem_type(directory.fd)
        return type < 0 || foreign.contains(type)
    }
}
