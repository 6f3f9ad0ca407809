package import KCacheSystem

/// The two places where caches take part in a make.
extension MakeSession {
    /// What the caches have to say before make starts.
    struct Preparation {
        /// Added to make's environment (`MAKEFILES`, …).
        var environment: [String: String] = [:]
        /// For `--explain`, a line each.
        var explanation: [String] = []
        /// All that make would look at is as the last success left it.
        var isUpToDate = false
        /// Something has to be removed or kept after make, even where nothing is learned from it.
        var needsEnd = false
    }

    /// Asks the caches before a make in a Kbuild tree. Called once; never fails: without a cache there is
    /// only more to do.
    func before(_ build: MakeBuild) -> Preparation { Preparation() }

    /// Hands the caches what a make did, before this process ends as make did. Never changes the ending.
    ///
    /// - Returns: lines for `--explain`.
    package func after(_ build: MakeBuild, _ ending: ForegroundProcess.Ending) -> [String] { [] }
}
