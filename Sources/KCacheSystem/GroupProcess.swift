import CKCacheLinux
import Glibc
import Synchronization
package import SystemPackage

/// A program in a process group of its own, without input, whose output this process reads.
package final class GroupProcess: Sendable {
    package enum Part: Sendable {
        case output([UInt8])
        case error([UInt8])
        /// Nothing was printed for a while.
        case quiet
    }

    private let pid: pid_t
    private let output: ByteChannel
    /// Nil where it goes the way of the output: to a terminal.
    private let error: ByteChannel?
    /// When it was asked to end, in nanoseconds of `SteadyClock`.
    private let asked = Mutex<Int64?>(nil)

    /// Starts `arguments[0]`, looked up in the environment's PATH.
    ///
    /// - Parameters:
    ///   - window: it prints to a terminal of this size; nil: to pipes.
    ///   - lock: the number of a lock that it and all that it starts have as well.
    /// - Throws: ENOENT if there is no such program.
    package init(
        _ arguments: [String], environment: [String: String], directory: FilePath, window: TerminalWindow?,
        lock: Int32? = nil
    ) throws(SystemError) {
        let name = arguments.first ?? ""
        var spawning = Spawning(arguments, environment: environment, directory: directory)
        spawning.discarded = [0]
        spawning.ownGroup = true
        spawning.descriptors[Self.lockPlace] = lock
        if let window {
            var (master, slave): (Int32, Int32) = (-1, -1)
            try check(kcache_open_pty(-1, &master, &slave), "make", "a pseudo terminal")
            (output, error) = (ByteChannel(fd: master, subject: name), nil)
            let end = ByteChannel(fd: slave, subject: name)
            try check(kcache_set_window(slave, window.columns, window.rows), "size", "a pseudo terminal")
            (spawning.descriptors[1], spawning.descriptors[2]) = (end.fd, end.fd)
            pid = try spawning.start()
            end.close()
        } else {
            let (reading, writing) = try ByteChannel.pipe(name)
            let (readingErrors, writingErrors) = try ByteChannel.pipe(name)
            (output, error) = (reading, readingErrors)
            (spawning.descriptors[1], spawning.descriptors[2]) = (writing.fd, writingErrors.fd)
            pid = try spawning.start()
            writing.close()
            writingErrors.close()
        }
    }

    /// Asks the whole group to end: SIGINT, and if that is of no avail SIGTERM and SIGKILL (in `run`).
    package func interrupt() {
        let first = asked.withLock { asked in
            defer { asked = asked ?? SteadyClock.now() }
            return asked == nil
        }
        if first { kill(-pid, SIGINT) }
    }

    /// Gives out what it prints, until it has ended; its exit status, 128 + n where signal n ended it. Once.
    ///
    /// What others print that it has left behind is not waited for.
    /// - Parameters:
    ///   - quiet: nanoseconds of silence after which `hear` gets `.quiet`, again and again.
    ///   - hear: if it throws, the group is ended, and the error goes on.
    package func run(quiet: Int64, _ hear: (Part) throws -> Void) throws -> Int32 {
        var failure: (any Error)?
        func tell(_ part: Part) {
            guard failure == nil else { return }
            do { try hear(part) } catch {
                failure = error
                interrupt()
            }
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        var last = SteadyClock.now()
        var signalled: Int32 = SIGINT
        var open = [(output, false)] + (error.map { [($0, true)] } ?? [])
        var ended: Int32?
        var mostAtEnd = 1 << 20
        while true {
            var waiting = open.map { pollfd(fd: $0.0.fd, events: Int16(POLLIN), revents: 0) }
            let isReady = poll(&waiting, nfds_t(waiting.count), ended == nil ? Self.pause : 0) > 0
            if isReady {
                for i in open.indices.reversed() where waiting[i].revents != 0 {
                    let count = read(waiting[i].fd, buffer.baseAddress, buffer.count)
                    if count < 0, [EINTR, EAGAIN].contains(kcache_errno()) { continue }
                    guard count > 0 else {
                        open.remove(at: i)
                        continue
                    }
                    last = SteadyClock.now()
                    if ended != nil { mostAtEnd -= count }
                    tell(open[i].1 ? .error(Array(buffer[..<count])) : .output(Array(buffer[..<count])))
                }
            }
            if let ended, !isReady || open.isEmpty || mostAtEnd <= 0 {
                // Whatever it has started ends with it, also where somebody has killed it alone.
                if ended > 128 || asked.withLock({ $0 }) != nil { kill(-pid, SIGKILL) }
                if let failure { throw failure }
                return ended
            }
            ended = ended ?? Spawning.wait(pid, nanoseconds: 0)
            let now = SteadyClock.now()
            if now - last >= quiet {
                last = now
                tell(.quiet)
            }
            if let asked = asked.withLock({ $0 }), ended == nil {
                let since = now - asked
                let signal = since > 8_000_000_000 ? SIGKILL : since > 5_000_000_000 ? SIGTERM : SIGINT
                if signal != signalled { kill(-pid, signal) }
                signalled = signal
            }
        }
    }

    /// The number that the lock has in the program.
    private static let lockPlace: Int32 = 3

    /// Milliseconds between looks at whether it has ended, where it prints nothing.
    private static let pause: Int32 = 100
}
