import Foundation
import TestKernel
import Testing

/// The matrix of layouts, configurations, compilers and projects on real trees: each is built, carried to other paths,
/// found with nothing to do, edited, and compared with a clean build, byte for byte.
@Suite(
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil, "takes minutes for each row")
)
struct RealTreeTests {
    private static func kernel(_ switches: String) -> String {
        """
        $make tinyconfig
        scripts/config --file "$out/.config" -e MODULES -e CRYPTO -m CRYPTO_CRC32C \(switches)
        $make olddefconfig
        """
    }

    private static let cross = ["ARCH": "arm64", "CROSS_COMPILE": "aarch64-linux-gnu-"]

    static let all: [RealTree] = [
        .init("a kernel in its sources", configuration: kernel("")),
        .init("a kernel apart from its sources", layout: .apart, configuration: kernel("")),
        .init("a kernel below its sources", layout: .below, configuration: kernel("-e DEBUG_INFO_DWARF5")),
        // Takes most of an hour on two cores.
        .init("a defconfig kernel", layout: .apart, configuration: "$make defconfig"),
        .init(
            "debug information", configuration: kernel("-e EXPERT -e DEBUG_KERNEL -e DEBUG_INFO_DWARF5")),
        .init(
            "split debug information",
            configuration: kernel("-e EXPERT -e DEBUG_KERNEL -e DEBUG_INFO_DWARF5 -e DEBUG_INFO_SPLIT")),
        .init("versions of symbols", configuration: kernel("-e MODVERSIONS")),
        .init(
            "type information",
            configuration: kernel(
                "-e EXPERT -e DEBUG_KERNEL -e DEBUG_INFO_DWARF5 -e BPF_SYSCALL -e DEBUG_INFO_BTF"),
            needs: ["pahole"],
            // pahole encodes with several threads, whose order is not fixed (pahole(1), -j and reproducible_build), and the
            // program is linked with debug information.
            ownOutputs: [".btf.vmlinux.bin.o", "System.map", "tools/bpf/resolve_btfids/resolve_btfids"]),
        .init(
            "the configuration and an initramfs inside",
            // The archive holds the times of files, and those of two checkouts are not the same.
            addition: "mkdir usr/mine; echo hello >usr/mine/hello; touch -d 2020-01-01 usr/mine/hello",
            configuration: kernel(
                "-e IKCONFIG -e IKCONFIG_PROC -e PROC_FS -e BLK_DEV_INITRD --set-str INITRAMFS_SOURCE usr/mine"
            )),
        .init(
            "a kernel by clang with ThinLTO", environment: ["LLVM": "1"],
            configuration: kernel("-d LTO_NONE -e LTO_CLANG_THIN"), needs: ["clang", "ld.lld", "llvm-ar"]),
        .init(
            "an arm64 kernel", layout: .apart, environment: cross, configuration: kernel(""),
            needs: ["aarch64-linux-gnu-gcc"]),
        .init(
            "a kernel by clang", environment: ["LLVM": "1"], configuration: kernel(""),
            needs: ["clang", "ld.lld", "llvm-ar"]),
        .init(
            "a kernel in another Debian's root", root: "trixie", configuration: kernel(""),
            needs: ["debootstrap", "bwrap"]),
        .init(
            "BusyBox", source: .package("busybox"), configuration: "$make defconfig",
            edited: "coreutils/echo.c"),
        .init(
            "U-Boot", source: .package("u-boot"), environment: ["CROSS_COMPILE": "aarch64-linux-gnu-"],
            configuration: """
                $make qemu_arm64_defconfig
                scripts/config -d EFI_LOADER -d TPM
                yes '' | $make olddefconfig
                """, edited: "cmd/echo.c", needs: ["aarch64-linux-gnu-gcc"],
            // All of it has debug information: what is linked with that, and thin archives with the sizes of members.
            ownOutputs: ["drivers/mtd/mtd.o", "examples/standalone/hello_world", "built-in.o"]),
    ]

    static var rows: [RealTree] {
        guard let name = ProcessInfo.processInfo.environment["KCACHE_TEST_ROW"] else { return all }
        return all.filter { $0.testDescription.contains(name) }
    }

