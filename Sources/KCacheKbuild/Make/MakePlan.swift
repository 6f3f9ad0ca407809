package import KCacheSystem

/// What `kcache make` is going to do, decided before anything is started.
package struct MakePlan: Sendable {
    package enum Decision: Hashable, Sendable {
        /// Become make: nothing is left to do afterwards.
        case replace
        /// Run make as a child, and keep what is learned.
        case run
        /// Don't run make: all that was asked for is there.
        case nothingToDo
    }

    package var decision: Decision
    package var process: ForegroundProcess
    /// The tree, where make works on one; nil for plain make.
    package var build: MakeBuild?
    /// The caches around it, to be closed when make has ended.
    var caches: MakeCaches?
    /// The push afterwards; nil if none was asked for.
    var pushing: MakePushing?
    /// Reasons, a line each, for `--explain`.
    package var explanation: [String]

    /// What the caches have saved; to be asked when make has ended, before `close`.
    package var savings: MakeSavings { caches?.savings ?? MakeSavings(answers: 0, directories: 0) }

    /// Hands the caches what make did, and pushes if that is wanted, before this process ends as make did; lines
    /// for `--explain`.
    ///
    /// - Parameter ending: nil where make was not run, since there was nothing to do.
    package func close(_ ending: ForegroundProcess.Ending?) -> [String] {
        guard let ending else { return pushing?.run(makeRan: false) ?? [] }
        guard let build else { return [] }
        let lines = caches?.close(build, ending) ?? []
        return ending.isSuccess ? lines + (pushing?.run(makeRan: true) ?? []) : lines
    }
}
