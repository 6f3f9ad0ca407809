import Foundation
import KCacheCore
import KCacheStore
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// `pull --only install`, on the fake kernel with a boot image, real make and the kernel's own install scripts.
@Suite(.serialized) struct InstallPullTests {
    private let kernel: FakeKernel
    private let work: Workplace
    private let program: Program
    private let state: FakeState

    init() throws {
        kernel = try FakeKernel.prepared()
        work = try Workplace()
        var program = work.program
        program.environment.merge(FakeKernel.pins) { $1 }
        program.environment["PATH"] = "/usr/bin:/bin:/usr/sbin:/sbin"
        self.program = program
        var state = kernel.initial
        state.files["arch/fake/Makefile", default: ""] += """

            boot := arch/fake/boot
            KBUILD_IMAGE := $(boot)/Image
            PHONY += Image install
            all: Image
            Image: vmlinux
            \t$(Q)$(MAKE) $(build)=$(boot) $(boot)/Image
            install:
            \t$(call cmd,install)

            """
        state.files["arch/fake/boot/Makefile"] = """
            targets := Image
            $(obj)/Image: vmlinux FORCE
            \t$(call if_changed,gzip)

            """
        self.state = state
        // What distributions have in /sbin; scripts/install.sh takes it from here first.
        let bin = work.program.home.appending(path: "bin")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        let script =
            "#!/bin/sh -e\nmkdir -p \"$4\"\ncp \"$2\" \"$4/vmlinuz-$1\"\ncp \"$3\" \"$4/System.map-$1\"\n"
        let file = bin.appending(path: "installkernel")
        try script.write(to: file, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    }

    private func kcache(_ words: String..., in tree: String) throws -> Program.Result {
        try program.run(words, in: work.place(tree))
    }

    private func make(_ tree: String, _ goals: [String] = []) throws -> BuildResult {
        try kernel.build(work.place(tree), goals, environment: program.environment)
    }

    /// What the goals install, by path; nothing may be built for it.
    private func install(_ tree: String, _ more: [String] = []) throws -> [String: Data] {
        let place = work.place("root-\(tree)")
        try? FileManager.default.removeItem(at: place)
        let before = try Shell.files(in: work.place(tree))
        let goals = [
            "install", "modules_install", "INSTALL_PATH=\(place.path)/boot", "INSTALL_MOD_PATH=\(place.path)",
        ]
        let result = try make(tree, goals + more)
        #expect(result.status == 0 && result.toolSteps.isEmpty, "\(result)")
        #expect(try Shell.files(in: work.place(tree)) == before)
        var files: [String: Data] = [:]
        // The links lead to the tree, which has another name.
        for path in try Shell.files(in: place) where !path.hasSuffix("/source") && !path.hasSuffix("/build") {
            files[path] = try Data(contentsOf: place.appending(path: path))
        }
        return files
    }

    /// A built and pushed tree, and a checkout with what is read to install it.
    private func desktopAndLaptop() throws {
        try kernel.makeTree(at: work.place("desk"), state)
        #expect(try make("desk").status == 0)
        #expect(try kcache("push", in: "desk").status == 0)
        try kernel.makeCheckout(at: work.place("laptop"), state)
        let pulled = try kcache("pull", "--only", "install", in: "laptop")
        #expect(pulled.status == 0, "\(pulled)")
        #expect(pulled.output.contains("make install modules_install has what it reads"), "\(pulled)")
    }

    @Test func installsAsFromTheWholeTree() throws {
        try desktopAndLaptop()
        let there = try Shell.files(in: work.place("desk"))
        let here = try Shell.files(in: work.place("laptop"))
        #expect(here.contains("arch/fake/boot/Image") && here.contains { $0.hasSuffix(".ko") })
        #expect(!here.contains("vmlinux") && !here.contains { $0.hasSuffix(".o") || $0.hasSuffix(".cmd") })
        #expect(here.count < there.count)
        for more in [[], ["INSTALL_MOD_STRIP=1"]] {
            let installed = try install("laptop", more)
            #expect(installed.keys.contains { $0.hasPrefix("boot/vmlinuz-") })
            #expect(installed.keys.contains { $0.hasSuffix(".ko") })
            #expect(try installed == install("desk", more))
        }
        // Make's goals one by one.
        #expect(
            try make("laptop", ["modules_install", "INSTALL_MOD_PATH=\(work.place("x").path)"]).status == 0)
        #expect(try make("laptop", ["install", "INSTALL_PATH=\(work.place("y").path)"]).status == 0)
    }

