import KCacheCore
import KCacheSystem
import SystemPackage

/// Checks the features of a configuration that tie a build to its place, its machine or a secret.
enum ConfigurationChecks {
    static func findings(_ tree: TreeCondition, host: HostEnvironment) throws -> [DoctorFinding] {
        debugPaths(tree) + (try kheaders(tree, host)) + (try seeds(tree)) + signingKey(tree)
    }

    // MARK: The path in debug information

    /// A pull moves the path in objects exactly; in what is linked it stays as it was (README).
    private static func debugPaths(_ tree: TreeCondition) -> [DoctorFinding] {
        guard tree.config("DEBUG_INFO") == "y" else { return [] }
        let found = tree.commands.records.filter { record in
            record.target.hasSuffix(".o") && record.source != nil && !record.target.hasPrefix("tools/")
                && !record.target.hasPrefix("scripts/") && holdsPath(record.command)
        }
        guard !found.isEmpty else { return [] }
        let map = "-fdebug-prefix-map=$PWD=."
        return [
            DoctorFinding(
                .debugPaths,
                "up to \(DoctorText.count(found.count, "object")) name this directory in their debug information",
                cost:
                    "vmlinux\(tree.andModules) pulled elsewhere keep \(tree.path.string) in it, and are not byte "
                    + "for byte what a build there makes",
                mend: "kcache make KCFLAGS=\(map) KAFLAGS=\(map) (once; rebuilds \(tree.allObjects))",
                paths: found.map(\.target).sorted())
        ]
    }

    /// Compiled with -g, and without an option that takes the path out (gcc(1)).
    static func holdsPath(_ command: [UInt8]) -> Bool {
        var isDebug = false
        for word in command.split(separator: UInt8(ascii: " ")) {
            if word.elementsEqual("-g".utf8) || word.starts(with: "-gdwarf".utf8)
                || word.elementsEqual("-g3".utf8)
            {
                isDebug = true
            }
            if word.elementsEqual("-g0".utf8) { isDebug = false }
            for option in ["-fdebug-prefix-map=", "-ffile-prefix-map=", "-fdebug-compilation-dir"]
            where word.starts(with: option.utf8) { return false }
        }
        return isDebug
    }

    // MARK: The archive of headers

    private static func kheaders(_ tree: TreeCondition, _ host: HostEnvironment) throws -> [DoctorFinding] {
        let kind = tree.config("IKHEADERS")
        guard kind != "n", tree.isBuilt, let file = KheadersSums.path,
            let saved = try tree.root.readFile(file, limit: 4096),
            let now = try KheadersSums.content(
                in: tree.root, architecture: tree.tree.architecture, environment: host.environment,
                runner: host.runner), now != saved
        else { return [] }
        return [
            DoctorFinding(
                .kheaders,
                "kernel/kheaders.md5 holds sums over owner and time of every header, and they are others now",
                cost:
                    "packs kernel/kheaders_data.tar.xz again and links \(kind == "m" ? "kernel/kheaders.ko" : "vmlinux")",
                mend: "kcache pull (which computes the sums for this tree), or kcache make once")
        ]
    }

    // MARK: Secrets that decide what is built

    private static func seeds(_ tree: TreeCondition) throws -> [DoctorFinding] {
        guard tree.config("RANDSTRUCT") == "y" || tree.config("GCC_PLUGIN_RANDSTRUCT") == "y" else {
            return []
        }
        let names = ["scripts/basic/randstruct.seed", "scripts/gcc-plugins/randomize_layout_seed.h"]
        let seed = names.first { tree.has($0) } ?? names[0]
        return [
            DoctorFinding(
                .layoutSeed, "structure layouts are shuffled by a seed that is never pushed (\(seed))",
                cost:
                    "a machine without that very seed makes its own: rebuilds \(tree.allObjects) there, and "
                    + "modules of one kernel don't load into the other",
                mend:
                    "carry \(seed) there by a safe way before the first make, or scripts/config -e RANDSTRUCT_NONE"
            )
        ]
    }

    private static func signingKey(_ tree: TreeCondition) -> [DoctorFinding] {
        let name = "certs/signing_key.pem"
        guard tree.config("MODULE_SIG") == "y", tree.config("MODULE_SIG_KEY") == name else { return [] }
        return [
            DoctorFinding(
                .signingKey,
                "modules are signed by a key that Kbuild makes in the tree and that is never pushed (\(name))",
                cost: "every machine makes its own: relinks vmlinux, and signs "
                    + "\(DoctorText.count(tree.outputs(".ko"), "module")) anew",
                mend: "scripts/config --set-str MODULE_SIG_KEY FILE, a key that all your machines have")
        ]
    }
}
