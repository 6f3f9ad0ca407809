import KCacheKbuild
import KCacheSystem
import Synchronization

/// One make whose steps are shown on a line of the terminal.
final class StatusLineRun: Sendable {
    private let terminal: PseudoTerminal
    private let tally: StepTally
    private let clock: WallClock
    private let screen: Mutex<StatusScreen>
    private let forecast = Mutex<StepForecast?>(nil)

    /// Nil where make gets the terminal itself: it prints something else than steps, or is not Kbuild's.
    ///
    /// - Throws: where there is no pseudo terminal to be had.
    init?(_ plan: MakePlan, host: HostEnvironment?, clock: WallClock = .system) throws(SystemError) {
        guard let build = plan.build, build.options.statusLine, build.printsSteps,
            let terminal = try PseudoTerminal()
        else { return nil }
        self.terminal = terminal
        self.clock = clock
        tally = StepTally(build, host: host)
        screen = Mutex(StatusScreen(tally.begin(at: clock.now())))
    }

    /// True where a status line can be drawn.
    static func isPossible(_ environment: [String: String]) -> Bool {
        guard let name = environment["TERM"], !name.isEmpty, name != "dumb" else { return false }
        // A make in another one's recipe: that one has the terminal.
        if let level = environment["MAKELEVEL"], !level.isEmpty, level != "0" { return false }
        return PseudoTerminal.isReal
    }

    /// Runs make to its end. All that it printed is shown when this returns.
    func run(_ process: ForegroundProcess) throws(SystemError) -> ForegroundProcess.Ending {
        let relay = try TerminalRelay(terminal) { [self] event in answer(event) }
        Parallel.start { [self] in
            if let told = tally.foretell() { forecast.withLock { $0 = told } }
        }
        do throws(SystemError) {
            let ending = try process.run(printingTo: terminal)
            relay.finish()
            return ending
        } catch {
            relay.finish()
            throw error
        }
    }

    /// What was done, so far.
    var progress: StepProgress { screen.withLock { $0.progress } }

    /// Keeps what the make has shown, for the next one.
    func keep(_ ending: ForegroundProcess.Ending) throws(SystemError) {
        try tally.keep(progress, succeeded: ending.isSuccess)
    }

    private func answer(_ event: TerminalRelay.Event) -> TerminalRelay.Answer {
        let view = StatusScreen.View(
            columns: terminal.columns, isInForeground: terminal.isInForeground)
        let told = forecast.withLock { $0.take() }
        return screen.withLock { screen in
            let now = clock.now()
            if let told { screen.foresee(told) }
            let bytes =
                switch event {
                case .output(let bytes): screen.take(bytes, at: now, view)
                case .quiet: screen.pass(at: now, view)
                case .ended: screen.end(at: now, view)
                }
            return .init(bytes: bytes, milliseconds: screen.milliseconds(at: now))
        }
    }
}
