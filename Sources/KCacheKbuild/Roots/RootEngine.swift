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

/// A program that runs others inside a root.
package enum RootEngine: String, Sendable, CaseIterable {
    /// bwrap(1): needs no rights where user namespaces are allowed.
    case bubblewrap
    /// systemd-nspawn(1): needs root.
    case nspawn

    package var program: String {
        switch self {
        case .bubblewrap: "bwrap"
        case .nspawn: "systemd-nspawn"
        }
    }

    /// How many processes stand between the one that is started and the program inside.
    /// systemd-nspawn looks after signals itself.
    package var generations: Int32 { self == .bubblewrap ? 2 : 0 }

    /// The words in front of the program and its arguments; the first is the engine's path.
    ///
    /// - Parameter path: where the engine is looked for.
    package func words(_ call: RootCall, path: String) throws -> [[UInt8]] {
        guard let program = ExecutableLookup.find(program, path: path) else {
            throw KbuildError(
                .unfit,
                "\(program) is not in PATH: install \(self == .nspawn ? "systemd-container" : rawValue), or name another "
                    + "engine with --root-engine")
        }
        let options: [[UInt8]]
        switch self {
        case .bubblewrap: options = try BubblewrapLayout(call).words
        case .nspawn: options = NspawnOptions.words(call)
        }
        return [Array(program.string.utf8)] + options
    }
}
