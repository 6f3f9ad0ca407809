import CKCacheLinux
import Glibc
package import KCacheCore
package import SystemPackage

/// An open directory, and the calls on paths below it, none of which follows a symbolic link.
///
/// Each call is one Linux call (one for each layer) and may run concurrently with others on the same value.
package final class Directory: Sendable {
    let fd: Int32
    /// As it was opened, for error lines.
    package let path: FilePath
    /// Where files are found that this directory does not have itself; nil for a plain directory.
    package let base: DirectoryBase?

    private init(fd: Int32, path: FilePath, base: DirectoryBase? = nil) {
        (self.fd, self.path, self.base) = (fd, path, base)
    }

    deinit { _ = Glibc.close(fd) }

    /// Opens a directory by its path on the host (links in that path are followed, as for any command).
    package static func open(_ path: FilePath) throws(SystemError) -> Directory {
        let fd = path.withPlatformString { Glibc.open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard fd >= 0 else { throw SystemError("open", path.string, Errno(rawValue: kcache_errno())) }
        return Directory(fd: fd, path: path)
    }

    /// Opens, making it and its parents where missing (mode 0777 less the umask).
    package static func create(_ path: FilePath) throws(SystemError) -> Directory {
        do throws(SystemError) { return try open(path) } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
        }
        var prefix = FilePath(root: path.root)
        for component in path.components {
            prefix.append(component)
            let made = prefix.withPlatformString { Glibc.mkdir($0, 0o777) }
            if made != 0, kcache_errno() != EEXIST {
                throw SystemError("make the directory", prefix.string, Errno(rawValue: kcache_errno()))
            }
        }
        return try open(path)
    }

    /// The same directory over a base: looking finds what either of them has, this one first. Whatever is made,
    /// replaced or removed is so in this one; times are set where the file lies.
    package func over(_ base: DirectoryBase) throws(SystemError) -> Directory { try copy(over: base) }

    /// This directory alone.
    package func withoutBase() throws(SystemError) -> Directory { try copy(over: nil) }

    private func copy(over base: DirectoryBase?) throws(SystemError) -> Directory {
        let copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)
        try check(copy < 0 ? -kcache_errno() : 0, "open", path.string)
        return Directory(fd: copy, path: path, base: base)
    }

    /// The directory's own path, links resolved.
    package func realPath() throws(SystemError) -> FilePath {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let n = Glibc.readlink("/proc/self/fd/\(fd)", &buffer, Int(PATH_MAX))
        guard n > 0 else { throw SystemError("resolve", path.string, Errno(rawValue: kcache_errno())) }
        buffer[n] = 0
        return FilePath(platformString: buffer)
    }

    func subject(_ name: TreePath) -> String { "\(path.string)/\(name)" }

    private func withName<R>(_ name: TreePath, _ body: (UnsafePointer<CChar>) -> R) -> R {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: name.bytes.count + 1) { buffer in
            for (i, byte) in name.bytes.enumerated() { buffer[i] = CChar(bitPattern: byte) }
            buffer[name.bytes.count] = 0
            guard let base = buffer.baseAddress else { return body("") }
            return body(UnsafePointer(base))
        }
    }

    /// openat2 below this directory; where the kernel has none, one openat per component.
    private func openBeneath(_ name: TreePath, flags: Int32, mode: mode_t) -> Int32 {
        let fd = withName(name) { kcache_open_beneath(self.fd, $0, flags, mode) }
        guard fd == -ENOSYS || fd == -EPERM else { return fd }
        var current = self.fd
        defer { if current != self.fd { _ = Glibc.close(current) } }
        let components = name.components
        for (i, component) in components.enumerated() {
            guard let part = TreePath(component) else { return -EINVAL }
            let last = i == components.count - 1
            let how = last ? flags | O_NOFOLLOW | O_CLOEXEC : directoryFlags
            let next = withNameC(part) { Glibc.openat(current, $0, how, mode) }
            if next < 0 { return -kcache_errno() }
            if last { return next }
            if current != self.fd { _ = Glibc.close(current) }
            current = next
        }
        return -EINVAL
    }

    private var directoryFlags: Int32 { O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC }

    private func withNameC(_ name: TreePath, _ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
        withName(name, body)
    }

    // MARK: Looking

    /// Asks this directory, then its base.
    private func look<R>(
        _ name: TreePath, _ ask: (Directory) throws(SystemError) -> R?
    ) throws(SystemError) -> R? {
        guard let base else { return try ask(self) }
        if !base.only.contains(name), let found = try ask(self) { return found }
        return try ask(base.directory)
    }

    /// lstat; nil if nothing is there.
    package func status(_ name: TreePath) throws(SystemError) -> FileStatus? {
        try look(name) { place throws(SystemError) in try place.ownStatus(name) }
    }

    private func ownStatus(_ name: TreePath) throws(SystemError) -> FileStatus? {
        try inParent(of: name, "stat") { parent, leaf in
            var st = kcache_stat()
            let result = kcache_lstatat_anew(parent, leaf, &st)
            return (result, result == 0 ? FileStatus(st) : nil)
        }
    }

    /// Status of the directory itself.
    package func status() throws(SystemError) -> FileStatus {
        var st = kcache_stat()
        try check(kcache_fstat(fd, &st), "stat", path.string)
        return FileStatus(st)
    }

    package struct Entry: Sendable {
        package let name: [UInt8]
        package let status: FileStatus
    }

    /// The entries but `.` and `..`, in the directory's own order.
    package func entries() throws(SystemError) -> [Entry] {
        final class Box { var entries: [Entry] = [] }
        let box = Box()
        let result = withExtendedLifetime(box) {
            kcache_read_directory(
                fd,
                { context, name, length, st in
                    guard let context, let name, let st else { return }
                    let box = Unmanaged<Box>.fromOpaque(context).takeUnretainedValue()
                    let bytes = UnsafeRawBufferPointer(start: name, count: length)
                    box.entries.append(Entry(name: Array(bytes), status: FileStatus(st.pointee)))
                }, Unmanaged.passUnretained(box).toOpaque())
        }
        try check(result, "read the directory", path.string)
        return box.entries
    }

    /// Opens a directory below this one (the base is not asked); ELOOP where a link stands in the way.
    package func directory(_ name: TreePath) throws(SystemError) -> Directory {
        let fd = openBeneath(name, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC, mode: 0)
        try check(fd, "open", subject(name))
        return Directory(fd: fd, path: path.appending(String(decoding: name.bytes, as: UTF8.self)))
    }

    /// Opens a regular file for reading; nil if nothing is there.
    package func openFile(_ name: TreePath) throws(SystemError) -> Descriptor? {
        guard base != nil else { return try ownFile(name) }
        let place = try isOwn(name) ? self : base?.directory ?? self
        return try place.ownFile(name)
    }

    /// True if the path is looked at in this directory itself.
    private func isOwn(_ name: TreePath) throws(SystemError) -> Bool {
        guard let base else { return true }
        if base.only.contains(name) { return false }
        return try ownStatus(name) != nil
    }

    /// True if what is found at the path lies in the base.
    package func isInBase(_ name: TreePath) throws(SystemError) -> Bool {
        guard let base, try !isOwn(name) else { return false }
        return try base.directory.status(name) != nil
    }

    private func ownFile(_ name: TreePath) throws(SystemError) -> Descriptor? {
        let fd = openBeneath(name, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY, mode: 0)
        if fd == -ENOENT { return nil }
        try check(fd, "open", subject(name))
        return Descriptor(fd: fd, subject: subject(name))
    }

    /// The whole file; nil if nothing is there.
    package func readFile(_ name: TreePath, limit: Int = 64 << 20) throws(SystemError) -> [UInt8]? {
        guard let file = try openFile(name) else { return nil }
        return try file.readAll(limit: limit)
    }

    package func readLink(_ name: TreePath) throws(SystemError) -> [UInt8] {
        let target = try look(name) { place throws(SystemError) in try place.ownLink(name) }
        guard let target else { throw SystemError("read the link", subject(name), .noSuchFileOrDirectory) }
        return target
    }

    private func ownLink(_ name: TreePath) throws(SystemError) -> [UInt8]? {
        try inParent(of: name, "read the link") { parent, leaf in
            var buffer = [UInt8](repeating: 0, count: TreePath.longest + 1)
            let n = buffer.withUnsafeMutableBytes { raw -> Int in
                guard let base = raw.baseAddress else { return -1 }
                return Glibc.readlinkat(parent, leaf, base.assumingMemoryBound(to: CChar.self), raw.count)
            }
            return n < 0 ? (-kcache_errno(), nil) : (0, Array(buffer[..<n]))
        }
    }

    // MARK: Changing

    /// Creates a new file for writing.
    ///
    /// - Throws: EEXIST if anything is there.
    package func createFile(_ name: TreePath, mode: UInt32 = 0o666) throws(SystemError) -> Descriptor {
        let fd = openBeneath(name, flags: O_RDWR | O_CREAT | O_EXCL | O_NOCTTY, mode: mode)
        try check(fd, "create", subject(name))
        return Descriptor(fd: fd, subject: subject(name))
    }

    /// Opens an existing file for writing.
    package func openForWriting(_ name: TreePath) throws(SystemError) -> Descriptor {
        let fd = openBeneath(name, flags: O_RDWR | O_NONBLOCK | O_NOCTTY, mode: 0)
        try check(fd, "open", subject(name))
        return Descriptor(fd: fd, subject: subject(name))
    }

    /// Opens for reading and writing, making the file where it is missing.
    package func openOrCreate(_ name: TreePath, mode: UInt32 = 0o666) throws(SystemError) -> Descriptor {
        let fd = openBeneath(name, flags: O_RDWR | O_CREAT | O_NOCTTY, mode: mode)
        try check(fd, "open", subject(name))
        return Descriptor(fd: fd, subject: subject(name))
    }

    /// Makes a directory and its parents; what is there already is left.
    package func makeDirectories(_ name: TreePath) throws(SystemError) {
        let fd = openBeneath(name, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC, mode: 0)
        if fd >= 0 {
            _ = Glibc.close(fd)
            return
        }
        guard fd == -ENOENT else { throw SystemError("open", subject(name), Errno(rawValue: -fd)) }
        if let parent = name.parent { try makeDirectories(parent) }
        _ = try inParent(of: name, "make the directory") { parent, leaf in
            let made = Glibc.mkdirat(parent, leaf, 0o777)
            return (made == 0 || kcache_errno() == EEXIST ? 0 : -kcache_errno(), true)
        }
    }

    package func makeLink(_ name: TreePath, target: [UInt8]) throws(SystemError) {
        let text = target.map { CChar(bitPattern: $0) } + [0]
        _ = try inParent(of: name, "make the link") { parent, leaf in
            (Glibc.symlinkat(text, parent, leaf) == 0 ? 0 : -kcache_errno(), true)
        }
    }

    /// rename(2) within this directory: atomic, replaces a file at `to`.
    ///
    /// - Throws: ENOENT if nothing is at `from` or the directory of `to` is missing.
    package func rename(_ from: TreePath, to: TreePath) throws(SystemError) {
        let sameParent = from.parent == to.parent
        let target =
            sameParent ? nil : try to.parent.map { name throws(SystemError) in try directory(name) } ?? self
        let done: Bool? = try inParent(of: from, "rename") { parent, leaf in
            let result = withName(TreePath(unchecked: to)) {
                Glibc.renameat(parent, leaf, target?.fd ?? parent, $0)
            }
            return (result == 0 ? 0 : -kcache_errno(), true)
        }
        if done == nil { throw SystemError("rename", subject(from), .noSuchFileOrDirectory) }
    }

    /// Removes a file or link; false if nothing was there.
    @discardableResult
    package func remove(_ name: TreePath) throws(SystemError) -> Bool {
        try inParent(of: name, "remove") { parent, leaf in
            (Glibc.unlinkat(parent, leaf, 0) == 0 ? 0 : -kcache_errno(), true)
        } ?? false
    }

    /// Removes an empty directory; false if nothing was there.
    @discardableResult
    package func removeDirectory(_ name: TreePath) throws(SystemError) -> Bool {
        try inParent(of: name, "remove the directory") { parent, leaf in
            (Glibc.unlinkat(parent, leaf, AT_REMOVEDIR) == 0 ? 0 : -kcache_errno(), true)
        } ?? false
    }

    /// Removes a directory with all that is below it; links are removed, not followed.
    package func removeTree(_ name: TreePath) throws(SystemError) {
        for entry in try directory(name).entries() {
            guard let path = name.appending(entry: entry.name) else { continue }
            if entry.status.kind == .directory { try removeTree(path) } else { try remove(path) }
        }
        try removeDirectory(name)
    }

    /// Removes all that is in this directory; links are removed, not followed.
    package func removeContents() throws(SystemError) {
        for entry in try entries() {
            guard let name = TreePath(entry.name) else { continue }
            if entry.status.kind == .directory { try removeTree(name) } else { try remove(name) }
        }
    }

    package func setModificationTime(_ name: TreePath, _ ns: Int64) throws(SystemError) {
        guard try isOwn(name) else {
            try base?.directory.setModificationTime(name, ns)
            return
        }
        let done: Bool? = try inParent(of: name, "set the time of") { parent, leaf in
            (kcache_set_mtime(parent, leaf, ns), true)
        }
        if done == nil { throw SystemError("set the time of", subject(name), .noSuchFileOrDirectory) }
    }

    /// True if `setModificationTime` may set the time of a file of this directory itself (the base is not asked).
    /// Changes at most the time of the last access.
    package func maySetTimes(_ name: TreePath) throws(SystemError) -> Bool {
        do throws(SystemError) {
            let done: Bool? = try inParent(of: name, "set the time of") { parent, leaf in
                (kcache_ask_set_times(parent, leaf), true)
            }
            return done ?? false
        } catch {
            guard error.isOfPermission else { throw error }
            return false
        }
    }

    /// True if the filesystem is mounted read-only.
    package func isOnReadOnlyMount() throws(SystemError) -> Bool {
        let result = kcache_is_read_only(fd)
        try check(min(result, 0), "ask the filesystem of", path.string)
        return result == 1
    }

    package func setPermissions(_ name: TreePath, _ mode: UInt32) throws(SystemError) {
        let done: Bool? = try inParent(of: name, "change the mode of") { parent, leaf in
            (Glibc.fchmodat(parent, leaf, mode, 0) == 0 ? 0 : -kcache_errno(), true)
        }
        if done == nil { throw SystemError("change the mode of", subject(name), .noSuchFileOrDirectory) }
    }

    /// fsync of the directory: makes the names in it durable.
    package func sync() throws(SystemError) {
        guard Glibc.fsync(fd) == 0 else {
            throw SystemError("sync", path.string, Errno(rawValue: kcache_errno()))
        }
    }

    /// syncfs: makes all that was written to this filesystem durable.
    package func syncFilesystem() throws(SystemError) { try check(kcache_syncfs(fd), "sync", path.string) }

    // MARK: Helpers

    /// Runs one *at call on the path's parent directory and last component; ENOENT gives nil.
    private func inParent<R>(
        of name: TreePath, _ operation: String,
        _ body: (Int32, UnsafePointer<CChar>) throws(SystemError) -> (Int32, R?)
    ) throws(SystemError) -> R? {
        var parentFD = fd
        if let parent = name.parent {
            parentFD = openBeneath(parent, flags: O_DIRECTORY | O_CLOEXEC | 0o10000000, mode: 0)
            if parentFD == -ENOENT { return nil }
            try check(parentFD, "open", subject(parent))
        }
        defer { if parentFD != fd { _ = Glibc.close(parentFD) } }
        let leaf = TreePath(unchecked: name)
        let answer = withName(leaf) { pointer -> Result<(Int32, R?), SystemError> in
            do throws(SystemError) { return .success(try body(parentFD, pointer)) } catch {
                return .failure(error)
            }
        }
        let (result, value) = try answer.get()
        if result == -ENOENT { return nil }
        try check(result, operation, subject(name))
        return value
    }
}

extension TreePath {
    /// The last component as a path of its own.
    fileprivate init(unchecked path: TreePath) { self = TreePath(path.name) ?? path }
}
