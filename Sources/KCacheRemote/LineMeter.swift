import KCacheCore
import KCacheSystem
import Synchronization

/// Measures what a line gives, from what comes over it anyhow, and remembers it.
///
/// The time that each four megabytes take is taken, and the best counts: others hold pauses in which nobody asked for
/// anything. Of a run that brings less nothing is learnt.
package final class LineMeter: Sendable {
    private struct State {
        var start: Int64?
        var bytes: UInt64 = 0
        var best: UInt64?
    }

    private let state = Mutex(State())

    static let block: UInt64 = 4 << 20

    /// Where the rate is remembered; nil: nowhere.
    private let folder: Directory?

    /// - Parameter folder: keeps the rate from one run to the next.
    init(rememberedIn folder: Directory? = nil) { self.folder = folder }

    /// Takes note of bytes that have come, at a time of the steady clock.
    func received(_ count: Int, at now: Int64) {
        state.withLock { state in
            guard let start = state.start else {
                // What comes first has been under way before.
                state.start = now
                return
            }
            state.bytes += UInt64(count)
            guard state.bytes >= Self.block else { return }
            let seconds = Double(max(1, now - start)) / 1e9
            state.best = max(state.best ?? 0, UInt64(Double(state.bytes) / seconds))
            (state.start, state.bytes) = (now, 0)
        }
    }

    /// Bytes in a second; nil while too few have come to tell.
    var bytesPerSecond: UInt64? { state.withLock { $0.best } }

    // MARK: From run to run

    private static let name = TreePath(literal: Array("line-rate".utf8))

    /// What an earlier run has measured; nil if none has, or if it can't be read.
    func remembered() -> UInt64? {
        do throws(SystemError) {
            guard let bytes = try folder?.readFile(Self.name, limit: 100) else { return nil }
            return UInt64(String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber })
        } catch _ {
            return nil
        }
    }

    /// Keeps what was measured; of less than an earlier run saw, the mean of both, since it may have been this run that
    /// was slow. Where that fails the next run knows less, and nothing else.
    func remember() {
        guard let folder, var rate = bytesPerSecond else { return }
        if let before = remembered(), before > rate { rate += (before - rate) / 2 }
        do throws(SystemError) {
            try AtomicFile.write(Array("\(rate)\n".utf8), to: Self.name, in: folder, durable: false)
        } catch _ {}
    }
}
