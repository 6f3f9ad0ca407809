package import Foundation

/// The real Kbuild, out of the kernel source that is installed on this machine.
///
/// `KCACHE_TEST_SOURCE` may name an unpacked tree; else the newest `/usr/src/linux-source-*.tar.xz` is read,
/// once, and what the fake kernel needs of it is kept in the cache folder.
package enum KernelSource {
    /// Taken from the kernel: its top Makefile, scripts, and the headers that belong to them.
    static let members =
        [
            "Makefile", "scripts/Kbuild.include", "scripts/Kconfig.include", "scripts/subarch.include",
            "scripts/basic", "scripts/kconfig", "scripts/mod", "scripts/dtc/Makefile", "scripts/kallsyms.c",
            "scripts/mksysmap", "scripts/setlocalversion", "scripts/remove-stale-files",
            "scripts/mkcompile_h",
            "scripts/check-local-export", "scripts/head-object-list.txt", "scripts/module.lds.S",
            "scripts/modules-check.sh", "scripts/link-vmlinux.sh", "scripts/file-size.sh",
            "scripts/cc-version.sh", "scripts/as-version.sh", "scripts/ld-version.sh",
            "scripts/install.sh", "scripts/depmod.sh", "scripts/pahole-version.sh", "scripts/pahole-flags.sh",
            "scripts/min-tool-version.sh", "kernel/gen_kheaders.sh",
            "init/build-version", "include/linux/kconfig.h", "include/linux/compiler-version.h",
            "include/linux/kbuild.h", "include/linux/mod_devicetable.h", "include/linux/license.h",
        ] + makefiles

    private static let makefiles = [
        "", ".asm-generic", ".build", ".clang", ".clean", ".compiler", ".debug", ".extrawarn", ".host",
        ".lib", ".modfinal", ".modinst", ".modpost", ".userprogs", ".vmlinux", ".vmlinux_o",
    ].map { "scripts/Makefile\($0)" }

    /// `$XDG_CACHE_HOME/kcache-tests`, else a folder under the temporary directory.
    package static func cacheFolder() throws -> URL {
        let environment = ProcessInfo.processInfo.environment
        let parent =
            environment["XDG_CACHE_HOME"].map { URL(fileURLWithPath: $0) }
            ?? FileManager.default.temporaryDirectory
        let folder = parent.appending(path: "kcache-tests")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    /// A folder with the members and nothing else.
    static func subset() throws -> URL {
        let origin = try origin()
        let name = "source-3-" + origin.path.map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
        return try kept(name) { work in
            if origin.pathExtension == "xz" {
                let top = origin.deletingPathExtension().deletingPathExtension().lastPathComponent
                try Shell.run(
                    ["tar", "-xJf", origin.path, "-C", work.path, "--strip-components=1"]
                        + members.map { "\(top)/\($0)" })
            } else {
                try Shell.run(
                    ["sh", "-c", "tar -cf - \"$@\" | tar -xf - -C \"$0\"", work.path] + members,
                    in: origin)
            }
        }
    }

    /// All of the kernel's sources, unpacked once.
    package static func whole() throws -> URL {
        let origin = try origin()
        guard origin.pathExtension == "xz" else { return origin }
        return try kept("whole-" + origin.deletingPathExtension().lastPathComponent) { folder in
            try Shell.run(["tar", "-xJf", origin.path, "-C", folder.path, "--strip-components=1"])
        }
    }

    /// The sources of a Debian package, as upstream made them, fetched once.
    package static func package(_ name: String) throws -> URL {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(
                path: "scripts/source-package")
        return try kept("package-" + name) { try Shell.run([script.path, name, $0.path]) }
    }

    private static func kept(_ name: String, _ fill: (URL) throws -> Void) throws -> URL {
        let cache = try cacheFolder()
        let folder = cache.appending(path: name)
        if FileManager.default.fileExists(atPath: folder.path) { return folder }
        let work = cache.appending(path: "unpack-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        try fill(work)
        do { try FileManager.default.moveItem(at: work, to: folder) } catch {
            // Another test process was quicker.
            try? FileManager.default.removeItem(at: work)
        }
        return folder
    }

    private static func origin() throws -> URL {
        if let tree = ProcessInfo.processInfo.environment["KCACHE_TEST_SOURCE"] {
            return URL(fileURLWithPath: tree)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: "/usr/src")
            .filter { $0.hasPrefix("linux-source-") && $0.hasSuffix(".tar.xz") }.sorted()
        guard let newest = names.last else {
            throw Shell.Failure(
                command: "tests", output: "no /usr/src/linux-source-*.tar.xz: install linux-source")
        }
        return URL(fileURLWithPath: "/usr/src").appending(path: newest)
    }
}