    @Test func installsAsFromAWholeOutputTree() throws {
        func apart(_ name: String) throws -> (source: URL, word: String) {
            var bare = state
            bare.config = ""
            let (source, output) = (work.place("\(name)/source"), work.place("\(name)/output"))
            try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
            try kernel.makeCheckout(at: source, bare, withConfiguration: false)
            try state.config.write(to: output.appending(path: ".config"), atomically: false, encoding: .utf8)
            return (source, "O=\(output.path)")
        }
        let (desk, laptop) = (try apart("desk"), try apart("laptop"))
        func make(_ tree: (source: URL, word: String), _ goals: [String] = []) throws -> BuildResult {
            let made = try kernel.build(tree.source, [tree.word] + goals, environment: program.environment)
            #expect(made.status == 0, "\(made.log)")
            return made
        }
        _ = try make(desk)
        #expect(try program.run(["push", desk.word], in: desk.source).status == 0)
        let pulled = try program.run(["pull", "--only", "install", laptop.word], in: laptop.source)
        #expect(pulled.status == 0, "\(pulled)")
        let here = try Shell.files(in: work.place("laptop/output"))
        #expect(here.contains("arch/fake/boot/Image") && here.contains { $0.hasSuffix(".ko") })
        #expect(!here.contains("vmlinux") && !here.contains { $0.hasSuffix(".o") || $0.hasSuffix(".cmd") })
        let installed = try [desk, laptop].map { tree in
            let root = work.place("root-\(tree.source.deletingLastPathComponent().lastPathComponent)")
            let made = try make(
                tree,
                [
                    "install", "modules_install", "INSTALL_PATH=\(root.path)/boot",
                    "INSTALL_MOD_PATH=\(root.path)",
                ])
            #expect(made.toolSteps.isEmpty, "\(made.log)")
            let paths = try Shell.files(in: root).filter {
                !$0.hasSuffix("/source") && !$0.hasSuffix("/build")
            }
            return try Dictionary(
                uniqueKeysWithValues: paths.map { ($0, try Data(contentsOf: root.appending(path: $0))) })
        }
        #expect(installed[0].keys.contains { $0.hasPrefix("boot/vmlinuz-") })
        #expect(installed[0] == installed[1])
        // The rest comes later, and then make has nothing to do.
        #expect(try program.run(["status", laptop.word], in: laptop.source).output.hasPrefix("partial: "))
        let rest = try program.run(["pull", laptop.word], in: laptop.source)
        #expect(rest.status == 0, "\(rest)")
        #expect(try make(laptop).toolSteps.isEmpty)
    }

    @Test func statusPushAndALaterPull() throws {
        try desktopAndLaptop()
        let status = try kcache("status", in: "laptop")
        #expect(status.status == 1 && status.output.hasPrefix("partial: "), "\(status)")
        #expect(try kcache("status", "--format", "json", in: "laptop").output.contains("\"partial\""))
        for option in ["--dry-run", "--partial"] {
            let pushed = try kcache("push", option, in: "laptop")
            #expect(pushed.status == 1 && pushed.error.contains("complete it (kcache pull)"), "\(pushed)")
        }
        // The same without the note that was kept of it.
        let trees = program.home.appending(path: ".cache/kcache/trees")
        for name in try Shell.files(in: trees) where name.hasSuffix(".partial") {
            try FileManager.default.moveItem(
                at: trees.appending(path: name), to: trees.appending(path: name + ".moved"))
        }
        #expect(try kcache("push", "--partial", in: "laptop").error.contains("complete it (kcache pull)"))
        #expect(try kcache("pull", in: "laptop").status == 0)
        #expect(try make("laptop").toolSteps.isEmpty)
        #expect(try kernel.differences(of: work.place("laptop"), from: state) == [])
        #expect(try kcache("status", in: "laptop").output.hasPrefix("warm"))
        #expect(try kcache("push", in: "laptop").status == 0)
    }

    @Test func kcacheMakeCompletesIt() throws {
        try desktopAndLaptop()
        // Goals that read no more than that leave it as it is.
        let installed = try kcache("make", "install", "INSTALL_PATH=\(work.place("boot").path)", in: "laptop")
        #expect(installed.status == 0 && !installed.error.contains("completing"), "\(installed)")
        #expect(try kcache("status", in: "laptop").output.hasPrefix("partial: "))
        let made = try kcache("make", in: "laptop")
        #expect(made.status == 0 && made.error.contains("completing it from"), "\(made)")
        #expect(!made.output.contains("  CC "), "\(made)")
        #expect(try kernel.differences(of: work.place("laptop"), from: state) == [])
        #expect(try kcache("status", in: "laptop").status == 0)
        #expect(!(try kcache("make", in: "laptop").error.contains("complet")))
    }

