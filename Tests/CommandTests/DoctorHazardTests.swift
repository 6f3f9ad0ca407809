import Foundation
import Glibc
import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import TestKernel
import Testing

/// Something that is planted in a tree that is well, and what the doctor must call it.
struct Hazard: CustomTestStringConvertible, Sendable {
    /// Of what is found.
    let id: String
    /// What else comes of it.
    let also: Set<String>
    /// What the cost must say.
    let cost: String
    let isNote: Bool
    let plant: @Sendable (DoctorTrial) throws -> Void

    init(
        _ id: String, also: Set<String> = [], cost: String = "", isNote: Bool = false,
        plant: @escaping @Sendable (DoctorTrial) throws -> Void
    ) {
        (self.id, self.also, self.cost, self.isNote, self.plant) = (id, also, cost, isNote, plant)
    }

    var testDescription: String { cost.isEmpty ? id : "\(id): \(cost)" }
}

/// Each hazard is planted alone: it is found under its name, and nothing else is.
@Suite struct DoctorHazardTests {
    private static let privateKey = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
        -----END PRIVATE KEY-----

        """

    static let inTree: [Hazard] = [
        Hazard("tree-path", cost: "refuses") { trial in
            let other = trial.work.place("my tree")
            try FileManager.default.moveItem(at: trial.tree, to: other)
            trial.tree = other
        },
        Hazard("links-lost") { try $0.put("scripts/dtc/include-prefixes/arm", "../../../arch/arm/boot/dts") },
        Hazard("other-makefile") { try $0.put("GNUmakefile", "all:\n") },
        Hazard("no-configuration") { try FileManager.default.removeItem(at: $0.file(".config")) },
        Hazard("moved-tree", cost: "objtool again, and so all") { trial in
            try trial.put("tools/objtool/a.o", "object")
            try trial.put("tools/objtool/.a.o.cmd", "cmd_/old/linux/tools/objtool/a.o := gcc -c -o a.o a.c\n")
        },
        Hazard("unreadable-commands", also: ["stale-targets"]) { trial in
            try trial.keepingTime("core/.run.o.cmd") { try trial.put("core/.run.o.cmd", "half a line") }
        },
        Hazard("future-sources", also: ["stale-targets"], cost: "every make until then") {
            try Shell.run(["touch", "-d", "tomorrow", $0.file("core/run.c").path])
        },
        Hazard("future-outputs", cost: "no edit") {
            try Shell.run(["touch", "-d", "tomorrow", $0.file("vmlinux").path, $0.file(".vmlinux.cmd").path])
        },
        Hazard("links-outside") {
            try FileManager.default.createSymbolicLink(
                atPath: $0.file("core/passwd").path, withDestinationPath: "../../../etc/passwd")
        },
        Hazard("git-unusable", cost: "refuse") { try $0.put(".git", "no repository\n") },
        Hazard("tracked-outputs") { trial in
            try trial.commit()
            try trial.git("add", "-f", "core/run.o")
            trial.program.environment["LOCALVERSION"] = ""
        },
        Hazard("kernel-release", cost: "relinks vmlinux, and") { try $0.commit() },
        Hazard("secret-readable", cost: "signs modules") { trial in
            try trial.put("certs/mine.pem", privateKey)
            try Shell.run(["chmod", "644", trial.file("certs/mine.pem").path])
        },
        Hazard("secrets-stay", isNote: true) { trial in
            try trial.put("certs/mine.pem", privateKey)
            try Shell.run(["chmod", "600", trial.file("certs/mine.pem").path])
        },
        Hazard("interrupted-build", cost: "core/run.o") {
            try $0.put("core/.run.o.d", "core/run.o: core/run.c\n")
        },
        Hazard("never-built", isNote: true) { trial in
            try FileManager.default.removeItem(at: trial.tree)
            try FakeKernel.prepared().makeCheckout(at: trial.tree, FakeKernel.prepared().initial)
        },
        Hazard("stale-targets", cost: "rebuilds ") {
            try Shell.run(["touch", $0.file("core/run.c").path])
        },
        Hazard("partial-pull", cost: "everything") { trial in
            try Shell.run(["touch", "-d", "@315532800", trial.file("vmlinux").path])
            let path = try #require(TreePath("vmlinux"))
            let state = try TreeState(
                cache: FilePath(trial.store.path), root: try Directory.open(FilePath(trial.tree.path)))
            try state.save(
                PartialPull(snapshot: SnapshotID(.zero), store: "desk", paths: [path], outputs: [path]))
        },
    ]

    static let ofBuild: [Hazard] = [
        Hazard("host-programs", cost: "fails") { trial in
            // Another loader's path.
            try trial.keepingTime("scripts/kconfig/conf") {
                try Shell.run(
                    [
                        "sed", "-i",
                        "s#/ld-linux-x86-64.so.2#/ld-linux-x86-64.so.9#;s#/ld-linux-aarch64.so.1#/ld-linux-aarch64.so.9#",
                        trial.file("scripts/kconfig/conf").path,
                    ])
            }
        },
        Hazard("host-programs", cost: "made again") { trial in
            // Another processor: e_machine is EM_S390.
            try trial.keepingTime("scripts/mod/modpost") {
                try Shell.run(
                    [
                        "sh", "-c",
                        "printf '\\026\\000' | dd of=\"$0\" bs=1 seek=18 conv=notrunc 2>/dev/null",
                        trial.file("scripts/mod/modpost").path,
                    ])
            }
        },
        Hazard("host-programs", cost: "what it writes") { trial in
            // A library that is not here.
            let place = trial.work.place("lost")
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            try trial.keepingTime("scripts/kallsyms") {
                try Shell.run(
                    [
                        "sh", "-c",
                        "echo 'int f(void){return 0;}' >l.c; echo 'int f(void); int main(void){return f();}' >m.c; "
                            + "gcc -shared -fPIC -o liblost.so l.c && gcc -o \"$0\" m.c -L. -llost",
                        trial.file("scripts/kallsyms").path,
                    ], in: place)
            }
        },
        Hazard("compiler-changed", cost: "rebuilds all ") {
            try $0.configure(
                "CONFIG_CC_VERSION_TEXT=\"gcc (GCC) 4.9.4\"", without: "CONFIG_CC_VERSION_TEXT=")
        },
        Hazard("tool-changed", cost: "does not notice") { try $0.configure("CONFIG_AS_VERSION=22300") },
        Hazard("missing-program", cost: "make fails") { try $0.hide("make") },
        Hazard("missing-program", cost: "another compiler") { try $0.hide("gcc") },
        Hazard("missing-program", cost: "fails where") { trial in
            try trial.configure("CONFIG_IKCONFIG=y")
            try trial.hide("gzip")
        },
        Hazard("old-tool", cost: "refuses") { trial in
            try trial.put(
                "Documentation/process/changes.rst",
                "GNU make               3.82             make --version\n")
            try trial.shadow("make", "#!/bin/sh\necho 'GNU Make 3.80'\n")
        },
        Hazard("pins-differ", cost: "relinks vmlinux") {
            $0.program.environment["KBUILD_BUILD_USER"] = "eve"
        },
        Hazard("timestamp-empty", cost: "relinks vmlinux") {
            $0.program.environment["KBUILD_BUILD_TIMESTAMP"] = ""
        },
        Hazard("pins-unset", isNote: true) { $0.program.environment["KBUILD_BUILD_HOST"] = nil },
        Hazard("layout-seed", cost: "rebuilds all ") { try $0.configure("CONFIG_RANDSTRUCT=y") },
        Hazard("module-signing-key", cost: "relinks vmlinux") {
            try $0.configure("CONFIG_MODULE_SIG=y", "CONFIG_MODULE_SIG_KEY=\"certs/signing_key.pem\"")
        },
        Hazard("btf-without-pahole", cost: "can't link") { trial in
            try trial.configure("CONFIG_DEBUG_INFO_BTF=y")
            try trial.hide("pahole")
        },
        Hazard("plugin-headers", cost: "rebuilds all ") { trial in
            try trial.configure("CONFIG_GCC_PLUGINS=y")
            let gcc = try Shell.run(["sh", "-c", "command -v gcc"])
            try trial.shadow(
                "gcc",
                "#!/bin/sh\n[ \"$1\" = -print-file-name=plugin ] && echo plugin && exit\nexec \(gcc.trimmingCharacters(in: .newlines)) \"$@\"\n"
            )
        },
        Hazard("unchecked", isNote: true) { trial in
            // Sums can't be taken where there is no shell.
            try trial.configure("CONFIG_IKHEADERS=m")
            try trial.put("kernel/kheaders.md5", "x\n")
            try trial.put("kernel/kheaders_data.tar.xz", "x")
            try trial.put("kernel/gen_kheaders.sh", kheadersScript)
            try trial.hide("sh")
        },
        Hazard("kheaders-stale", cost: "kernel/kheaders.ko") { trial in
            try trial.configure("CONFIG_IKHEADERS=m")
            try trial.put("kernel/kheaders.md5", "a\nb\nc\n")
            try trial.put("kernel/kheaders_data.tar.xz", "x")
            try trial.put("kernel/gen_kheaders.sh", kheadersScript)
        },
    ]

    /// Of the shape that is known.
    private static let kheadersScript = """
        dir_list="
        include/
        "
        headers_md5="$(find $all_dirs -name "*.h" | xargs ls -l | md5sum | cut -d ' ' -f1)"
        this_file_md5="$(ls -l $sfile | md5sum | cut -d ' ' -f1)"
        """

    static let ofEnvironment: [Hazard] = [
        Hazard("environment-flags", cost: "rebuilds ") { $0.program.environment["KCFLAGS"] = "-DX=1" },
        Hazard("environment-search-paths", cost: "clean build's") {
            $0.program.environment["CPATH"] = "/opt/i"
        },
        Hazard("environment-configuration") { $0.program.environment["KCONFIG_CONFIG"] = "other.config" },
        Hazard("environment-makefiles") { $0.program.environment["MAKEFILES"] = "/tmp/more.mk" },
        Hazard("environment-output", also: ["source-not-clean"], cost: "all ") {
            $0.program.environment["KBUILD_OUTPUT"] = $0.work.place("out").path
        },
        Hazard("environment-target", cost: "rebuilds all ") { $0.program.environment["ARCH"] = "x86" },
        Hazard("environment-makeflags") { $0.program.environment["MAKEFLAGS"] = "t" },
        Hazard("source-not-clean", cost: "refuses") { try $0.leaveForOutputTree() },
    ]

    static let ofStore: [Hazard] = [
        Hazard("store-missing") { $0.options = ["--store", $0.work.place("none").path] },
        Hazard("store-unusable") { trial in
            let store = trial.work.place("odd")
            try FileManager.default.createDirectory(at: store, withIntermediateDirectories: true)
            try "something else\n".write(
                to: store.appending(path: "format"), atomically: false, encoding: .utf8)
            trial.options = ["--store", store.path]
        },
        Hazard("store-damaged", cost: "1 snapshot") { trial in
            try trial.push()
            let name = String(repeating: "ab", count: 32)
            try "rubbish".write(
                to: trial.store.appending(path: "catalog/\(name)"), atomically: false, encoding: .utf8)
        },
        Hazard("store-architecture") { trial in
            let other = trial.work.place("other")
            _ = try SmallTree(other)
            var program = trial.program
            program.environment["ARCH"] = "arm64"
            let pushed = try program.run(["push"], in: other)
            #expect(pushed.status == 0, "\(pushed)")
        },
        Hazard("store-toolchain", cost: "rebuilds all ") { trial in
            try trial.push(environment: ["PATH": "/nonexistent"])
        },
        Hazard("signatures-uncheckable") { trial in
            try trial.push()
            try trial.settings("[signing]\nrequire-signature = true\n")
        },
        Hazard("store-unsigned") { trial in
            try trial.push()
            let file = trial.work.place("allowed")
            try
                "a@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8xPGN7bWv2rjv8Nn1hyVYQJ5cpm5vFv4n9f5d2cGZ1\n"
                .write(to: file, atomically: false, encoding: .utf8)
            try trial.settings("[signing]\nrequire-signature = true\nallowed-signers = \"\(file.path)\"\n")
        },
        Hazard("cache-foreign", cost: "code into your kernel") { trial in
            try trial.push()
            try Shell.run(["chmod", "777", trial.store.path])
        },
        Hazard("cache-readable") { trial in
            try trial.push()
            try Shell.run(["chmod", "755", trial.store.path])
            try Shell.run(["chmod", "700", trial.tree.path])
        },
        Hazard("cache-read-only") { trial in
            try "in the way".write(
                to: trial.work.place("home/.cache"), atomically: false, encoding: .utf8)
        },
    ]

    @Test(arguments: inTree) func plantedInTree(_ hazard: Hazard) throws { try check(hazard) }
    @Test(arguments: ofBuild) func plantedOfBuild(_ hazard: Hazard) throws { try check(hazard) }
    @Test(arguments: ofEnvironment) func plantedOfEnvironment(_ hazard: Hazard) throws { try check(hazard) }
    @Test(arguments: ofStore) func plantedOfStore(_ hazard: Hazard) throws { try check(hazard) }

    private func check(_ hazard: Hazard) throws {
        let trial = try DoctorTrial()
        try hazard.plant(trial)
        let answer = try trial.ask()
        let found = try #require(answer.finding(hazard.id), "\(hazard): \(answer)")
        #expect(answer.ids == hazard.also.union(hazard.isNote ? [] : [hazard.id]), "\(answer)")
        #expect(hazard.cost.isEmpty || found.cost.contains(hazard.cost), "\(found)")
        #expect(!found.what.isEmpty && !found.mend.isEmpty)
        #expect((found.severity == "note") == hazard.isNote)
    }

    // MARK: With other rights

    @Test func anotherUsersTree() throws {
        let trial = try DoctorTrial()
        if geteuid() == 0 {
            try trial.becomeStranger()
        } else {
            try Shell.run(["chmod", "555", trial.tree.path])
        }
        defer { _ = try? Shell.run(["chmod", "755", trial.tree.path]) }
        let answer = try trial.ask()
        #expect(answer.ids == ["foreign-files"], "\(answer)")
        #expect(answer.finding("foreign-files")?.cost.contains("at once") == true)
    }

    @Test(.enabled(if: geteuid() == 0)) func outputsOfRootsInMyTree() throws {
        let trial = try DoctorTrial()
        try Shell.run(["chown", "-R", "65534:65534", trial.tree.path])
        try Shell.run(["chown", "0:0", trial.file("core/run.o").path, trial.file("vmlinux").path])
        try trial.becomeStranger()
        let answer = try trial.ask()
        #expect(answer.ids == ["foreign-files"], "\(answer)")
        #expect(answer.finding("foreign-files")?.paths == ["core/run.o", "vmlinux"])
    }

    @Test func aFolderThatCantBeRead() throws {
        let trial = try DoctorTrial()
        try Shell.run(["chmod", "000", trial.file("core").path])
        defer { _ = try? Shell.run(["chmod", "755", trial.file("core").path]) }
        try trial.becomeStranger()
        let answer = try trial.ask()
        #expect(answer.ids == ["unreadable-tree"], "\(answer)")
    }

    @Test(.enabled(if: geteuid() == 0)) func aStoreToReadOnly() throws {
        let trial = try DoctorTrial()
        let store = trial.work.place("store")
        try trial.push("--store", store.path)
        try Shell.run(["chown", "-R", "65534:65534", trial.tree.path])
        try trial.becomeStranger()
        trial.options = ["--store", store.path]
        let answer = try trial.ask()
        #expect(answer.ids == ["store-read-only"], "\(answer)")
    }

    // MARK: Other filesystems

    /// Mounts, runs, unmounts; nothing is checked where that can't be done here.
    private func mounted(_ trial: DoctorTrial, _ options: [String], _ body: (URL) throws -> Void) throws {
        let place = trial.work.place("mount")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        // A filesystem's own program goes on in the background: with descriptors of ours, it would keep us waiting.
        let alone = """
            for f in /proc/$$/fd/*; do n=${f##*/}; if [ "$n" -gt 2 ]; then eval "exec $n>&-"; fi; done
            exec mount "$@"
            """
        do { try Shell.run(["bash", "-c", alone, "bash"] + options + [place.path]) } catch { return }
        defer { _ = try? Shell.run(["umount", "-l", place.path]) }
        try body(place)
    }

    @Test(.enabled(if: geteuid() == 0)) func noProgramsAndNoRoom() throws {
        let trial = try DoctorTrial()
        let size = try Shell.run(["du", "-sk", trial.tree.path]).split(separator: "\t").first ?? ""
        let room = (Int(size) ?? 0) + 40
        try mounted(trial, ["-t", "tmpfs", "-o", "noexec,size=\(room)k", "none"]) { place in
            let other = place.appending(path: "tree")
            try Shell.run(["cp", "-a", trial.tree.path, other.path])
            trial.tree = other
            let answer = try trial.ask()
            #expect(answer.ids == ["no-programs", "tree-space"], "\(answer)")
        }
    }

    @Test(.enabled(if: geteuid() == 0)) func aFullStore() throws {
        let trial = try DoctorTrial()
        try mounted(trial, ["-t", "tmpfs", "-o", "size=900k", "none"]) { place in
            let store = place.appending(path: "store")
            let empty = trial.work.place("small")
            _ = try SmallTree(empty, units: 1)
            var program = trial.program
            program.environment["ARCH"] = "fake"
            let pushed = try program.run(["push", "--store", store.path], in: empty)
            #expect(pushed.status == 0, "\(pushed)")
            trial.options = ["--store", store.path]
            let answer = try trial.ask()
            #expect(answer.ids == ["store-space"], "\(answer)")
        }
    }

    /// An ext4 without room for nanoseconds.
    @Test(.enabled(if: geteuid() == 0)) func coarseTimes() throws {
        let trial = try DoctorTrial()
        let image = trial.work.place("image")
        do { try Shell.run(["/usr/sbin/mkfs.ext4", "-q", "-I", "128", image.path, "40M"]) } catch { return }
        try mounted(trial, ["-o", "loop", image.path]) { place in
            let other = place.appending(path: "tree")
            try Shell.run(["cp", "-a", trial.tree.path, other.path])
            trial.tree = other
            let found = try trial.ask().finding("coarse-timestamps")
            #expect(found?.cost.contains("1 s") == true, "\(String(describing: found))")
        }
    }

    /// NTFS, in which capitals may count or not, through FUSE.
    @Test(.enabled(if: geteuid() == 0 && access("/usr/bin/lowntfs-3g", X_OK) == 0))
    func capitalsAndForeignFilesystems() throws {
        let trial = try DoctorTrial()
        let built = trial.tree
        for (options, expected) in [
            ("ignore_case,permissions", "case-insensitive"), ("permissions", "network-filesystem"),
        ] {
            let image = trial.work.place("image")
            try Shell.run(["truncate", "-s", "60M", image.path])
            try Shell.run(["/usr/sbin/mkfs.ntfs", "-q", "-Q", "-F", image.path])
            try mounted(trial, ["-t", "lowntfs-3g", "-o", options, image.path]) { place in
                trial.tree = place.appending(path: "tree")
                try Shell.run(["cp", "-a", built.path, trial.tree.path])
                let answer = try trial.ask()
                #expect(answer.finding(expected) != nil, "\(answer)")
                #expect(answer.ids == (expected == "case-insensitive" ? [expected] : []), "\(answer)")
            }
        }
    }

    // MARK: The path in debug information

    @Test func debugPaths() throws {
        let trial = try DoctorTrial()
        let kconfig = try String(contentsOf: trial.file("Kconfig"), encoding: .utf8)
        try trial.put("Kconfig", kconfig + "\nconfig DEBUG_INFO\n\tdef_bool y\n")
        func make(_ words: String...) throws {
            let made = try FakeKernel.prepared().build(trial.tree, words)
            #expect(made.status == 0, "\(made.log)")
        }
        try make("olddefconfig")
        try make()
        let answer = try trial.ask()
        #expect(answer.ids == ["debug-paths"], "\(answer)")
        let found = try #require(answer.finding("debug-paths"))
        // The mend mends it.
        let map = "-fdebug-prefix-map=\(trial.tree.path)=."
        #expect(found.mend.contains("KCFLAGS=-fdebug-prefix-map=$PWD=. KAFLAGS=-fdebug-prefix-map=$PWD=."))
        let holds = try found.paths.filter { path in
            try Data(contentsOf: trial.file(path)).range(of: Data(trial.tree.path.utf8)) != nil
        }
        // An object of data alone has none.
        #expect(found.paths.filter { !holds.contains($0) } == ["core/blob.o"])
        #expect(found.what.hasPrefix("up to \(found.paths.count) objects "))
        try make("KCFLAGS=\(map)", "KAFLAGS=\(map)")
        #expect(try trial.ask().ids == [])
        for path in found.paths + ["vmlinux"] {
            #expect(
                try Data(contentsOf: trial.file(path)).range(of: Data(trial.tree.path.utf8)) == nil, "\(path)"
            )
        }
    }
}
