import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Makes programs of a pulled tree anew, with the times that the pull gave the old ones.
///
/// Objects depend on some of them by time alone (objtool: scripts/Makefile.lib, gen_objtooldep), and programs that are
/// made from the same sources do the same. So this is for trees in which nothing differs that they are made from.
struct HostProgramMaker {
    let root: Directory
    let place: TreePlace
    let host: HostEnvironment
    let snapshot: SnapshotHeader
    /// The outputs that are in place, with their times.
    let times: [TreePath: Int64]
    /// Waits for the disk before a time is set.
    let sync: Bool

    /// - Parameters:
    ///   - programs: those that can't be started.
    ///   - sources: paths of sources that are not the snapshot's.
    /// - Returns: a line for people; nil if all is done.
    func make(_ programs: [TreePath], sources: [TreePath]) throws -> String? {
        let wanted = programs.filter { times[$0] != nil }
        if wanted.isEmpty { return nil }
        let names = DoctorText.paths(wanted)
        var parts: Set<TreePath> = Set(wanted)
        for program in wanted { parts.formUnion(try self.parts(of: program)) }
        let reason = try obstacle(wanted, sources: sources)
        if let reason {
            for path in parts { try root.remove(path) }
            return "\(names) can't run here and, since \(reason), will be made by make, with what depends on "
                + (wanted.count == 1 ? "it" : "them")
        }
        var aside: [(path: TreePath, temporary: TreePath)] = []
        for path in try parts.sorted().filter({ try root.status($0) != nil }) {
            let temporary = TemporaryName.beside(path)
            try root.rename(path, to: temporary)
            aside.append((path, temporary))
        }
        var said: Substring?
        // Objects that other programs are made with depend on those of tools/ by time.
        let (tools, others) = (
            wanted.filter { $0.hasPrefix("tools/") }, wanted.filter { !$0.hasPrefix("tools/") }
        )
        for group in [tools, others] where !group.isEmpty {
            let made = try run(group)
            said = made.text.split(separator: "\n").last { $0.contains("rror") } ?? said
            // No time may vouch for content that a power cut can still take.
            if sync { try root.syncFilesystem() }
            for (path, _) in aside {
                if let time = times[path], try root.status(path) != nil {
                    try root.setModificationTime(path, time)
                }
            }
        }
        let missing = try wanted.filter { try root.status($0) == nil }
        for (path, temporary) in aside {
            if try root.status(path) == nil {
                // Not needed for these programs, or not made: as it was.
                try root.rename(temporary, to: path)
            } else {
                try root.remove(temporary)
            }
        }
        guard !missing.isEmpty else { return nil }
        return "make could not make \(DoctorText.paths(missing)), and will fail where it needs "
            + (missing.count == 1 ? "it" : "them")
            + (said.map { ": \(quoteForPeople(Array($0.utf8)))" } ?? "")
    }

    /// Why they can't be made alone; nil if they can.
    private func obstacle(_ programs: [TreePath], sources: [TreePath]) throws -> String? {
        if let source = sources.first(where: { mayGoInto(programs, $0) }) { return "\(source) differs" }
        if !programs.allSatisfy(Self.isPlain) { return "their names are none for a goal" }
        let makefile = try KbuildTree.read("Makefile", root) ?? []
        if !ByteSearch.contains(makefile[...], Array("no-sync-config-targets".utf8)) {
            return "a make for them could change the configuration"
        }
        return nil
    }

    /// What a program is linked from: compiled against libraries of another machine.
    private func parts(of program: TreePath) throws -> [TreePath] {
        if program.hasPrefix("tools/"), let folder = program.parent {
            // Each program of tools/build has a fixdep beside it, a program of its own: where one stands, other files
            // come of compiling it than where none does (dep-cmd in tools/build/Build.include).
            let isFixdep = program.name.elementsEqual("fixdep".utf8)
            return times.keys.filter {
                $0.bytes.starts(with: "\(folder)/".utf8) && ($0.hasSuffix(".o") || $0.hasSuffix(".a"))
                    && $0.name.starts(with: "fixdep".utf8) == isFixdep
            }
        }
        guard let file = CommandEvidence.file(of: program), let text = try root.readFile(file) else {
            return []
        }
        do throws(CmdFileError) {
            let words = CommandText.words(MakeText.unescape(Array(try CmdFile(parsing: text).savedCommand)))
            return words.compactMap { TreePath(Array($0)) }.filter { $0.hasSuffix(".o") && times[$0] != nil }
        } catch _ { return [] }
    }

