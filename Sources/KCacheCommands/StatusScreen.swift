import KCacheKbuild

/// Turns what make prints on a terminal into one status line with everything that is no step whole above it.
///
/// Pure: bytes and times (nanoseconds) go in, bytes for the terminal come out. Of a terminal only carriage
/// return and "erase to the end of the line" (`ESC [ K`) are used.
struct StatusScreen {
    /// The terminal as it is at the moment.
    struct View {
        var columns: Int
        /// Not a background job. One prints as plain make does, and leaves the shell's line alone.
        var isInForeground = true
    }

    private(set) var progress: StepProgress
    /// The beginning of a line that may become a step's.
    private var pending: [UInt8] = []
    private var pendingSince: Int64 = 0
    /// Text without a line's end stands on the last line: a question.
    private var isOpen = false
    private var isDrawn = false
    private var drawn = ""
    private var needsDraw = false
    private var drawnAt = Int64.min / 2
    private var showsTime = false
    /// Steps by target, until they fail or many others have come.
    private var recent: [[UInt8]: StepLine] = [:]
    private var order: [[UInt8]] = []

    init(_ progress: StepProgress) { self.progress = progress }

    private static let clearing: [UInt8] = Array("\r\u{1b}[K".utf8)
    private static let newline = UInt8(ascii: "\n")
    /// Nanoseconds between two drawings.
    private static let rate: Int64 = 100_000_000
    /// Nanoseconds after which half a line is shown as it is.
    private static let patience: Int64 = 100_000_000
    private static let mostRecent = 4096

    mutating func foresee(_ forecast: StepForecast) {
        progress.foresee(forecast)
        needsDraw = true
    }

    /// Takes what make printed.
    mutating func take(_ bytes: [UInt8], at now: Int64, _ view: View) -> [UInt8] {
        stepAside(view)
        var out: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let cut = rest.firstIndex(of: Self.newline)
            let piece = rest[..<(cut.map { $0 + 1 } ?? rest.endIndex)]
            rest = rest[piece.endIndex...]
            if isOpen {
                out += piece
                isOpen = cut == nil
            } else if cut != nil {
                pending += piece
                takeLine(&out, at: now, view)
            } else {
                if pending.isEmpty { pendingSince = now }
                pending += piece
                if !StepLine.mayBegin(pending) { showPending(&out) }
            }
        }
        draw(&out, at: now, view)
        return out
    }

    /// Some time has passed.
    mutating func pass(at now: Int64, _ view: View) -> [UInt8] {
        stepAside(view)
        var out: [UInt8] = []
        if !pending.isEmpty, now - pendingSince >= Self.patience { showPending(&out) }
        if showsTime { needsDraw = true }
        draw(&out, at: now, view)
        return out
    }

    /// Make has ended.
    mutating func end(at now: Int64, _ view: View) -> [UInt8] {
        stepAside(view)
        var out: [UInt8] = []
        progress.end(at: now)
        if !pending.isEmpty { showPending(&out) }
        clear(&out)
        return out
    }

    /// When to come back if nothing is printed; nil: then there is nothing to do.
    func milliseconds(at now: Int64) -> Int32? {
        var times: [Int64] = []
        if !pending.isEmpty { times.append(pendingSince + Self.patience - now) }
        if needsDraw, !isOpen { times.append(drawnAt + Self.rate - now) }
        if showsTime, !isOpen { times.append(1_000_000_000) }
        return times.min().map { Int32(clamping: max(1, $0 / 1_000_000 + 1)) }
    }

    // MARK: Lines

    private mutating func takeLine(_ out: inout [UInt8], at now: Int64, _ view: View) {
        let line = pending
        pending.removeAll()
        if let step = StepLine(line) {
            progress.begin(step, at: now)
            needsDraw = true
            guard view.isInForeground else {
                out += line
                return
            }
            remember(step)
            return
        }
        clear(&out)
        if let target = StepOrigin.failedTarget(line) ?? StepOrigin.object(line),
            let step = recent.removeValue(forKey: target)
        {
            out += step.line
        }
        out += line
    }

    private mutating func remember(_ step: StepLine) {
        if recent.updateValue(step, forKey: step.target) == nil { order.append(step.target) }
        guard order.count > 2 * Self.mostRecent else { return }
        for target in order[..<Self.mostRecent] { recent.removeValue(forKey: target) }
        order.removeFirst(Self.mostRecent)
    }

    private mutating func showPending(_ out: inout [UInt8]) {
        clear(&out)
        out += pending
        pending.removeAll()
        isOpen = true
    }

    // MARK: Drawing

    /// A job that was sent into the background has lost its line: the shell's is there.
    private mutating func stepAside(_ view: View) {
        if !view.isInForeground { isDrawn = false }
    }

    private mutating func clear(_ out: inout [UInt8]) {
        guard isDrawn else { return }
        out += Self.clearing
        isDrawn = false
        needsDraw = true
    }

    private mutating func draw(_ out: inout [UInt8], at now: Int64, _ view: View) {
        guard needsDraw, !isOpen, view.isInForeground, let step = progress.current,
            now - drawnAt >= Self.rate
        else { return }
        // The last column is left free: some terminals go to the next line behind it.
        let line = DisplayText.cut(text(of: step, at: now), to: max(0, view.columns - 1))
        if !isDrawn || line != drawn { out += Array("\r\(line)\u{1b}[K".utf8) }
        (isDrawn, drawn, needsDraw, drawnAt) = (true, line, false, now)
    }

    private mutating func text(of step: StepLine, at now: Int64) -> String {
        var numbers = "\(progress.count)"
        showsTime = false
        if let total = progress.total {
            numbers += "/\(total)"
            if let share = progress.share { numbers += " \(share)%" }
            if let seconds = progress.secondsLeft(at: now) {
                numbers += " \(Self.time(seconds))"
                showsTime = true
            }
        }
        let words = step.text.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        return "[\(numbers)] \(words.joined(separator: " "))"
    }

    private static func time(_ seconds: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        return hours > 0
            ? "\(hours):\(two(minutes)):\(two(seconds % 60))" : "\(minutes):\(two(seconds % 60))"
    }
}
