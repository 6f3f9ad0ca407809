import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Checks the programs that a build made to help itself: make takes them as fresh, whether they can run or not.
enum HostProgramCheck {
    static func findings(_ tree: TreeCondition, machine: MachineCondition) throws -> [DoctorFinding] {
        // None can, and that is told.
        if try FilesystemRoom.of(tree.root).forbidsPrograms { return [] }
        let target = try targetCompiler(tree)
        var found: [(path: TreePath, reason: String)] = []
        for (file, fileClass) in zip(tree.listing.files, tree.classification.classes) {
            guard case .output = fileClass, file.status.kind == .file, file.status.isExecutable,
                file.status.size > 0, !HostProgram.isKernels(file.path),
                // Of a kernel with debug information the rest is large.
                let bytes = try tree.root.openFile(file.path)?.readStart(64 << 10),
                let program = HostProgram(bytes), try !isTargets(file.path, target, tree)
            else { continue }
            let path = tree.path.appending(String(decoding: file.path.bytes, as: UTF8.self))
            let reason = try program.obstacle(path, machine: machine.identity.machine, host: machine.host)
            if let reason { found.append((file.path, reason)) }
        }
        guard let first = found.first else { return [] }
        let paths = found.map(\.path)
        let rest = found.count > 1 ? " (nor \(DoctorText.paths(Array(paths.dropFirst()))))" : ""
        let usesObjtool = paths.contains { $0.hasPrefix("tools/objtool/") }
        let arguments = paths.prefix(8).map { DoctorText.shell($0.description) }.joined(separator: " ")
        return [
            DoctorFinding(
                .hostPrograms, "\(first.path) can't run here: \(first.reason)\(rest)",
                cost: "make fails where it needs \(found.count == 1 ? "it" : "them"); made again, "
                    + (usesObjtool
                        ? "objtool rebuilds \(tree.allObjects)"
                        : "what \(found.count == 1 ? "it writes" : "they write") follows"),
                mend: "rm \(arguments) && kcache make", paths: paths)
        ]
    }

    /// The compiler's command in a cross build; nil where host and target have the same.
    private static func targetCompiler(_ tree: TreeCondition) throws -> String? {
        let commands = try RecordedCommands.read(in: tree.root, tree.listing)
        guard let compiler = commands["CC"], let host = commands["HOSTCC"], compiler != host else {
            return nil
        }
        return compiler
    }

    /// Programs for the target's users (`userprogs`, scripts/Makefile.userprogs).
    private static func isTargets(_ path: TreePath, _ compiler: String?, _ tree: TreeCondition) throws -> Bool
    {
        guard let compiler, let file = CommandEvidence.file(of: path),
            let bytes = try tree.root.readFile(file)
        else { return false }
        return HostProgram.isMade(by: compiler, bytes)
    }
}
