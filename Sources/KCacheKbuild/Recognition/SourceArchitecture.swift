import KCacheCore
import KCacheSystem
import KCacheTree

/// Finds Kbuild's SRCARCH.
enum SourceArchitecture {
    /// What the tree's configuration or its outputs say; nil if they say nothing. Empty where they say nothing and
    /// the machine need not be the host's own: a configuration that is no kernel's.
    static func recorded(in directory: Directory, listing: TreeListing) throws(SystemError) -> String? {
        var prefix: String?
        var isConfigured = false
        for name in ["include/config/auto.conf", ".config"] {
            guard let text = try KbuildTree.read(name, directory) else { continue }
            if let arch = fromHeader(text) { return folder(of: arch) }
            let values = AutoConf(parsing: text).values
            // U-Boot's folder under arch/.
            if let arch = values["SYS_ARCH"], !arch.isEmpty, !arch.contains("/") { return arch }
            prefix = prefix ?? ["CROSS_COMPILER_PREFIX", "CROSS_COMPILE"].compactMap { values[$0] }.first
            isConfigured = true
        }
        for file in listing.files where file.path.hasPrefix("arch/") {
            let parts = file.path.components
            if parts.count > 4, parts[2].elementsEqual("include".utf8),
                parts[3].elementsEqual("generated".utf8)
            {
                return String(decoding: parts[1], as: UTF8.self)
            }
        }
        guard isConfigured else { return nil }
        let compiler = try RecordedCommands.read(in: directory, listing)["CC"].flatMap {
            ToolchainNames.program($0)
        }
        if let machine = machine(of: compiler ?? prefix?[...] ?? "") { return folder(of: subarch(machine)) }
        return compiler == nil ? "" : nil
    }

    /// The machine in `/opt/bin/aarch64-linux-gnu-gcc`, and in the prefix alone; nil where none is named.
    static func machine(of command: Substring) -> String? {
        let leaf = command.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        let parts = leaf.split(separator: "-", omittingEmptySubsequences: false)
        // `gcc-12` and `clang-14` name a version.
        guard parts.count > 2, let first = parts.first, !first.isEmpty else { return nil }
        return String(first)
    }

    /// The ARCH in `# Linux/x86 6.1.0 Kernel Configuration` (the mainmenu of the top Kconfig), which stands
    /// in the first lines.
    static func fromHeader(_ bytes: [UInt8]) -> String? {
        for line in bytes.prefix(1024).split(separator: UInt8(ascii: "\n")).prefix(8) {
            let text = String(decoding: line, as: UTF8.self)
            guard text.hasPrefix("# Linux/"), text.hasSuffix("Configuration") else { continue }
            let arch = text.dropFirst(8).prefix { $0 != " " }
            if !arch.isEmpty, !arch.contains("/") { return String(arch) }
        }
        return nil
    }

    /// ARCH from the environment, else the machine's own, as the top Makefile and scripts/subarch.include do.
    static func ofHost(environment: [String: String], runner: ProcessRunner) -> String {
        if let arch = environment["ARCH"], !arch.isEmpty { return folder(of: arch) }
        do throws(SystemError) {
            let result = try runner.run(["uname", "-m"], environment: environment)
            let machine = result.text.prefix { $0 != "\n" }
            return result.status == 0 ? folder(of: subarch(String(machine))) : ""
        } catch {
            // A machine without uname(1): the architecture stays unknown.
            return ""
        }
    }

    /// SRCARCH for an ARCH (top Makefile).
    static func folder(of arch: String) -> String {
        switch arch {
        case "i386", "x86_64": "x86"
        case "sparc32", "sparc64": "sparc"
        case "parisc64": "parisc"
        case "sh64": "sh"
        default: arch
        }
    }

    /// scripts/subarch.include.
    static func subarch(_ machine: String) -> String {
        let prefixes: [(String, String)] = [
            ("x86_64", "x86"), ("sun4u", "sparc64"), ("aarch64", "arm64"), ("arm", "arm"), ("sa110", "arm"),
            ("s390x", "s390"), ("ppc", "powerpc"), ("mips", "mips"), ("sh2", "sh"), ("sh3", "sh"),
            ("sh4", "sh"),
            ("riscv", "riscv"), ("loongarch", "loongarch"), ("parisc", "parisc"),
        ]
        if machine.hasPrefix("i"), machine.hasSuffix("86"), machine.utf8.count == 4 { return "x86" }
        return prefixes.first { machine.hasPrefix($0.0) }?.1 ?? machine
    }
}
