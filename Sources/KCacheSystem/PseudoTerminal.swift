import CKCacheLinux
import Glibc

/// A terminal of our own between a program and the real one, so that its output can be read on the way and it
/// still prints to a terminal.
///
/// It is nobody's controlling terminal: signals of the keys, stopping and input stay with the real one, of
/// which no setting is changed.
package final class PseudoTerminal: Sendable {
    /// Where the program prints.
    let slave: Int32
    /// Whether standard error goes the same way; not if it leads elsewhere.
    package let takesErrors: Bool
    private let master: Int32

    /// The real terminal.
    private static let real: Int32 = 1

    /// Makes one like the terminal that is standard output; nil if that is none.
    ///
    /// - Throws: where the system has no pseudo terminal to give.
    package init?() throws(SystemError) {
        var (output, error): (UInt32, UInt32) = (0, 0)
        guard kcache_terminal_device(Self.real, &output) == 0 else { return nil }
        takesErrors = kcache_terminal_device(2, &error) == 0 && output == error
        var (master, slave): (Int32, Int32) = (-1, -1)
        try check(kcache_open_pty(Self.real, &master, &slave), "make", "a pseudo terminal")
        (self.master, self.slave) = (master, slave)
    }

    deinit {
        close(slave)
        close(master)
    }

    /// True if standard output is a terminal.
    package static var isReal: Bool {
        var device: UInt32 = 0
        return kcache_terminal_device(real, &device) == 0
    }

    /// True unless this process is a background job of the real terminal.
    package var isInForeground: Bool { kcache_is_foreground(Self.real) == 1 }

    /// Columns of the real terminal; 80 where it does not say.
    package var columns: Int {
        let columns = Int(kcache_terminal_columns(Self.real))
        return columns > 0 ? columns : 80
    }

    /// Takes over the size of the real terminal's window.
    func copyWindow() { _ = kcache_copy_window(Self.real, slave) }

    /// What was printed, as much as fits the buffer; nil if there is nothing at the moment.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        while true {
            let count = Glibc.read(master, buffer.baseAddress, buffer.count)
            if count > 0 { return count }
            if count < 0, kcache_errno() == EINTR { continue }
            return nil
        }
    }

    /// Writes to the real terminal; false if it has hung up.
    func show(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(Self.real, $0.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if count >= 0 {
                done += count
                continue
            }
            switch kcache_errno() {
            case EINTR: continue
            case EAGAIN:
                // Whoever shares the terminal has made it so.
                var ready = pollfd(fd: Self.real, events: Int16(POLLOUT), revents: 0)
                _ = poll(&ready, 1, 100)
            default: return false
            }
        }
        return true
    }

    /// Waits for output, or a byte in the pipe; at most so many milliseconds, -1 for ever.
    func wait(_ pipe: Int32, milliseconds: Int32, output: Bool) -> (output: Bool, pipe: Bool) {
        var ready = [
            pollfd(fd: pipe, events: Int16(POLLIN), revents: 0),
            pollfd(fd: output ? master : -1, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&ready, 2, milliseconds) > 0 else { return (false, false) }
        return (ready[1].revents != 0, ready[0].revents != 0)
    }
}
