import CKCacheLinux
import Glibc
import Synchronization
import SystemPackage

/// Carries what a program prints on a pseudo terminal to the real one, on a thread of its own.
package final class TerminalRelay: Sendable {
    package enum Event: Sendable {
        /// Printed by the program, in pieces as they come.
        case output([UInt8])
        /// The time that the last answer asked for is over, or the window has another size.
        case quiet
        /// The program has ended and all that it printed has come.
        case ended
    }

    package struct Answer: Sendable {
        /// For the real terminal.
        package var bytes: [UInt8]
        /// When to ask again if nothing comes; nil: not at all.
        package var milliseconds: Int32?

        package init(bytes: [UInt8], milliseconds: Int32? = nil) {
            (self.bytes, self.milliseconds) = (bytes, milliseconds)
        }
    }

    private let terminal: PseudoTerminal
    private let answer: @Sendable (Event) -> Answer
    private let pipe: (read: Int32, write: Int32)
    private let thread = Mutex<UInt?>(nil)

    /// Starts to carry.
    ///
    /// - Parameter answer: called on the relay's thread only, one call after another.
    /// - Throws: where there is no thread or pipe to be had.
    package init(_ terminal: PseudoTerminal, _ answer: @escaping @Sendable (Event) -> Answer)
        throws(SystemError)
    {
        (self.terminal, self.answer) = (terminal, answer)
        var ends: [Int32] = [-1, -1]
        try check(kcache_wake_pipe(&ends), "make", "a pipe")
        pipe = (ends[0], ends[1])
        var number: UInt = 0
        let context = Unmanaged.passRetained(self)
        let result = kcache_start_thread(
            { context in
                guard let context else { return }
                Unmanaged<TerminalRelay>.fromOpaque(context).takeRetainedValue().carry()
            }, context.toOpaque(), &number)
        if result < 0 {
            context.release()
            throw SystemError("start", "a thread", .init(rawValue: -result))
        }
        thread.withLock { $0 = number }
        kcache_watch_window(pipe.write)
    }

    deinit {
        close(pipe.read)
        close(pipe.write)
    }

    /// Carries what is left when the program has ended, and stops. What processes that it left behind print
    /// from now on is lost.
    package func finish() {
        guard let number = thread.withLock({ $0.take() }) else { return }
        kcache_watch_window(-1)
        var bytes: [UInt8] = [UInt8(ascii: "e")]
        // A pipe full of changes of the window is emptied by the thread.
        while Glibc.write(pipe.write, &bytes, 1) < 0, [EINTR, EAGAIN].contains(kcache_errno()) {
            WallClock.sleep(1_000_000)
        }
        _ = kcache_join_thread(number)
    }

    /// A program that has ended can't have printed more than the system's buffers hold (some 70 KB). Reading no
    /// further, a child that prints on and on does not keep this from ending.
    private static let mostAtEnd = 1 << 20

    private func carry() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        var milliseconds: Int32 = -1
        var isUp = true
        func tell(_ event: Event) {
            let answer = answer(event)
            milliseconds = answer.milliseconds ?? -1
            // After a hang-up the program's output has nowhere to go, and make is told by a signal.
            if isUp, !answer.bytes.isEmpty { isUp = terminal.show(answer.bytes) }
        }
        while true {
            let ready = terminal.wait(pipe.read, milliseconds: milliseconds, output: true)
            // Output first: what came before the end is shown before it.
            if ready.output {
                if let count = terminal.read(into: buffer) { tell(.output(Array(buffer[..<count]))) }
                if !ready.pipe { continue }
            }
            guard ready.pipe else {
                tell(.quiet)
                continue
            }
            let count = max(0, Glibc.read(pipe.read, buffer.baseAddress, buffer.count))
            terminal.copyWindow()
            guard buffer[..<count].contains(UInt8(ascii: "e")) else {
                tell(.quiet)
                continue
            }
            var rest = Self.mostAtEnd
            while rest > 0, let count = terminal.read(into: buffer) {
                tell(.output(Array(buffer[..<count])))
                rest -= count
            }
            tell(.ended)
            return
        }
    }
}
