import KCacheCore
import KCacheSystem
import SystemPackage

/// Checks the shell's variables for those that change a build, or that hide from kcache what make does.
enum EnvironmentChecks {
    static func findings(_ tree: TreeCondition, _ environment: [String: String]) throws -> [DoctorFinding] {
        let set = environment.filter { !$0.value.isEmpty }
        return flags(tree, set) + (try target(tree, set)) + searchPaths(set) + places(tree, set)
            + makeFlags(set)
    }

    // MARK: Commands

    /// Added to every command line (scripts/Makefile.lib, top Makefile), and compared with the saved one.
    private static let flagNames: [(name: String, suffix: StaticString, what: String)] = [
        ("KCFLAGS", ".c", "C"), ("KCPPFLAGS", ".c", "C"), ("KAFLAGS", ".S", "assembly"),
    ]

    private static func flags(_ tree: TreeCondition, _ set: [String: String]) -> [DoctorFinding] {
        var names: [String] = []
        var objects: Set<TreePath> = []
        for (name, suffix, _) in flagNames {
            guard let value = set[name] else { continue }
            let words = value.split { $0 == " " || $0 == "\t" }.map { Array($0.utf8) }
            let other = tree.commands.records.filter { record in
                guard record.source?.hasSuffix(suffix) == true, record.target.hasSuffix(".o"),
                    !isHostProgram(record.target)
                else { return false }
                let saved = MakeText.unescape(record.command[...]).split(separator: UInt8(ascii: " "))
                return !words.allSatisfy { word in saved.contains { $0.elementsEqual(word) } }
            }
            if other.isEmpty { continue }
            names.append(name)
            objects.formUnion(other.map(\.target))
        }
        guard !names.isEmpty else { return [] }
        let values = names.map { "\($0)=\(DoctorText.shell(set[$0] ?? ""))" }
        return [
            DoctorFinding(
                .buildFlags, "this shell sets \(DoctorText.names(values)), and the tree was built without",
                cost: "rebuilds up to \(DoctorText.count(objects.count, "object"))",
                mend: "unset \(names.joined(separator: " "))", paths: objects.sorted())
        ]
    }

    /// Host programs have flags of their own.
    private static func isHostProgram(_ path: TreePath) -> Bool {
        path.hasPrefix("scripts/") && !path.hasSuffix("scripts/mod/empty.o") || path.hasPrefix("tools/")
            || path.hasPrefix("usr/") || path.hasPrefix("certs/")
    }

    /// ARCH, CROSS_COMPILE and LLVM choose what is built, and with what.
    private static func target(_ tree: TreeCondition, _ set: [String: String]) throws -> [DoctorFinding] {
        guard tree.isBuilt else { return [] }
        var other: [String] = []
        if let arch = set["ARCH"], SourceArchitecture.folder(of: arch) != tree.tree.architecture {
            other.append("ARCH=\(arch)")
        }
        let recorded = try RecordedCommands.read(in: tree.root, tree.listing)
        if let then = recorded["CC"].flatMap({ ToolchainNames.program($0) }) {
            for name in ["CROSS_COMPILE", "LLVM"] {
                guard let value = set[name] else { continue }
                let names = ToolchainNames(arguments: [:], environment: [name: value])
                guard let now = names.commands["CC"], now != then else { continue }
                other.append("\(name)=\(value)")
            }
        }
        guard !other.isEmpty else { return [] }
        let names = other.compactMap { $0.split(separator: "=").first.map(String.init) }
        return [
            DoctorFinding(
                .otherTarget,
                "this shell sets \(DoctorText.names(other)), and the tree was built for "
                    + "\(tree.tree.architecture) with \(recorded["CC"] ?? "another compiler")",
                cost: "make configures anew and rebuilds \(tree.allObjects)",
                mend: "unset \(names.joined(separator: " "))")
        ]
    }

    // MARK: What the compiler finds

    /// gcc(1): these count with `-nostdinc` too (tried: CPATH and C_INCLUDE_PATH are searched); ld.so(8).
    private static let searching = [
        "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX",
        "GCC_COMPARE_DEBUG", "LD_PRELOAD", "LD_RUN_PATH", "SYSROOT", "CCC_OVERRIDE_OPTIONS",
    ]

    private static func searchPaths(_ set: [String: String]) -> [DoctorFinding] {
        let found = searching.filter { set[$0] != nil }
        guard !found.isEmpty else { return [] }
        let values = found.map { "\($0)=\(DoctorText.shell(set[$0] ?? ""))" }
        return [
            DoctorFinding(
                .searchPaths, "this shell sets \(DoctorText.names(values))",
                cost:
                    "compilers find files that no dependency and no other machine has: objects may differ from "
                    + "a clean build's",
                mend: "unset \(found.joined(separator: " "))")
        ]
    }

    // MARK: Where make works

    private static func places(_ tree: TreeCondition, _ set: [String: String]) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        if let file = set["KCONFIG_CONFIG"],
            tree.path.pushing(FilePath(file)) != tree.path.appending(".config")
        {
            findings.append(
                DoctorFinding(
                    .otherConfiguration, "KCONFIG_CONFIG names \(file), and kcache goes by .config",
                    cost: "what is pushed, pulled and compared is not the configuration that make builds",
                    mend: "unset KCONFIG_CONFIG"))
        }
        if let files = set["MAKEFILES"] {
            findings.append(
                DoctorFinding(
                    .extraMakefiles, "MAKEFILES names \(files), which make reads before any makefile",
                    cost: "what they change is in no snapshot and in no saved command",
                    mend: "unset MAKEFILES"))
        }
        for name in ["KBUILD_OUTPUT", "KBUILD_EXTMOD"] {
            guard let folder = set[name] else { continue }
            let full = tree.path.pushing(FilePath(folder))
            if let a = FileIdentity(full), let b = FileIdentity(tree.path), a == b { continue }
            findings.append(
                DoctorFinding(
                    .otherOutput, "\(name) is \(folder): make does not build in \(tree.path.string)",
                    cost: tree.isBuilt
                        ? "what is built here is not used: \(tree.allObjects) built again there"
                        : "what is built there is not pushed from here",
                    mend: "unset \(name)"))
        }
        return findings
    }

    private static func makeFlags(_ set: [String: String]) -> [DoctorFinding] {
        let flags = set.filter { $0.key == "MAKEFLAGS" || $0.key == "GNUMAKEFLAGS" }
        guard !flags.isEmpty else { return [] }
        let invocation = MakeInvocation(arguments: [], environment: flags, workingDirectory: "/")
        let harms: [(MakeMode, String)] = [
            (.touch, "-t: make touches outputs instead of building them"),
            (.ignoreErrors, "-i: make goes on after errors, and links what is there"),
            (.environmentOverrides, "-e: every variable of the shell counts more than Kbuild's own"),
            (.alwaysMake, "-B: every make builds all again"),
        ]
        let found = harms.filter { invocation.modes.contains($0.0) }.map(\.1)
        guard !found.isEmpty else { return [] }
        let names = flags.keys.sorted().joined(separator: " ")
        return [
            DoctorFinding(
                .makeFlags, "\(names) has \(DoctorText.names(found))",
                cost: "what make leaves is not what a clean build makes", mend: "unset \(names)")
        ]
    }
}
