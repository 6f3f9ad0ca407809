import KCacheKbuild

/// The one line at the end of a make: what ran, and what the caches saved.
struct MakeSummary: CustomStringConvertible {
    /// Nil where make's lines were not read.
    var steps: [[UInt8]: Int]?
    var nanoseconds: Int64
    var savings: MakeSavings

    var description: String {
        let time = "in \(Self.time(nanoseconds))"
        var text = steps.map { "\(Self.steps($0)) \(time)" } ?? "make ended \(time)"
        let saved = [
            Self.counted(savings.answers, "probe", "probes", " answered from the cache"),
            Self.counted(savings.directories, "directory", "directories", " left out"),
        ].compactMap { $0 }
        if !saved.isEmpty { text += "; " + saved.joined(separator: ", ") }
        return text
    }

    /// Words that are named; the others are counted together.
    private static let named = 4

    private static func steps(_ words: [[UInt8]: Int]) -> String {
        let total = words.values.reduce(0, +)
        if total == 0 { return "no steps" }
        let sorted = words.map { (word: String(decoding: $0.key, as: UTF8.self), count: $0.value) }
            .sorted { ($1.count, $0.word) < ($0.count, $1.word) }
        var parts = sorted.prefix(named).map { "\($0.word) \($0.count)" }
        let others = sorted.dropFirst(named).reduce(0) { $0 + $1.count }
        if others > 0 { parts.append("others \(others)") }
        return "\(total) \(total == 1 ? "step" : "steps") (\(parts.joined(separator: ", ")))"
    }

    private static func counted(_ count: Int, _ one: String, _ many: String, _ rest: String) -> String? {
        count > 0 ? "\(count) \(count == 1 ? one : many)\(rest)" : nil
    }

    private static func time(_ nanoseconds: Int64) -> String {
        let tenths = (max(0, nanoseconds) + 50_000_000) / 100_000_000
        if tenths < 600 { return "\(tenths / 10).\(tenths % 10) s" }
        let seconds = (tenths + 5) / 10
        return "\(seconds / 60) min \(seconds % 60) s"
    }
}
