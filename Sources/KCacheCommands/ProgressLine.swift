import KCacheCore
import KCacheSystem
import KCacheTree
import Synchronization

/// Draws progress events: one line that is rewritten on a terminal, nothing elsewhere.
final class ProgressLine: Sendable {
    private struct State {
        var phase: ProgressEvent.Phase?
        var total = ByteCount.zero
        var done = ByteCount.zero
        var drawnAt: Int64 = 0
        var drawn = false
    }

    private let console: Console
    private let enabled: Bool
    private let state = Mutex(State())

    init(console: Console, quiet: Bool) {
        self.console = console
        enabled = !quiet && console.errorIsTerminal
    }

    var sink: ProgressSink { { [self] event in take(event) } }

    private func take(_ event: ProgressEvent) {
        guard enabled else { return }
        state.withLock { state in
            switch event {
            case .started(let phase, let total):
                (state.phase, state.total, state.done, state.drawnAt) = (phase, total, .zero, 0)
                draw(&state)
            case .advanced(_, let bytes):
                state.done += bytes
                draw(&state)
            case .finished:
                if state.drawn { console.errorText("\r\u{1b}[K") }
                (state.phase, state.drawn) = (nil, false)
            }
        }
    }

    private func draw(_ state: inout State) {
        let now = WallClock.system.now()
        guard let phase = state.phase, now - state.drawnAt > 100_000_000 else { return }
        state.drawnAt = now
        state.drawn = true
        let verb =
            switch phase {
            case .comparing: "comparing"
            case .storing: "storing"
            case .restoring: "restoring"
            case .sending: "sending"
            case .verifying: "verifying"
            }
        var line = "\r\u{1b}[K\(verb) \(state.done)"
        if state.total.value > 0 {
            let share = Double(state.done.value) / Double(state.total.value)
            line += " of \(state.total) (\(Int(min(1, share) * 100))%)"
        }
        console.errorText(line)
    }
}
