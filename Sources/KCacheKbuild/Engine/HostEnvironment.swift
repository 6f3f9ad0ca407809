package import KCacheSystem
package import SystemPackage

/// What the engine may know of the machine and the user: passed in, never looked up.
package struct HostEnvironment: Sendable {
    package var environment: [String: String]
    /// `VAR=value` of make's command line, where a make is under way: these choose tools over what built a tree.
    package var arguments: [String: String] = [:]
    package var runner: ProcessRunner
    package var clock: WallClock
    /// The user's cache folder for kcache (tree states lie there).
    package var cacheFolder: FilePath
    /// The root filesystem that the tree is built in; nil: this machine's own.
    package var root: RootImage?

    package init(
        environment: [String: String], runner: ProcessRunner = .system, clock: WallClock = .system,
        cacheFolder: FilePath
    ) {
        (self.environment, self.runner, self.clock) = (environment, runner, clock)
        self.cacheFolder = cacheFolder
    }

    /// The same, with the words of such a command line.
    package func with(words: [String]) -> HostEnvironment {
        var host = self
        host.arguments.merge(Self.assignments(in: words.filter { !$0.hasPrefix("-") })) { $1 }
        return host
    }

    /// Values by name of the words that are `NAME=VALUE`, of several with one name the last.
    package static func assignments(in words: [String]) -> [String: String] {
        var values: [String: String] = [:]
        for word in words {
            guard let cut = word.firstIndex(of: "=") else { continue }
            values[String(word[..<cut])] = String(word[word.index(after: cut)...])
        }
        return values
    }
}
