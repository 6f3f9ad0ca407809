/// A switch of `kcache make`, by the name that follows `--` or `--no-`.
package enum MakeOption: String, Sendable, CaseIterable {
    /// Pulls first where nothing has been built.
    case warm
    /// Pushes what was built.
    case push
    /// Sets the `KBUILD_BUILD_*` variables that nobody set.
    case pins
    /// Runs make even where nothing has changed.
    case always
    /// Leaves out directories where nothing has changed.
    case prune
    case probeCache = "probe-cache"
    case statusLine = "status-line"
    /// Tells on standard error what was decided, and why.
    case explain
}
