package import KCacheSystem
package import SystemPackage

/// What a program is run with inside a root.
package struct RootCall: Sendable {
    package var view: RootView
    /// Folders of the host that stand at the same paths inside, and can be written to.
    package var writable: [FilePath] = []
    package var directory: FilePath?
    package var environment: [String: String]
    /// Shares a terminal with this process; nil for what gets none.
    package var enclosure: Enclosure?

    package init(view: RootView, environment: [String: String]) {
        (self.view, self.environment) = (view, environment)
    }
}

/// bwrap(1), which runs programs inside a root, and needs no rights where user namespaces are allowed.
package enum RootEngine {
    package static let program = "bwrap"

    /// How many processes stand between the one that is started and the program inside.
    package static let generations: Int32 = 2

    /// The words in front of the program and its arguments; the first is the engine's path.
    ///
    /// - Parameter path: where the engine is looked for.
    package static func words(_ call: RootCall, path: String) throws -> [[UInt8]] {
        guard let program = ExecutableLookup.find(program, path: path) else {
            throw KbuildError(.unfit, "\(program) is not in PATH: install bubblewrap")
        }
        return [Array(program.string.utf8)] + (try BubblewrapLayout(call).words)
    }
}
