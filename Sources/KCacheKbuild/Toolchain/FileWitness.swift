import KCacheCore
import KCacheSystem
import KCacheTree
package import SystemPackage

/// What stood at a path when it was looked at: a file, a link, a folder, or nothing.
///
/// Any later change of it shows in the stat data, since a program can't set ctime.
package struct FileWitness: Hashable, Sendable {
    /// What lstat or stat tell apart.
    struct Stamp: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
        var size: UInt64
        var mtime: Int64
        var ctime: Int64
        var mode: UInt64

        init(device: UInt64, inode: UInt64, size: UInt64, mtime: Int64, ctime: Int64, mode: UInt64) {
            (self.device, self.inode, self.size) = (device, inode, size)
            (self.mtime, self.ctime, self.mode) = (mtime, ctime, mode)
        }

        init(_ status: FileStatus) {
            (device, inode, size) = (status.device, status.inode, status.size)
            (mtime, ctime) = (status.mtime, status.ctime)
            mode = UInt64(status.kind.rawValue) << 16 | UInt64(status.permissions)
        }
    }

    package let path: FilePath
    let followsLinks: Bool
    /// Nil where nothing was.
    let stamp: Stamp?

    init(path: FilePath, followsLinks: Bool, stamp: Stamp?) {
        (self.path, self.followsLinks, self.stamp) = (path, followsLinks, stamp)
    }

    /// Looks now.
    init(_ path: FilePath, followingLinks: Bool) throws(SystemError) {
        self.path = path
        followsLinks = followingLinks
        stamp = try HostStatus.of(path, followingLinks: followingLinks).map { Stamp($0) }
    }

    /// The stamp as words of a fixed form.
    var text: String {
        stamp.map { "\($0.device) \($0.inode) \($0.size) \($0.mtime) \($0.ctime) \($0.mode)" } ?? "-"
    }

    /// True if nothing has changed there since.
    func holds() throws(SystemError) -> Bool {
        try HostStatus.of(path, followingLinks: followsLinks).map { Stamp($0) } == stamp
    }

    /// True if what stands there now can't have changed after `now` with the same stamp.
    func isSettled(at now: Int64) -> Bool {
        stamp.map { StatIndex.isSettled(ctime: $0.ctime, now: now) } ?? true
    }
}