    /// Without the store make builds everything, and then the tree is whole.
    @Test func withoutTheStoreMakeBuilds() throws {
        try desktopAndLaptop()
        let store = program.home.appending(path: ".cache/kcache")
        for name in ["packs", "catalog", "snapshots", "index", "format"] {
            try FileManager.default.moveItem(
                at: store.appending(path: name), to: store.appending(path: "\(name).away"))
        }
        let made = try kcache("make", in: "laptop")
        #expect(made.status == 0 && made.error.contains("it was not completed"), "\(made)")
        #expect(made.output.contains("  CC "))
        #expect(try kernel.differences(of: work.place("laptop"), from: state) == [])
        #expect(!(try kcache("status", in: "laptop").output.contains("partial")))
    }

    /// Over an older build: nothing of the two is mixed.
    @Test(arguments: [true, false]) func overAnOlderBuild(_ isCompleted: Bool) throws {
        try kernel.makeTree(at: work.place("desk"), state)
        #expect(try make("desk").status == 0)
        try Shell.run(["cp", "-a", work.place("desk").path, work.place("laptop").path])
        var newer = state
        newer.files["init/main.c", default: ""] += "\nint kcache_was_here(void) { return 42; }\n"
        try newer.write(to: work.place("desk"), replacing: state)
        #expect(try make("desk").status == 0)
        #expect(try kcache("push", in: "desk").status == 0)
        let pulled = try kcache("pull", "--only", "install", in: "laptop")
        #expect(pulled.status == 0 && pulled.error.contains("differ here"), "\(pulled)")
        #expect(try install("laptop") == install("desk"))
        #expect(try kcache("status", in: "laptop").output.hasPrefix("partial: "))
        if isCompleted {
            try newer.write(to: work.place("laptop"), replacing: state)
            #expect(try kcache("pull", in: "laptop").status == 0)
            #expect(try make("laptop").toolSteps.isEmpty)
        }
        #expect(try make("laptop").status == 0)
        #expect(
            try kernel.differences(of: work.place("laptop"), from: isCompleted ? newer : state) == [])
        let image = "arch/fake/boot/Image"
        if isCompleted {
            #expect(
                try Data(contentsOf: work.place("laptop/\(image)"))
                    == Data(contentsOf: work.place("desk/\(image)")))
        }
    }

    /// Builds and pushes another kernel on the desk.
    private func newerKernel() throws -> FakeState {
        var newer = state
        newer.files["init/main.c", default: ""] += "\nint kcache_was_here(void) { return 42; }\n"
        newer.files["drv/led/led-main.c", default: ""] += "\nint kcache_was_there(void) { return 43; }\n"
        try newer.write(to: work.place("desk"), replacing: state)
        #expect(try make("desk").status == 0)
        #expect(try kcache("push", in: "desk").status == 0)
        return newer
    }

    /// Over a build of which `kcache make` has a record: what it keeps make away from is not what the pull changed.
    @Test func overARecordedBuild() throws {
        try kernel.makeTree(at: work.place("laptop"), state)
        for _ in 0..<3 { #expect(try kcache("make", in: "laptop").status == 0) }
        #expect(try kcache("make", in: "laptop").output.contains("nothing to do"))
        let image = work.place("laptop/arch/fake/boot/Image")
        let before = try Data(contentsOf: image)
        try Shell.run(["cp", "-a", work.place("laptop").path, work.place("desk").path])
        _ = try newerKernel()
        #expect(try kcache("pull", "--only", "install", in: "laptop").status == 0)
        #expect(try Data(contentsOf: image) != before)
        let store = program.home.appending(path: ".cache/kcache")
        try FileManager.default.moveItem(at: store.appending(path: "format"), to: work.place("format"))
        let made = try kcache("make", in: "laptop")
        #expect(made.status == 0 && made.error.contains("it was not completed"), "\(made)")
        #expect(try kernel.differences(of: work.place("laptop"), from: state) == [])
        #expect(try Data(contentsOf: image) == before)
        #expect(try kcache("status", in: "laptop").status == 0)
    }

    /// What an earlier pull of a part brought has no saved command, and is replaced all the same.
    @Test func aNewerKernelOverAPart() throws {
        try desktopAndLaptop()
        let newer = try newerKernel()
        try newer.write(to: work.place("laptop"), replacing: state)
        let before = try install("laptop")
        let pulled = try kcache("pull", "--only", "install", in: "laptop")
        #expect(pulled.status == 0 && !pulled.error.contains("may be yours"), "\(pulled)")
        let after = try install("laptop")
        #expect(try after == install("desk") && after != before)
        #expect(try kcache("status", in: "laptop").output.hasPrefix("partial: "))
        #expect(try kcache("pull", in: "laptop").status == 0)
        #expect(try make("laptop").toolSteps.isEmpty)
        #expect(try kernel.differences(of: work.place("laptop"), from: newer) == [])
    }

    /// Up to Linux 5.2 make installs the modules of each list that stands there.
    @Test func listsOfAnotherBuildsModules() throws {
        var old = state
        let makefile = try String(contentsOf: kernel.base.appending(path: "Makefile"), encoding: .utf8)
        old.files["Makefile"] = makefile + "\nCLEAN_DIRS += .tmp_versions\n"
        try kernel.makeTree(at: work.place("desk"), old)
        #expect(try make("desk").status == 0)
        let list = ".tmp_versions/led.mod"
        for (tree, name) in [("desk", list), ("laptop", ".tmp_versions/other.mod")] {
            if tree == "laptop" { try kernel.makeCheckout(at: work.place("laptop"), old) }
            let file = work.place("\(tree)/\(name)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try "drv/led/led.ko\n".write(to: file, atomically: false, encoding: .utf8)
        }
        #expect(try kcache("push", in: "desk").status == 0)
        for _ in 0..<2 {
            let pulled = try kcache("pull", "--only", "install", in: "laptop")
            #expect(pulled.status == 0, "\(pulled)")
            #expect(try Shell.files(in: work.place("laptop/.tmp_versions")) == ["led.mod"])
            try "x".write(to: work.place("laptop/.tmp_versions/more.mod"), atomically: false, encoding: .utf8)
        }
    }

    /// A file that may be somebody's own would be installed with the rest.
    @Test func aFileInTheWay() throws {
        try desktopAndLaptop()
        let image = work.place("laptop/arch/fake/boot/Image")
        try "mine".write(to: image, atomically: false, encoding: .utf8)
        let files = try Shell.files(in: work.place("laptop"))
        let refused = try kcache("pull", "--only", "install", in: "laptop")
        #expect(
            refused.status == 1 && refused.error.contains("arch/fake/boot/Image stands where"), "\(refused)")
        #expect(try String(contentsOf: image, encoding: .utf8) == "mine")
        #expect(try Shell.files(in: work.place("laptop")) == files)
        try FileManager.default.removeItem(at: image)
        #expect(try kcache("pull", "--only", "install", in: "laptop").status == 0)
        #expect(try install("laptop") == install("desk"))
    }

    /// Who only installs needs no compiler, and not the same one.
    @Test func withoutACompiler() throws {
        try kernel.makeTree(at: work.place("desk"), state)
        #expect(try make("desk").status == 0)
        #expect(try kcache("push", in: "desk").status == 0)
        try kernel.makeCheckout(at: work.place("laptop"), state)
        var other = program
        other.environment["PATH"] = "/nonexistent"
        let pulled = try other.run(["pull", "--only", "install"], in: work.place("laptop"))
        #expect(pulled.status == 0 && pulled.error.contains("no pull will bring the rest"), "\(pulled)")
        #expect(!pulled.error.contains("will rebuild"))
        #expect(try install("laptop") == install("desk"))
        let whole = try other.run(["pull"], in: work.place("laptop"))
        #expect(whole.status == 1 && whole.error.contains("nothing was pulled"), "\(whole)")
        #expect(try kcache("status", in: "laptop").output.hasPrefix("partial: "))
    }

    /// Where all of it stands, whole or not, nothing is changed.
    @Test func whatIsHereAlready() throws {
        try desktopAndLaptop()
        #expect(try kcache("pull", "--only", "install", in: "laptop").output.contains("wrote 0 files"))
        #expect(try kcache("status", in: "laptop").output.hasPrefix("partial: "))
        #expect(try kcache("pull", in: "laptop").status == 0)
        #expect(try kcache("pull", "--only", "install", in: "laptop").output.contains("wrote 0 files"))
        #expect(try kcache("status", in: "laptop").output.hasPrefix("warm"))
        #expect(try make("laptop").toolSteps.isEmpty)
    }

    @Test func anEmptyDirectoryIsRefused() throws {
        try desktopAndLaptop()
        try FileManager.default.createDirectory(at: work.place("empty"), withIntermediateDirectories: true)
        let pulled = try kcache("pull", "--only", "install", in: "empty")
        #expect(pulled.status == 1 && pulled.error.contains("needs the kernel's sources here"), "\(pulled)")
        #expect(try Shell.files(in: work.place("empty")).isEmpty)
        #expect(try kcache("pull", "--only", "headers", in: "laptop").status == 2)
    }

    // MARK: What is read

    private static func snapshot(_ files: [String: String]) -> (Snapshot, [Digest: [UInt8]]) {
        var contents: [Digest: [UInt8]] = [:]
        var entries: [SnapshotEntry] = []
        for (path, text) in files {
            let content = ContentCutter.content(of: Array(text.utf8))
            contents[content.digest] = Array(text.utf8)
            entries.append(
                SnapshotEntry(
                    path: TreePath(literal: Array(path.utf8)), role: .output,
                    kind: .file(content, executable: false), order: 1))
        }
        var snapshot = Snapshot(header: SnapshotHeader(), entries: entries.sorted { $0.path < $1.path })
        snapshot.header.environment.architecture = "x86"
        return (snapshot, contents)
    }

    private func read(
        _ files: [String: String], makefile: String = "KBUILD_IMAGE := $(boot)/bzImage\nboot := arch/x86/boot"
    )
        throws -> [String]
    {
        var all = [
            "System.map": "m", "include/config/kernel.release": "6.1", "include/generated/autoconf.h": "h",
            "include/config/auto.conf": "CONFIG_MODULES=y\n", "arch/x86/boot/bzImage": "b", "vmlinux": "v",
            "modules.order": "fs/a.ko\n", "fs/a.ko": "a", "fs/b.ko": "b", "fs/a.o": "o",
            "modules.builtin": "",
        ]
        all.merge(files) { $1 }
        let (snapshot, contents) = Self.snapshot(all.filter { $0.value != "-" })
        let found = try InstallFiles(snapshot, makefile: Array(makefile.utf8)) {
            $0.content.flatMap { contents[$0.digest] } ?? []
        }
        return found.outputs.map(\.description).sorted()
    }

    @Test func whatIsRead() throws {
        let usual = [
            "System.map", "arch/x86/boot/bzImage", "fs/a.ko", "include/config/auto.conf",
            "include/config/kernel.release", "include/generated/autoconf.h", "modules.builtin",
            "modules.order",
        ]
        #expect(try read([:]) == usual)
        // From 6.3 on objects, up to 5.2 with the folder that they are installed in.
        #expect(try read(["modules.order": "fs/a.o\n"]) == usual)
        #expect(try read(["modules.order": "kernel/fs/a.ko\n"]) == usual)
        #expect(
            try read(["modules.order": "", "modules.builtin.ranges": "r"]).contains("modules.builtin.ranges"))
        let noModules = [
            "include/config/auto.conf": "CONFIG_X=y\n", "modules.order": "-", "modules.builtin": "-",
        ]
        #expect(try read(noModules) == usual.filter { !$0.contains("modules") && $0 != "fs/a.ko" })
        for lacking in ["System.map", "arch/x86/boot/bzImage", "fs/a.ko", "include/config/kernel.release"] {
            let error = #expect(throws: KbuildError.self) { try read([lacking: "-"]) }
            #expect(error?.message.contains(lacking) == true)
        }
        let error = #expect(throws: KbuildError.self) {
            try read(["include/config/auto.conf": "CONFIG_MODULES=y\nCONFIG_MODULE_SIG_ALL=y\n"])
        }
        #expect(error?.message.contains("signed") == true)
    }

    @Test(arguments: [
        ("", ["vmlinux"]),
        (
            "boot := arch/$(SRCARCH)/boot\nKBUILD_IMAGE := $(boot)/bzImage # the image",
            ["arch/x86/boot/bzImage"]
        ),
        (
            "boot := arch/arm64/boot\nifdef X\nKBUILD_IMAGE\t:= $(boot)/Image.gz\nelse\nKBUILD_IMAGE\t:= "
                + "$(boot)/vmlinuz.efi\nendif\ninstall: KBUILD_IMAGE := $(boot)/Image\nall:\t$(notdir $(KBUILD_IMAGE))",
            ["arch/arm64/boot/Image.gz", "arch/arm64/boot/vmlinuz.efi", "arch/arm64/boot/Image"]
        ),
        ("export KBUILD_IMAGE ?= ./vmlinux.gz", ["vmlinux.gz"]),
        ("KBUILD_IMAGE := $(shell rm -rf /)", []),
    ])
    func images(_ makefile: String, _ expected: [String]) {
        #expect(
            InstallFiles.images(Array(makefile.utf8), architecture: "x86").map(\.description) == expected)
    }
}
