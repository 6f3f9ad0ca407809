import CKCacheLinux
import Glibc
package import KCacheCore
import SystemPackage

/// An flock(2) on a file, held until the value ends or the process does, however it ends (`number` apart).
package struct FileLock: ~Copyable, Sendable {
    package enum Mode: Sendable { case shared, exclusive }

    private let file: Descriptor

    private init(_ file: consuming Descriptor) { self.file = file }

    /// Also where a program that was given the lock still runs.
    deinit { _ = kcache_flock(file.fd, LOCK_UN) }

    /// Its number, for a program that is to have the lock as well: should this process be killed, the lock ends with
    /// that program and all that it has started.
    package var number: Int32 { file.fd }

    /// Marks the end of a stretch that needs the lock: `defer { lock.end() }`. A value without a later use may
    /// be destroyed, and so unlocked, at once.
    package borrowing func end() {}

    /// Takes the lock, waiting for it; calls `waiting` once if it has to wait.
    ///
    /// A shared lock on a file that can't be written (a read-only store) works as well.
    package static func take(
        _ mode: Mode, on name: TreePath, in directory: Directory, waiting: () -> Void = {}
    ) throws(SystemError) -> FileLock {
        let file = try open(mode, name, directory)
        let kind = mode == .shared ? LOCK_SH : LOCK_EX
        if kcache_flock(file.fd, kind | LOCK_NB) == 0 { return FileLock(file) }
        waiting()
        try check(kcache_flock(file.fd, kind), "lock", file.subject)
        return FileLock(file)
    }

    /// Takes the lock if it is free; nil if not.
    package static func tryTaking(_ mode: Mode, on name: TreePath, in directory: Directory)
        throws(SystemError)
        -> FileLock?
    {
        let file = try open(mode, name, directory)
        let kind = mode == .shared ? LOCK_SH : LOCK_EX
        let result = kcache_flock(file.fd, kind | LOCK_NB)
        if result == -EWOULDBLOCK { return nil }
        try check(result, "lock", file.subject)
        return FileLock(file)
    }

    private static func open(_ mode: Mode, _ name: TreePath, _ directory: Directory) throws(SystemError)
        -> Descriptor
    {
        do throws(SystemError) { return try directory.openOrCreate(name) } catch {
            guard mode == .shared, let file = try directory.openFile(name) else { throw error }
            return file
        }
    }
}
