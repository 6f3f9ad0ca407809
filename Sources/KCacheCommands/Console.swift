import Glibc
import KCacheSystem
import Synchronization

/// Standard output and standard error.
struct Console: Sendable {
    static let standard = Console()

    /// A line of the result, on standard output.
    func print(_ text: String) { write(text + "\n", to: 1) }

    /// A line for the person, on standard error.
    func diagnostic(_ text: String) { write(text + "\n", to: 2) }

    func errorText(_ text: String) { write(text, to: 2) }

    var errorIsTerminal: Bool { isatty(2) == 1 }

    private func write(_ text: String, to fd: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let n = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            if n < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                // The reader has gone (EPIPE) or can't be written to: there is nobody to tell.
                return
            }
            bytes = bytes.dropFirst(n)
        }
    }
}
