import KCacheCore
import KCacheSystem
import SystemPackage

/// Checks that the programs are here that a build of this configuration starts.
enum ProgramChecks {
    static func findings(_ tree: TreeCondition, machine: MachineCondition) throws -> [DoctorFinding] {
        let missing = needed(tree, machine).filter { !machine.finds($0.program) }
        var findings = missing.map { need in
            DoctorFinding(
                .missingProgram, "\(need.program) is not in PATH, and \(need.reason)",
                cost: "make fails where it needs it", mend: "apt install \(package(of: need.program))")
        }
        for role in ["CC", "LD", "HOSTCC"] {
            guard let tool = machine.tool(role), tool.digest == .zero, !tool.command.isEmpty else { continue }
            if missing.contains(where: { $0.program == tool.command }) { continue }
            let command = quoteForPeople(Array(tool.command.utf8))
            let reason = tree.isBuilt ? "the tree was built with it" : "a build here starts it"
            let name = ToolchainNames.program(tool.command).map(String.init) ?? tool.command
            if findings.contains(where: { $0.what.hasPrefix("\(command) ") }) { continue }
            findings.append(
                DoctorFinding(
                    .missingProgram, "\(command) is not in PATH, and \(reason)",
                    cost: tree.isBuilt
                        ? "make with another compiler rebuilds \(tree.allObjects)" : "make fails at once",
                    mend: "apt install \(package(of: name))"))
        }
        return findings
            + (try pahole(tree, machine)) + (try plugins(tree, machine))
    }

    private struct Need {
        let program: String
        let reason: String

        init(_ program: String, _ reason: String) { (self.program, self.reason) = (program, reason) }
    }

    private static func needed(_ tree: TreeCondition, _ machine: MachineCondition) -> [Need] {
        var needs = [Need("make", "nothing is built without it")]
        // Only where Kconfig's own program is still to be built (scripts/kconfig/Makefile, from 4.16 on).
        if !tree.has("scripts/kconfig/conf") {
            if tree.has("scripts/kconfig/lexer.l") { needs.append(Need("flex", "scripts/kconfig needs it")) }
            if tree.has("scripts/kconfig/parser.y") || tree.has("scripts/kconfig/zconf.y") {
                needs.append(Need("bison", "scripts/kconfig needs it"))
            }
        }
        if tree.has("kernel/time/timeconst.bc"), !tree.has("include/generated/timeconst.h") {
            needs.append(Need("bc", "kernel/time/timeconst.bc is for it"))
        }
        if tree.config("OID_REGISTRY") != "n", tree.has("lib/build_OID_registry") {
            needs.append(Need("perl", "lib/build_OID_registry is for it (CONFIG_OID_REGISTRY)"))
        }
        if tree.config("IKHEADERS") != "n" {
            needs.append(Need("cpio", "kernel/gen_kheaders.sh starts it (CONFIG_IKHEADERS)"))
            needs.append(Need("xz", "kernel/gen_kheaders.sh starts it (CONFIG_IKHEADERS)"))
        }
        if tree.config("IKCONFIG") != "n" { needs.append(Need("gzip", "CONFIG_IKCONFIG packs with it")) }
        if tree.config("MODULE_SIG") == "y", tree.config("MODULE_SIG_KEY") == "certs/signing_key.pem",
            !tree.has("certs/signing_key.pem")
        {
            needs.append(Need("openssl", "the module signing key is made with it (CONFIG_MODULE_SIG)"))
        }
        for (symbol, program) in compressors where tree.config(symbol) == "y" {
            needs.append(Need(program, "CONFIG_\(symbol) packs the kernel with it"))
        }
        return needs
    }

    /// What the top Makefile's KGZIP, KBZIP2, … stand for.
    private static let compressors = [
        ("KERNEL_GZIP", "gzip"), ("KERNEL_BZIP2", "bzip2"), ("KERNEL_LZMA", "lzma"), ("KERNEL_XZ", "xz"),
        ("KERNEL_LZO", "lzop"), ("KERNEL_LZ4", "lz4"), ("KERNEL_ZSTD", "zstd"),
    ]

    /// Debian's name for what brings the program.
    private static func package(of program: String) -> String {
        switch program {
        case "lzma", "xz": return "xz-utils"
        case "ld": return "binutils"
        case "pahole": return "pahole"
        case _ where program.contains("/"): return "what brings \(DoctorText.shell(program))"
        case _ where program.hasSuffix("-gcc"): return "gcc-\(program.dropLast(4))"
        case _ where program.hasSuffix("-ld"): return "binutils-\(program.dropLast(3))"
        case _ where program.hasPrefix("ld.lld"): return "lld\(program.dropFirst(6))"
        default: return program
        }
    }

    private static func pahole(_ tree: TreeCondition, _ machine: MachineCondition) throws -> [DoctorFinding] {
        guard tree.config("DEBUG_INFO_BTF") == "y", !machine.finds("pahole") else { return [] }
        return [
            DoctorFinding(
                .noPahole, "pahole is not in PATH, and CONFIG_DEBUG_INFO_BTF is set",
                cost: "make can't link vmlinux\(tree.andModules)",
                mend: "apt install pahole (or scripts/config -d DEBUG_INFO_BTF)")
        ]
    }

    /// Kconfig asks for the compiler's own headers (scripts/gcc-plugins/Kconfig, HAVE_GCC_PLUGINS).
    private static func plugins(_ tree: TreeCondition, _ machine: MachineCondition) throws -> [DoctorFinding]
    {
        guard tree.config("GCC_PLUGINS") == "y", let compiler = machine.tool("CC"), compiler.digest != .zero,
            let program = ToolchainNames.program(compiler.command)
        else { return [] }
        let answer = try machine.host.runner.run(
            [String(program), "-print-file-name=plugin"], environment: machine.host.environment)
        let folder = String(answer.text.prefix { $0 != "\n" })
        let header = FilePath(folder).appending("include").appending("plugin-version.h")
        if folder.hasPrefix("/"), FileIdentity(header) != nil { return [] }
        let major = compiler.version.split(separator: " ").last?.split(separator: ".").first ?? ""
        return [
            DoctorFinding(
                .pluginHeaders,
                "the headers for plugins of \(program) are missing, and CONFIG_GCC_PLUGINS is set",
                cost: "the next syncconfig drops the plugins and rebuilds \(tree.allObjects)",
                mend: "apt install gcc-\(major)-plugin-dev")
        ]
    }
}
