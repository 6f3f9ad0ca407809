package import KCacheCore
package import KCacheSystem
import SystemPackage

/// What decides what a make would do, apart from the files: two makes with the same key look at the same things.
package struct BuildKey: Hashable, Sendable {
    package let digest: Digest
    /// The tree that the records belong to: its output tree.
    let tree: Digest
    /// What was asked for; decides which files can't matter.
    let goals: [String]
    let hasExternalModules: Bool
    /// The first words of commands whose content the toolchain's identity holds; nil if that is not known.
    let compilers: Set<String>?
    /// Paths that variables of the command line and of Kbuild name.
    let namedPaths: [String]
    /// What the command line gives variables: programs that makefiles start see it in their environment.
    let assigned: [String: String]

    /// Makes the key.
    ///
    /// - Parameters:
    ///   - goals: in the order that they were given in.
    ///   - variables: `NAME=value` of the command line, in their order.
    ///   - flags: make's flags less those that can't matter (`-j`, `-k`, `-s`, `-l`, `-O`, `-w`).
    ///   - toolchain: the identity of the compilers and tools.
    ///   - programs: stamps of further programs.
    ///   - compilers: the words that call what the identity holds.
    /// - Throws: `SystemError` for a tree that can't be opened.
    package init(
        goals: [String], variables: [String], flags: [String] = [], environment: [String: String],
        toolchain: Digest, programs: [String] = [], compilers: Set<String>? = nil, place: BuildPlace,
        host: HostIdentity = .current()
    ) throws(SystemError) {
        var hash = DigestBuilder()
        func add(_ title: String, _ words: [String]) {
            // Counts and lengths keep one list from running into the next.
            hash.update("\(title) \(words.count)\u{0}")
            for word in words { hash.update("\(word.utf8.count) \(word)\u{0}") }
        }
        hash.update("build key \(BuildRecord.version)\u{0}")
        add("goals", goals)
        add("variables", variables)
        add("flags", flags)
        add("environment", EnvironmentWords.relevant(environment))
        hash.update(toolchain)
        add("programs", programs)
        add("host", ["\(host.user)", host.node, host.machine, host.release])
        var tree: Digest?
        for root in try place.roots() {
            var own = DigestBuilder()
            own.update(root.path)
            own.update("\u{0}\(root.status.device) \(root.status.inode)\u{0}")
            let digest = own.finish()
            tree = tree ?? digest
            hash.update("root \(root.kind.rawValue)\u{0}")
            hash.update(digest)
        }
        add("modules", place.externalModules.map { [$0.string] } ?? [])
        digest = hash.finish()
        self.tree = tree ?? .zero
        self.goals = goals
        hasExternalModules = place.externalModules != nil
        self.compilers = compilers
        assigned = Dictionary(
            variables.compactMap { variable in
                variable.firstIndex(of: "=").map { equals in
                    let name = variable[..<equals].prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                    return (String(name), String(variable[variable.index(after: equals)...]))
                }
            }, uniquingKeysWith: { $1 })
        let kbuild = environment.filter { name, _ in Self.naming.contains(where: name.hasPrefix) }
        namedPaths = (variables + kbuild.values).flatMap { value in
            value.split { " \t=,".contains($0) }.filter { $0.hasPrefix("/") }.map(String.init)
        }
    }

    /// What variables begin with whose values may be files that make looks at.
    private static let naming = ["KBUILD_", "KCONFIG_", "CONFIG_", "DTC", "HOST", "EXTRA_"]
}