    /// A tree that was built and pushed.
    private final class Trial {
        let kind: RealTree
        let work = FileManager.default.temporaryDirectory.appending(path: "kcache-row-\(UUID().uuidString)")
        let here: RealPlace
        /// Some projects make a few things each time.
        let idle: [String]

        init(_ kind: RealTree) throws {
            self.kind = kind
            let home = work.appending(path: "home")
            try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
            here = RealPlace(
                kind, work.appending(path: "one"), home: home, store: work.appending(path: "store"))
            try here.unpack()
            if let root = kind.root { try here.root("create \(root) debootstrap:\(root)") }
            try here.configure()
            let built = try here.make()
            #expect(built.status == 0, "the build: \(built.log.suffix(3000))")
            idle = try here.make().toolSteps
            let pushed = try here.kcache("push")
            #expect(pushed.status == 0, "push: \(pushed.log)")
        }

        deinit { try? FileManager.default.removeItem(at: work) }

        /// Other sources of the same kind, with the first one's configuration, on a machine of its own where a root can
        /// make it one.
        func checkout(_ name: String) throws -> RealPlace {
            var home = here.home
            if kind.root != nil { home = try laptop() }
            let place = RealPlace(kind, work.appending(path: name), home: home, store: here.store)
            try place.unpack()
            try place.takeConfiguration(of: here)
            return place
        }

        private func laptop() throws -> URL {
            let home = work.appending(path: "laptop")
            if !FileManager.default.fileExists(atPath: home.path) {
                try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
                try here.root("push \(kind.root ?? "")")
                let place = RealPlace(kind, work.appending(path: "one"), home: home, store: here.store)
                try place.root("pull \(kind.root ?? "")")
            }
            return home
        }

        func pulled(_ name: String) throws -> RealPlace {
            let place = try checkout(name)
            let pulled = try place.kcache("pull")
            #expect(pulled.status == 0, "pull: \(pulled.log)")
            return place
        }
    }

    @Test(arguments: rows) func carried(_ kind: RealTree) throws {
        let missing = try kind.needs.first {
            try Shell.outcome(["sh", "-c", "command -v \($0)"]).status != 0
        }
        if let missing { try Test.cancel("\(missing) is not installed") }
        let trial = try Trial(kind)
        let there = try trial.pulled("other/place")
        let first = try there.make()
        #expect(first.status == 0 && first.toolSteps == trial.idle, "\(first.log.suffix(3000))")

        if kind.root != nil { try refusedOutside(trial) }

        for place in [trial.here, there] { try place.edit() }
        let expected = try trial.here.make()
        let edited = try there.make()
        #expect(edited.status == 0, "\(edited.log.suffix(3000))")
        #expect(edited.toolSteps.sorted() == expected.toolSteps.sorted())
        #expect(edited.toolSteps.count > trial.idle.count)

        try expectCleanBuild(trial, there, in: "other/place")
    }

    /// What was pulled and edited is what a build makes that starts from nothing in that very directory.
    private func expectCleanBuild(_ trial: Trial, _ there: RealPlace, in name: String) throws {
        let warm = try there.outputs()
        let top = name.split(separator: "/").first.map(String.init) ?? name
        try FileManager.default.moveItem(
            at: trial.work.appending(path: top), to: trial.work.appending(path: "warm"))
        let cold = try trial.checkout(name)
        try cold.edit()
        let built = try cold.make()
        #expect(built.status == 0, "\(built.log.suffix(3000))")
        let clean = try cold.outputs()
        var differing = clean.keys.filter { warm[$0] != clean[$0] && !mayHoldPath($0, trial.kind) }.sorted()
        if trial.kind.configuration.contains("DEBUG_INFO_SPLIT") {
            // The id that ties an object to its .dwo file is a digest that takes in the path. The rest is the same.
            let old = trial.work.appending(path: "warm")
            let place = there.output.path.replacing(trial.work.appending(path: top).path, with: old.path)
            try differing.removeAll { path in
                if path.hasSuffix(".dwo") { return true }
                return try path.hasSuffix(".o") && stripped(place, path) == stripped(cold.output.path, path)
            }
        }
        #expect(differing.isEmpty, "\(differing.count) of \(clean.count) differ: \(differing.prefix(40))")
        #expect(clean.count > 100)
    }

