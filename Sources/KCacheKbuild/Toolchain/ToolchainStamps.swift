import KCacheCore
import KCacheSystem
import SystemPackage

/// Finds the identity of the tools that a make would run, from stat data alone where nothing has changed.
///
/// The first time, compilers are asked for their parts and everything is read. What was looked at is kept as a
/// list of witnesses; while all of them hold, the identity is the same, and no program is started.
package struct ToolchainStamps: Sendable {
    /// What decides which tools are run.
    package struct Request: Sendable {
        /// `VAR=value` of make's command line.
        package var variables: [String: String]
        package var environment: [String: String]
        /// False: nothing is kept for the next time.
        package var mayWrite: Bool
        /// Further commands that a build is known to run, such as those that the tree's saved commands name.
        package var alsoCommands: [String] = []

        package init(variables: [String: String], environment: [String: String], mayWrite: Bool) {
            (self.variables, self.environment, self.mayWrite) = (variables, environment, mayWrite)
        }
    }

    /// An identity, or why there is none.
    package enum Answer: Sendable {
        case known(ToolchainIdentity)
        case unfit(String)

        package var identity: ToolchainIdentity? {
            if case .known(let identity) = self { identity } else { nil }
        }
    }

    private let host: HostEnvironment
    private static let folder = ["make", "toolchains"]
    private static let limit = 4 << 20
    private static let mostFiles = 64

    package init(host: HostEnvironment) { self.host = host }

    /// The identity of all tools together; may run concurrently with others.
    package func identity(_ request: Request) -> Answer {
        if let reason = Self.obstacle(request.environment) { return .unfit(reason) }
        let names = ToolchainNames(arguments: request.variables, environment: request.environment)
        let key = key(names, request)
        let name = TreePath(literal: Array(key.hex.utf8))
        let store = open(request.mayWrite)
        if let bytes = store?.read(name, limit: Self.limit) {
            // A damaged file costs asking the compilers again.
            do throws(FormatError) {
                let known = try ToolchainIdentity.decode(bytes)
                if known.holds() { return .known(known) }
            } catch _ {}
        }
        let now = host.clock.now()
        var survey = ToolchainSurvey(environment: request.environment, runner: host.runner)
        let identity: ToolchainIdentity
        do {
            identity = try survey.run(names.commands, also: request.alsoCommands)
        } catch let error as ToolchainSurvey.Unfit {
            return .unfit(error.reason)
        } catch { return .unfit("\(error)") }
        // Something that changed just now could change again and look the same.
        guard identity.witnesses.allSatisfy({ $0.isSettled(at: now) }) else {
            return .unfit("a tool was replaced a moment ago")
        }
        if request.mayWrite, let store {
            // Without it the next run asks again; nothing else is lost.
            do throws(SystemError) { try store.write(identity.encode(), to: name) } catch _ {}
            trim(store)
        }
        return .known(identity)
    }

    private func key(_ names: ToolchainNames, _ request: Request) -> Digest {
        var key = DigestBuilder()
        key.update("toolchain 1\u{0}")
        for (role, command) in names.commands.sorted(by: { $0.key < $1.key }) {
            key.update("\(role)=\(command)\u{0}")
        }
        for command in request.alsoCommands.sorted() { key.update("\(command)\u{0}") }
        key.update(CompilerEnvironment.digest(request.environment))
        return key.finish()
    }

    private func open(_ mayWrite: Bool) -> PrivateFolder? {
        do throws(SystemError) {
            if !mayWrite {
                // Nothing is made for a run that may write nothing.
                let path = host.cacheFolder.appending("make").appending("toolchains")
                guard try HostStatus.of(path, followingLinks: false) != nil else { return nil }
            }
            return try PrivateFolder.open(host.cacheFolder, Self.folder)
        } catch { return nil }
    }

    private func trim(_ store: PrivateFolder) {
        let entries = store.entries()
        guard entries.count > Self.mostFiles else { return }
        for entry in entries.sorted(by: { $0.status.mtime < $1.status.mtime }).dropLast(Self.mostFiles) {
            store.remove(TreePath(literal: entry.name))
        }
    }

    /// Why tools can't be told in this environment; nil if they can.
    private static func obstacle(_ environment: [String: String]) -> String? {
        for name in ["LD_PRELOAD", "LD_AUDIT", "CCC_OVERRIDE_OPTIONS", "GCC_EXEC_PREFIX", "QA_CHECK"]
        where environment[name]?.isEmpty == false {
            return "\(name) is set"
        }
        for name in ["PATH", "LD_LIBRARY_PATH", "COMPILER_PATH"] {
            guard let value = environment[name], !value.isEmpty else { continue }
            let folders = value.split(separator: ":", omittingEmptySubsequences: false)
            if folders.contains(where: { !$0.hasPrefix("/") }) {
                return "\(name) holds a folder that depends on the working directory"
            }
        }
        return nil
    }
}
