import KCacheCore

/// How far a make has come, by the steps that it has announced. Pure: times are passed in, in nanoseconds.
///
/// **Time left.** A line appears when its step begins, so the time from one line to the next is what the make as
/// a whole needed to go on by one step, with however many jobs. These times are kept for each line; for those
/// still to come their sum, scaled by how this make compares with them so far, is the estimate. It is exact for a
/// make that repeats the last one, whatever its jobs; for a part of it, the errors of many lines cancel out.
package struct StepProgress: Sendable {
    /// Lines so far.
    package private(set) var count = 0
    /// What was done, by Kbuild's words for it.
    package private(set) var words: [[UInt8]: Int] = [:]
    package private(set) var current: StepLine?

    private let former: StepRecord
    private let costs: [UInt64: UInt32]
    /// What a step whose time is not known is taken to need; nil while few are known.
    private let meanCost: Double?
    private let began: Int64
    /// Steps to come by their lines (targets of which no line is known: by those), with their costs; nil while
    /// it is not known what is to come.
    private var awaited: [UInt64: UInt32?]?
    private var awaitedCost: Double = 0
    private var awaitedUnknown = 0

    private var run: StepRecord
    private var seen: [UInt64: Int] = [:]
    private var doneLines: Set<UInt64> = []
    private var doneTargets: Set<UInt64> = []
    private var firstLine: Int64 = 0
    private var lastLine: Int64 = 0
    /// Milliseconds that lines whose cost is known took, and should have taken.
    private var spent = 0.0
    private var expected = 0.0
    /// What was told of the time left (milliseconds), and when.
    private var told: (left: Double, at: Int64)?

    /// - Parameter began: when make was started.
    package init(_ former: StepRecord, began: Int64) {
        self.former = former
        self.began = began
        run = StepRecord(key: former.key)
        costs = Dictionary(former.steps.map { ($0.line, $0.cost) }) { first, _ in first }
        let usual = former.steps.filter { $0.occasion == .target }
        meanCost =
            usual.count < 20 ? nil : usual.reduce(0) { $0 + Double($1.cost) } / Double(usual.count)
    }

    // MARK: What happens

    /// Takes in what was foretold; also late, when some of it is done.
    package mutating func foresee(_ forecast: StepForecast) {
        var steps: [UInt64: UInt32?] = [:]
        switch forecast {
        case .everything:
            guard former.extent == .whole else { return }
            for step in former.steps { steps[step.line] = step.cost }
        case .targets(let paths):
            let stale = Set(paths.map { Self.number($0.bytes) })
            let links = stale.contains(Self.number(Array("vmlinux".utf8)))
            var announced: Set<UInt64> = []
            for step in former.steps {
                announced.insert(step.target)
                let comes =
                    switch step.occasion {
                    case .target: stale.contains(step.target)
                    case .link: links || stale.contains(step.target)
                    case .always: true
                    }
                if comes { steps[step.line] = step.cost }
            }
            for path in paths where former.extent != .whole || path.hasSuffix(".o") {
                let target = Self.number(path.bytes)
                if !announced.contains(target), !doneTargets.contains(target) {
                    steps[target] = UInt32?.none
                }
            }
        }
        for line in doneLines { steps.removeValue(forKey: line) }
        awaited = steps
        awaitedCost = steps.values.reduce(0) { $0 + Double($1 ?? 0) }
        awaitedUnknown = steps.values.count { $0 == nil }
        told = nil
    }

    package mutating func begin(_ step: StepLine, at now: Int64) {
        endLine(at: now)
        if count == 0 {
            firstLine = now
            run.start = Self.milliseconds(now - began)
        }
        lastLine = now
        count += 1
        current = step
        words[step.word, default: 0] += 1
        let text = Self.number(step.text)
        let nth = seen[text, default: 0]
        seen[text] = nth + 1
        let line = nth == 0 ? text : Self.number(step.text + Array(" \(nth)".utf8))
        let target = Self.number(step.target)
        doneLines.insert(line)
        doneTargets.insert(target)
        for key in [line, target] {
            guard let cost = awaited?.removeValue(forKey: key) else { continue }
            if let cost { awaitedCost -= Double(cost) } else { awaitedUnknown -= 1 }
            break
        }
        if run.steps.count < StepRecord.most {
            run.steps.append(.init(line: line, target: target, occasion: Self.occasion(step), cost: 0))
        }
    }

    /// The last step, and the make, have ended.
    package mutating func end(at now: Int64) { endLine(at: now) }

    private mutating func endLine(at now: Int64) {
        guard count > 0, count == run.steps.count else { return }
        let last = run.steps.count - 1
        run.steps[last].cost = Self.milliseconds(now - lastLine)
        if let cost = costs[run.steps[last].line] {
            spent += Double(run.steps[last].cost)
            expected += Double(cost)
        }
    }

    // MARK: What is known

    /// Steps in all; nil if that is not known.
    package var total: Int? { awaited.map { count + $0.count } }

    /// Percent of the steps that have begun: 100 only with the last one. Nil if their number is not known.
    package var share: Int? {
        guard let total, total > 0 else { return nil }
        let share = (count * 200 + total) / (total * 2)
        return count == total ? 100 : min(99, share)
    }

    /// Seconds left; nil if there is nothing to tell it from. Moves gently towards what is estimated.
    package mutating func secondsLeft(at now: Int64) -> Int? {
        guard let estimate = estimate(at: now) else { return nil }
        var left = estimate
        if let told {
            let passed = max(0, Double(now - told.at) / 1e6)
            let running = told.left - passed
            left = running + (estimate - running) * min(1, passed / Self.gentleness)
        }
        left = max(0, left)
        told = (left, now)
        return Int((left / 1000).rounded())
    }

    /// In so many milliseconds most of a wrong estimate is put right.
    private static let gentleness = 8000.0
    /// Milliseconds for which this make is taken to be as quick as the former one.
    private static let trust = 5000.0

    private func estimate(at now: Int64) -> Double? {
        guard awaited != nil, count > 0 else { return nil }
        let ratio = min(10, max(0.1, (spent + Self.trust) / (expected + Self.trust)))
        var left = awaitedCost * ratio
        let sinceLine = Double(now - lastLine) / 1e6
        if let line = run.steps.last?.line, let cost = costs[line] {
            left += max(0, Double(cost) * ratio - sinceLine)
        }
        if awaitedUnknown > 0 {
            let mean: Double
            if let meanCost {
                mean = meanCost * ratio
            } else {
                // Some experience first.
                let elapsed = Double(now - firstLine) / 1e6
                guard count >= 10, elapsed >= 2000 else { return nil }
                mean = elapsed / Double(count)
            }
            left += mean * Double(awaitedUnknown)
        }
        return left
    }

    /// What this make adds to the record.
    package var record: StepRecord { run }

    // MARK: Details

    private static func milliseconds(_ ns: Int64) -> UInt32 { UInt32(clamping: max(0, ns) / 1_000_000) }

    private static func number(_ bytes: some Collection<UInt8>) -> UInt64 {
        Digest.of(Array(bytes)).leadingWord
    }

    private static func occasion(_ step: StepLine) -> StepRecord.Occasion {
        let isAtTop = !step.target.contains(UInt8(ascii: "/"))
        switch String(decoding: step.word, as: UTF8.self) {
        case "CALL", "CHK", "DESCEND": return .always
        case "GEN" where step.target.elementsEqual("Makefile".utf8): return .always
        case "UPD", "HOSTCC", "HOSTLD", "SYNC": return .target
        // The steps around vmlinux: .tmp_vmlinux.kallsyms1, System.map, …
        default: return isAtTop || step.target.first == UInt8(ascii: ".") ? .link : .target
        }
    }
}