    /// The digest of an object without its debug information.
    private func stripped(_ tree: String, _ path: String) throws -> String {
        try Shell.run(
            ["sh", "-ec", "t=$(mktemp); objcopy -g \"$0\" $t; sha256sum <$t; rm $t", "\(tree)/\(path)"])
    }

    /// This machine's compiler is another one than the root's: that is said, and nothing is written.
    private func refusedOutside(_ trial: Trial) throws {
        let outside = try trial.checkout("outside")
        let before = try Shell.files(in: outside.sources)
        let pulled = try outside.kcache("pull", inRoot: false)
        #expect(pulled.status != 0 && pulled.log.contains("the toolchain differs: CC:"), "\(pulled.log)")
        #expect(pulled.log.contains("nothing was pulled"), "\(pulled.log)")
        #expect(try Shell.files(in: outside.sources) == before)
    }

    /// What may hold the path of its first build: with `O=` a program of the build itself (`assert`), and with debug
    /// information what was linked (`DebugPathTests` for `pull --strict`).
    private func mayHoldPath(_ path: String, _ kind: RealTree) -> Bool {
        if kind.layout != .together, ["scripts/", "tools/"].contains(where: { path.hasPrefix($0) }) {
            return true
        }
        // Real-mode code is always compiled with -g, and clang's debug information is not laid out anew.
        if kind.environment["LLVM"] != nil,
            ["arch/x86/boot/", "arch/x86/realmode/rm/"].contains(where: { path.hasPrefix($0) }),
            path.hasSuffix(".o") || path.hasSuffix(".elf")
        {
            return true
        }
        // That of real-mode code is linked as well.
        if kind.layout != .together, path == "arch/x86/boot/setup.elf" { return true }
        guard kind.configuration.contains("DEBUG_INFO") else { return false }
        // A build id is a digest of the path too: in vmlinux, the vDSO and the images. Archives hold the sizes of members.
        return [".a", ".ko", ".so.dbg"].contains { path.hasSuffix($0) }
            || ["arch/x86/boot/", "arch/i386/boot/", "arch/x86/entry/vdso/vdso"].contains {
                path.hasPrefix($0)
            }
            || path.split(separator: "/").last?.hasPrefix("vmlinux") == true
    }

    /// All objects depend on objtool, by time: one that wants another machine's libelf is linked here, and nothing else.
    @Test func objtoolOfAnotherMachine() throws {
        let trial = try Trial(RealTree("objtool", configuration: Self.kernel("-e 64BIT -e UNWINDER_ORC")))
        let objtool = "tools/objtool/objtool"
        try Shell.run(
            [
                "sh", "-ec",
                "cp -p $0 old; sed -i s/libelf[.]so[.]1/libelf.so.0/ $0; touch -r old $0; rm old", objtool,
            ], in: trial.here.output)
        let pushed = try trial.here.kcache("push")
        #expect(pushed.status == 0, "\(pushed.log)")
        let there = try trial.checkout("other")
        let pulled = try there.kcache("pull")
        #expect(pulled.log.contains("\(objtool) can't run here: libelf.so.0: cannot open"), "\(pulled.log)")
        let made = try there.make()
        #expect(made.status == 0 && made.toolSteps == trial.idle, "\(made.log.suffix(3000))")
        try there.edit()
        let edited = try there.make()
        #expect(edited.status == 0, "\(edited.log.suffix(3000))")
        // The image's loader holds addresses of the kernel.
        let compiled = edited.toolSteps.filter { $0.hasPrefix("CC ") }
        #expect(compiled == ["CC      lib/string.o", "CC      arch/x86/boot/compressed/misc.o"])
        try expectCleanBuild(trial, there, in: "other")
    }

