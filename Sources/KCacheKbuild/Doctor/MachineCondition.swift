import KCacheCore
import KCacheSystem
import SystemPackage

/// The machine and the shell that the doctor was called from.
struct MachineCondition: Sendable {
    let host: HostEnvironment
    /// uname(2)'s machine and the user.
    let identity: HostIdentity
    /// The tools of a build here: those that built the tree, else those that make would take.
    let tools: [ToolIdentity]

    /// - Parameter root: the tree; nil outside of one.
    init(host: HostEnvironment, tree: TreeCondition?) throws {
        self.host = host
        identity = .current()
        // Without a tree no tool is asked for: nobody knows which.
        tools =
            try tree.map {
                try LocalToolchain(host: host, isReadOnly: true).recorded(in: $0.root, $0.listing)
            } ?? []
    }

    func variable(_ name: String) -> String? {
        host.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    func finds(_ program: String) -> Bool {
        ExecutableLookup.find(program, path: host.environment["PATH"] ?? "/bin:/usr/bin") != nil
    }

    func tool(_ role: String) -> ToolIdentity? { tools.first { $0.role == role } }
}
