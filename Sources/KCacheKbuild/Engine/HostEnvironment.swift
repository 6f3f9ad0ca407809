package import KCacheSystem
package import SystemPackage

/// What the engine may know of the machine and the user: passed in, never looked up.
package struct HostEnvironment: Sendable {
    package var environment: [String: String]
    package var runner: ProcessRunner
    package var clock: WallClock
    /// The user's cache folder for kcache (tree states lie there).
    package var cacheFolder: FilePath

    package init(
        environment: [String: String], runner: ProcessRunner = .system, clock: WallClock = .system,
        cacheFolder: FilePath
    ) {
        (self.environment, self.runner, self.clock) = (environment, runner, clock)
        self.cacheFolder = cacheFolder
    }
}
