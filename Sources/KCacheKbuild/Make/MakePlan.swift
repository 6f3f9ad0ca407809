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
    /// Reasons, a line each, for `--explain`.
    package var explanation: [String]

    /// Hands the caches what make did, before this process ends as make did; lines for `--explain`.
    package func close(_ ending: ForegroundProcess.Ending) -> [String] {
        guard let build, let caches else { return [] }
        return caches.close(build, ending)
    }
}
