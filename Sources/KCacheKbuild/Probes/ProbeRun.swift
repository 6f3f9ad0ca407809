package import KCacheSystem

/// One make with answers put in; ends with `finish`.
package struct ProbeRun: Sendable {
    /// What became of the probes that the run asked.
    package struct Summary: Sendable {
        /// New answers that are kept.
        package var kept = 0
        /// Probes that can't be kept, by reason.
        package var refused: [String: Int] = [:]

        /// A line each, the most frequent first.
        package var explanation: [String] {
            refused.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) probes: \($0.key)" }
        }
    }

    /// To be set for make; empty if nothing is put in.
    package let environment: [String: String]
    /// What is left to plain make, and why: a line each.
    package let explanation: [String]
    private let folder: RunFolder?
    private let store: ProbeStore?
    private let toolchain: ToolchainIdentity?

    /// True if probes are answered from the cache.
    package var isCaching: Bool { store != nil }

    init(
        additions: [String: String] = [:], explanation: [String], folder: RunFolder? = nil,
        store: ProbeStore? = nil, toolchain: ToolchainIdentity? = nil
    ) {
        (environment, self.explanation) = (additions, explanation)
        (self.folder, self.store, self.toolchain) = (folder, store, toolchain)
    }

    /// What the run has saved; to be asked before `finish`. Answers are told where they were counted.
    package var savings: MakeSavings { folder?.savings() ?? MakeSavings(answers: 0, directories: 0) }

    /// Keeps what the run learnt, and removes its folder. To be called once, after make has ended.
    ///
    /// - Parameter keeping: false after a make that failed.
    /// - Throws: where the cache can't be written; the run's folder is removed all the same.
    package func finish(keeping: Bool = true) throws(SystemError) -> Summary {
        var summary = Summary()
        defer { folder?.remove() }
        guard keeping, let folder, let store, let toolchain else { return summary }
        let notes = folder.notes()
        guard !notes.isEmpty else { return summary }
        guard toolchain.holds() else {
            summary.refused["a tool changed while make ran"] = notes.count
            return summary
        }
        let vetting = ProbeVetting(programs: toolchain.programs)
        var good: [ProbeNote] = []
        var seen: [ProbeNote: Bool] = [:]
        for note in notes where seen.updateValue(true, forKey: note) == nil {
            if let reason = vetting.obstacle(note) {
                summary.refused[reason, default: 0] += 1
            } else {
                good.append(note)
            }
        }
        // Two answers to one question: neither is kept.
        let answers = Dictionary(grouping: good) { "\($0.kind) \($0.key)" }
        good.removeAll { Set((answers["\($0.kind) \($0.key)"] ?? []).map { $0.value }).count > 1 }
        summary.kept = try store.merge(good)
        return summary
    }
}