    /// True for a source that may be what one of the programs is made from, or how.
    private func mayGoInto(_ programs: [TreePath], _ source: TreePath) -> Bool {
        if ["tools/", "scripts/", "include/"].contains(where: { source.bytes.starts(with: $0.utf8) }) {
            return true
        }
        if source.bytes.elementsEqual(".config".utf8) || source.name.starts(with: "Makefile".utf8)
            || source.name.elementsEqual("Kbuild".utf8)
        {
            return true
        }
        return programs.contains { program in
            program.parent.map { source.bytes.starts(with: "\($0)/".utf8) } ?? true
        }
    }

    /// Make reads the name of a goal as text of its own.
    private static func isPlain(_ path: TreePath) -> Bool { path.bytes.allSatisfy { isPlain($0) } }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "/._-+".utf8.contains(byte)
        }
    }

    // MARK: Make

    /// The name ends as goals do that read the configuration and leave it as it is (no-sync-config-targets in the top
    /// Makefile), and begins as no goal does that make takes by itself.
    private static let goal = ".kcache-programs-install"

    private func run(_ programs: [TreePath]) throws -> ProcessResult {
        var before: Set<String> = []
        var steps: [String] = []
        for path in programs {
            guard let folder = path.parent else { continue }
            if path.hasPrefix("tools/") {
                before.insert("\(folder)")
            } else if path.hasPrefix("scripts/basic/") {
                before.insert("scripts_basic")
            } else {
                steps.append("$(MAKE) $(build)=\(folder) \(path)")
            }
        }
        let rule =
            "\(Self.goal): \(before.sorted().joined(separator: " ")) ; "
            + (steps.isEmpty ? ":" : steps.joined(separator: " ; "))
        var environment = host.environment
        for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "GNUMAKEFLAGS"] {
            environment[name] = nil
        }
        let source = place.source ?? place.output
        return try host.runner.run(
            ["sh", "-c", "exec \"$@\" 2>&1", "sh", "make", "-s", "-k", "-j\(Parallel.coreCount)"] + words
                + ["--eval=\(rule)", Self.goal],
            environment: environment, directory: source)
    }

    /// What this machine's make has to be told to do as the snapshot's did.
    private var words: [String] {
        var words = place.source == nil ? [] : ["O=\(place.output.string)"]
        for (name, value) in host.arguments.sorted(by: { $0.key < $1.key })
        where !["O", "M", "KBUILD_OUTPUT"].contains(name) {
            words.append("\(name)=\(value)")
        }
        let chosen = host.environment.merging(host.arguments) { $1 }
        func isChosen(_ name: String) -> Bool { chosen[name]?.isEmpty == false }
        let architecture = snapshot.environment.architecture
        if !isChosen("ARCH"), architecture.utf8.allSatisfy({ Self.isPlain($0) }),
            SourceArchitecture.ofHost(environment: host.environment, runner: host.runner) != architecture
        {
            words.append("ARCH=\(architecture)")
        }
        func built(_ role: String) -> String? {
            let command = snapshot.environment.toolchain.first { $0.role == role }?.command
            return command.flatMap { LocalToolchain.isToolName($0) ? $0 : nil }
        }
        if !["LLVM", "HOSTCC", "CC", "CROSS_COMPILE"].contains(where: isChosen) {
            if built("CC") == "clang", built("HOSTCC") == "clang" {
                words.append("LLVM=1")
            } else {
                for role in ["CC", "HOSTCC"] {
                    if let command = built(role) { words.append("\(role)=\(command)") }
                }
            }
        }
        return words
    }
}
