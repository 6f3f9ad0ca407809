package import KCacheCore

/// What earlier makes of the same goals in the same tree have shown: their steps, and how long each took.
package struct StepRecord: Hashable, Sendable {
    static let version: UInt8 = 1
    /// Steps beyond that many are not kept.
    static let most = 1 << 16

    /// How much of a build the steps are.
    package enum Extent: UInt8, Sendable {
        /// Some of them.
        case part = 0
        /// All up to where a build from nothing ended early.
        case begun = 1
        /// All.
        case whole = 2
    }

    /// When a step that was announced before is to be awaited.
    package enum Occasion: UInt8, Sendable {
        /// Its target is made again.
        case target = 0
        /// The kernel is linked.
        case link = 1
        /// Every make.
        case always = 2
    }

    package struct Step: Hashable, Sendable {
        /// The line, with its number among equal lines of one make.
        package var line: UInt64
        package var target: UInt64
        package var occasion: Occasion
        /// Milliseconds from this line to the next one.
        package var cost: UInt32

        package init(line: UInt64, target: UInt64, occasion: Occasion, cost: UInt32) {
            (self.line, self.target, self.occasion, self.cost) = (line, target, occasion, cost)
        }
    }

    package var key: Digest
    package var extent: Extent
    /// Milliseconds from make's start to the first line.
    package var start: UInt32
    package var steps: [Step]

    package init(key: Digest, extent: Extent = .part, start: UInt32 = 0, steps: [Step] = []) {
        (self.key, self.extent, self.start, self.steps) = (key, extent, start, steps)
    }

    /// Takes in a make that has ended.
    ///
    /// - Parameters:
    ///   - fromNothing: nothing was built when it began.
    package mutating func add(_ run: StepRecord, fromNothing: Bool, succeeded: Bool) {
        if run.steps.isEmpty { return }
        if fromNothing, succeeded || extent != .whole {
            self = run
            extent = succeeded ? .whole : .begun
        } else {
            var places: [UInt64: Int] = [:]
            for (i, step) in steps.enumerated() { places[step.line] = i }
            for step in run.steps {
                if let place = places[step.line] {
                    // One time may have been an odd one.
                    let mean = (UInt64(steps[place].cost) + UInt64(step.cost)) / 2
                    steps[place].cost = UInt32(clamping: mean)
                } else {
                    steps.append(step)
                }
            }
            start = run.start
            if extent == .begun, succeeded { extent = .whole }
        }
        if steps.count > Self.most { steps.removeLast(steps.count - Self.most) }
    }
}

extension StepRecord {
    private static let format = SealedFormat("steps", magic: "KCST", version: version)

    /// The bytes of the record's file, its checksum at their end.
    package func encode() -> [UInt8] {
        Self.format.encode(capacity: 64 + steps.count * 20) { writer in
            writer.digest(key)
            writer.u8(extent.rawValue)
            writer.u32(start)
            writer.varint(UInt64(steps.count))
            for step in steps {
                writer.u64(step.line)
                writer.u64(step.target)
                writer.u8(step.occasion.rawValue)
                writer.varint(UInt64(step.cost))
            }
        }
    }

    /// - Throws: `FormatError` for anything but what `encode` makes.
    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> StepRecord {
        try format.decode(bytes) { (reader) throws(FormatError) in
            let key = try reader.digest()
            guard let extent = Extent(rawValue: try reader.u8()) else { throw reader.error("unknown extent") }
            var record = StepRecord(key: key, extent: extent, start: try reader.u32())
            let count = try reader.count(of: 18)
            guard count <= most else { throw reader.error("too many steps") }
            record.steps.reserveCapacity(count)
            for _ in 0..<count {
                let (line, target) = (try reader.u64(), try reader.u64())
                guard let occasion = Occasion(rawValue: try reader.u8()) else {
                    throw reader.error("unknown occasion")
                }
                let cost = try reader.varint()
                guard cost <= UInt64(UInt32.max) else { throw reader.error("number too large") }
                record.steps.append(
                    Step(line: line, target: target, occasion: occasion, cost: UInt32(cost)))
            }
            return record
        }
    }
}
