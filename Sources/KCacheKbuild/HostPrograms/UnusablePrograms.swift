import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Programs of a snapshot that help the build and can't be started on this machine.
///
/// Make takes them as fresh by their times, and fails where it needs one.
struct UnusablePrograms: Sendable {
    struct Program: Sendable {
        let path: TreePath
        /// For people.
        let reason: String
    }

    private(set) var programs: [Program] = []

    /// Looks at what a pull would leave here. Writes nothing into the tree.
    ///
    /// In a root nothing is asked: it is the one that the tree was built in, or its tools are the same.
    static func find(
        in plan: RestorePlan, of snapshot: Snapshot, root: Directory, session: StoreSession,
        host: HostEnvironment
    ) throws -> UnusablePrograms {
        var found = UnusablePrograms()
        guard host.root == nil else { return found }
        let machine = HostIdentity.current().machine
        let target = targetCompiler(snapshot)
        let folder = try Directory.create(host.cacheFolder)
        let coming = plan.writes.map { plan.entries[$0] }.filter(isCandidate)
        let standing = plan.kept.map { plan.entries[$0] }.filter(isCandidate)
        try session.fetch(coming.compactMap { $0.content?.chunks.first }.map { Content([$0]) })
        var programs: [(entry: SnapshotEntry, bytes: [UInt8])] = []
        for entry in coming {
            // A program's headers and its loader's name stand in front.
            guard let content = entry.content, let first = content.chunks.first,
                HostProgram(try session.read(content: Content([first]))) != nil
            else { continue }
            programs.append((entry, try session.read(content: content)))
        }
        for entry in standing {
            guard let start = try root.openFile(entry.path)?.readStart(64 << 10), HostProgram(start) != nil,
                let bytes = try root.readFile(entry.path)
            else { continue }
            programs.append((entry, bytes))
        }
        for (entry, bytes) in programs {
            guard let program = HostProgram(bytes), let libraries = SharedLibraries(bytes) else { continue }
            if program.isForeign(to: machine) {
                // A program of the target, unless it lies where only the host's do.
                guard ["scripts/", "tools/"].contains(where: { entry.path.bytes.starts(with: $0.utf8) })
                else {
                    continue
                }
            } else if libraries.namesFiles || !program.needsMore(than: libraries) {
                // The loader is asked of nothing that could make it run code.
                continue
            }
            // Asked of few: it reads the saved command of the store.
            if let target, try isTargets(entry.path, target, snapshot, session) { continue }
            let file = TemporaryName.atRoot()
            defer { do throws(SystemError) { try folder.remove(file) } catch _ {} }
            try folder.createFile(file, mode: 0o600).write(bytes)
            let reason = try program.obstacle(
                host.cacheFolder.appending(String(decoding: file.bytes, as: UTF8.self)), machine: machine,
                host: host, missing: true)
            if let reason { found.programs.append(Program(path: entry.path, reason: reason)) }
        }
        return found
    }

    private static func isCandidate(_ entry: SnapshotEntry) -> Bool {
        guard entry.role == .output, case .file(_, executable: true) = entry.kind else { return false }
        // What is linked at the root is the kernel, or the program that the project is.
        return entry.path.parent != nil && entry.size > .zero && entry.size <= largest
            && !HostProgram.isKernels(entry.path)
    }

    /// objtool with debug information has 3 MB.
    private static let largest = ByteCount(16 << 20)

    /// The compiler's command in a cross build; nil where host and target have the same.
    private static func targetCompiler(_ snapshot: Snapshot) -> String? {
        let tools = snapshot.header.environment.toolchain
        func command(_ role: String) -> String? { tools.first { $0.role == role }?.command }
        guard let compiler = command("CC"), compiler != command("HOSTCC") else { return nil }
        return compiler
    }

    /// Programs for the target's users (`userprogs`, scripts/Makefile.userprogs).
    private static func isTargets(
        _ path: TreePath, _ compiler: String, _ snapshot: Snapshot, _ session: StoreSession
    ) throws -> Bool {
        guard let file = CommandEvidence.file(of: path),
            let content = snapshot.entries.first(where: { $0.path == file })?.content
        else { return false }
        return HostProgram.isMade(by: compiler, try session.read(content: content))
    }

    /// What is said before anything is written; nil where all can be started.
    ///
    /// - Parameter made: they will be made here.
    func remark(made: Bool) -> String? {
        guard let first = programs.first else { return nil }
        let rest = programs.count > 1 ? " (nor \(DoctorText.paths(programs.dropFirst().map(\.path))))" : ""
        let isOne = programs.count == 1
        return "\(first.path) can't run here: \(first.reason)\(rest); "
            + (made
                ? "\(isOne ? "it is" : "they are") made anew here"
                : "make fails where it needs \(isOne ? "it" : "them")")
    }
}
