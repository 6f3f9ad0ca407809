import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Looks, before a make, whether another toolchain built what stands in the tree: the machine's own, or another root's.
///
/// Kbuild notices by the compiler's version text alone. Where the tools differ in anything, all outputs get a time that
/// is older than any source, so that make builds them anew.
struct ToolchainSwitch {
    let root: Directory
    /// With the root that the make will run in, or none.
    let host: HostEnvironment

    init(_ place: TreePlace, host: HostEnvironment) throws {
        (root, self.host) = (try place.open(), host)
    }

    /// False for a make that compiles nothing: one that asks, cleans, or installs what is built.
    static func isNeeded(_ build: MakeBuild) -> Bool {
        let idle: Set<MakeMode> = [.dryRun, .question, .touch, .version, .help]
        // No compiler is asked for these (no-compiler-targets in the top Makefile), and they are for the machine.
        let installing: Set = ["install", "modules_install"]
        let goals = build.invocation.goals
        return build.goals.takesPins && build.invocation.modes.isDisjoint(with: idle)
            && (goals.isEmpty || !installing.isSuperset(of: goals))
    }

    /// - Returns: what to tell the person; nil if the outputs may stay as they are.
    func prepare() throws -> String? {
        guard try RootNote.read(in: root)?.root.digest != host.root?.digest else { return nil }
        let state = try TreeState(cache: host.cacheFolder, root: root)
        let lock = try state.lock(.exclusive) {}
        defer { lock.end() }
        // Another make may have done it meanwhile.
        let note = try RootNote.read(in: root)
        guard note?.root.digest != host.root?.digest else { return nil }
        let now = try tools(host)
        let before: Digest
        if let note {
            before = note.toolchain
        } else {
            var outside = host
            outside.root = nil
            before = try tools(outside)
        }
        var told: String?
        if now != before, try makeStale(state) {
            let whose =
                switch note {
                case nil: "outside of this root"
                case .unknown?: "nobody knows where"
                case let note?: "in the root \(note.root.name)"
                }
            told = "this tree was built \(whose), with another toolchain: make builds everything anew"
        }
        try RootNote.keep(host.root.map { RootNote(root: $0.reference, toolchain: now) }, in: root)
        return told
    }

    /// False if nothing is built.
    private func makeStale(_ state: TreeState) throws -> Bool {
        let inspection = try TreeInspection(root, state: state, host: host)
        guard inspection.tree != nil else {
            throw KbuildError(
                .unfit,
                "\(root.path) was built with another toolchain than \(host.root?.title ?? "this machine")'s: "
                    + "make clean there first")
        }
        let files = zip(inspection.listing.files, inspection.roles)
        let outputs = files.filter { $0.1 == .output && !$0.0.isInBase }.map(\.0)
        guard !outputs.isEmpty else { return false }
        // Who is killed from here on leaves a tree that nobody takes for built.
        try RootNote.keep(.unknown, in: root)
        for file in outputs { try root.setModificationTime(file.path, FreshnessPlan.staleTime) }
        // The stamp is not older than sources of that time; without its saved command a target is made anew.
        let oldest = FreshnessPlan.staleTime + 2_000_000_000
        if files.contains(where: { file, role in
            (role == .source || role == .configuration) && file.status.mtime <= oldest
        }) {
            for file in outputs where CommandEvidence.target(of: file.path.name) != nil {
                try root.remove(file.path)
            }
        }
        // No note may outlive the times that it vouches for.
        try root.syncFilesystem()
        return true
    }

    private func tools(_ host: HostEnvironment) throws -> Digest {
        var environment = BuildEnvironment()
        environment.toolchain = try LocalToolchain(host: host).recorded(in: root)
        return environment.toolchainDigest
    }
}
