import CKCacheLinux
import Glibc
import SystemPackage

/// What a program that runs another one in namespaces of its own shares with this process.
package final class Enclosure: Sendable {
    /// How many processes stand between this one's child and the program inside.
    package let generations: Int32
    /// A seccomp program for what runs inside: no typing into the terminal that it shares with this process.
    package let filter: Int32
    /// Held open by the inner processes: closed when the last of them has ended.
    package let held: Int32
    private let watched: Int32

    /// - Throws: where no descriptor can be had.
    package init(generations: Int32) throws(SystemError) {
        self.generations = generations
        filter = kcache_terminal_filter()
        try check(filter, "make", "a file in memory")
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else {
            let error = kcache_errno()
            Glibc.close(filter)
            throw SystemError("make", "a pipe", .init(rawValue: error))
        }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        (watched, held) = (ends[0], ends[1])
    }

    deinit { for fd in [filter, watched] { _ = Glibc.close(fd) } }

    /// Waits until all that ran inside has ended. The terminal's Ctrl-C ends the outer program at once, while a make
    /// inside still removes what it has not finished.
    ///
    /// May be called once.
    func awaitEnd() {
        Glibc.close(held)
        var byte: UInt8 = 0
        while Glibc.read(watched, &byte, 1) < 0, kcache_errno() == EINTR {}
    }
}
