import CKCacheLinux
import SystemPackage

/// How much may still be written to a filesystem, and whether anything may be written or run there (statvfs(3)).
package struct FilesystemRoom: Hashable, Sendable {
    /// Bytes that an ordinary user may still write.
    package var available: UInt64
    /// Of the whole filesystem; 0 where it has no size of its own.
    package var total: UInt64
    package var isReadOnly: Bool
    /// Mounted so that no program on it can be run.
    package var forbidsPrograms: Bool

    package init(available: UInt64, total: UInt64, isReadOnly: Bool = false, forbidsPrograms: Bool = false) {
        (self.available, self.total) = (available, total)
        (self.isReadOnly, self.forbidsPrograms) = (isReadOnly, forbidsPrograms)
    }

    /// Asks the filesystem that the directory lies on.
    package static func of(_ directory: Directory) throws(SystemError) -> FilesystemRoom {
        var room = kcache_room()
        try check(kcache_room(directory.fd, &room), "look at the filesystem of", directory.path.string)
        return FilesystemRoom(
            available: room.available, total: room.total, isReadOnly: room.read_only != 0,
            forbidsPrograms: room.no_exec != 0)
    }
}