    /// Modules outside of the tree, with debug information and versions of symbols, against a kernel that was pulled.
    @Test func externalModules() throws {
        let trial = try Trial(
            RealTree(
                "modules", layout: .apart,
                configuration: Self.kernel(
                    "-e 64BIT -e UNWINDER_ORC -e MODVERSIONS -e EXPERT -e DEBUG_KERNEL -e DEBUG_INFO_DWARF5"))
        )
        let modules = try RealModules(in: trial.work)
        let there = try trial.pulled("other/place")
        try modules.expectCarried(
            from: (trial.here.sources, trial.here.output), to: (there.sources, there.output))
    }

    /// The same against the headers that a distribution packs, which belong to root and stay as they are.
    @Test func modulesOfADistribution() throws {
        let packed = try Shell.run(["sh", "-c", "ls -d /lib/modules/*/build | tail -n 1"])
        let kernel = URL(fileURLWithPath: packed.trimmingCharacters(in: .whitespacesAndNewlines))
        let work = FileManager.default.temporaryDirectory.appending(path: "kcache-row-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: work) }
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        try RealModules(in: work).expectCarried(from: (kernel, nil), to: (kernel, nil))
    }

    /// The key stays home: a pull makes its own, and with it what holds the certificate, and nothing else.
    @Test func signedModules() throws {
        let kind = RealTree(
            "signed modules",
            configuration: Self.kernel("-e MODULE_SIG -e MODULE_SIG_SHA256 --set-str MODULE_SIG_HASH sha256"))
        let trial = try Trial(kind)
        #expect(
            FileManager.default.fileExists(
                atPath: trial.here.output.appending(path: "certs/signing_key.pem").path))
        let there = try trial.pulled("other")
        #expect(
            !FileManager.default.fileExists(
                atPath: there.output.appending(path: "certs/signing_key.pem").path))
        let made = try there.make()
        #expect(made.status == 0, "\(made.log.suffix(3000))")
        let objects = made.toolSteps.filter { !$0.contains("vmlinux") && !$0.contains("built-in.a") }
            .filter { !$0.hasPrefix("LD ") }
        // The image's loader holds addresses of the kernel.
        let isExpected = { (step: String) in
            ["certs/", "kallsyms", "arch/x86/boot/"].contains { step.contains($0) }
        }
        #expect(objects.allSatisfy(isExpected), "\(objects)")
        #expect(objects.contains { $0.hasSuffix("certs/system_certificates.o") }, "\(objects)")
        // With another key there, all else is what was built here.
        let (here, outputs) = (try trial.here.outputs(), try there.outputs())
        let differing = here.keys.filter { path in
            (path.hasSuffix(".o") || path.hasSuffix(".ko")) && here[path] != outputs[path]
        }
        #expect(differing.contains("certs/system_certificates.o"))
        #expect(
            differing.allSatisfy { isExpected($0) || $0 == "vmlinux.o" }, "\(differing.sorted().prefix(40))")
        #expect(try there.make().toolSteps == trial.idle)
    }

    /// So does the seed of structures' layouts: nothing that was compiled with another one is pulled.
    @Test func seedsOfLayouts() throws {
        let kind = RealTree(
            "seeds", configuration: Self.kernel("-e GCC_PLUGINS -d RANDSTRUCT_NONE -e RANDSTRUCT_FULL"))
        guard try Shell.outcome(["sh", "-c", "ls /usr/lib/gcc/*/*/plugin/include/gcc-plugin.h"]).status == 0
        else {
            try Test.cancel("the compiler's plugin headers are not installed")
        }
        let trial = try Trial(kind)
        let there = try trial.checkout("other")
        let refused = try there.kcache("pull")
        #expect(refused.status != 0 && refused.log.contains("by a seed that is not here"), "\(refused.log)")
        let seed = "scripts/basic/randstruct.seed"
        #expect(!FileManager.default.fileExists(atPath: there.output.appending(path: seed).path))
        // With the seed all is as in any kernel.
        try Shell.run([
            "cp", trial.here.output.appending(path: seed).path, there.output.appending(path: seed).path,
        ])
        let pulled = try there.kcache("pull")
        #expect(pulled.status == 0, "\(pulled.log)")
        let made = try there.make()
        #expect(made.status == 0, "\(made.log.suffix(3000))")
        #expect(
            !made.toolSteps.contains { $0.hasPrefix("CC ") && !$0.contains("arch/x86/boot/") }, "\(made.log)")
    }
}
