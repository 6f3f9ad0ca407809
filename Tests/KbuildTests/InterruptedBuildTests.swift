import KCacheCore
import KCacheSystem
import KCacheTree
import Testing

@testable import KCacheKbuild

struct InterruptedBuildTests {
    private func findings(_ more: [String: String], newest: String? = nil) throws -> [BuildFinding] {
        let tree = try LiteralTree(LiteralTree.skeleton)
        // Targets first, their saved commands after them, as Kbuild writes them.
        for (name, text) in more {
            try tree.add(name, text, mtime: name.hasSuffix(".cmd") ? 2_000_000_000 : 1_000_000_000)
        }
        if newest == "vmlinux" {
            try tree.directory.setModificationTime(
                try #require(TreePath(".vmlinux.cmd")), 4_100_000_000_000_000_000)
        }
        if let newest {
            try tree.directory.setModificationTime(try #require(TreePath(newest)), 4_000_000_000_000_000_000)
        }
        let listing = try tree.scan()
        return InterruptedBuild.findings(
            try TreeClassifier(tree: KbuildTree(architecture: "x86")).classify(listing, in: tree.directory))
    }

    private static let finished = [
        "d/x.o": "ELF", "d/.x.o.cmd": savedCommand("d/x.o"), "vmlinux": "ELF",
        ".vmlinux.cmd": savedCommand("vmlinux"),
        "tools/t/x.o": "ELF", "tools/t/.x.o.cmd": savedCommand("/abs/tools/t/x.o"),
        "tools/t/.fixdep.o.d": "x:",
        "usr/x.o": "ELF", "usr/.x.o.cmd": savedCommand("usr/x.o"), "usr/.initramfs_data.cpio.d": "x:",
        ".missing-syscalls.d": "-: x", ".tmp_vmlinux.kallsyms1": "ELF",
    ]

    @Test func finishedBuildHasNone() throws {
        #expect(try findings(Self.finished, newest: "vmlinux") == [])
    }

    @Test func neverBuilt() throws {
        #expect(try findings([".config": "", "blob.o": "x"]) == [BuildFinding(.neverBuilt)])
    }

    @Test(arguments: [
        ("d/.y.o.d", BuildFinding.Kind.unfinishedCompile, "d/.y.o.d"),
        ("d/.tmp_y.o", .temporaryFile, "d/.tmp_y.o"),
        ("d/.z.h.tmp", .temporaryFile, "d/.z.h.tmp"),
    ]) func leftovers(file: String, kind: BuildFinding.Kind, subject: String) throws {
        let found = try findings(Self.finished.merging([file: "x"]) { $1 }, newest: "vmlinux")
        #expect(found == [BuildFinding(kind, TreePath(subject))])
    }

    /// Of a unit whose exported symbols get versions the list stays: later than the object, earlier than the saved command.
    @Test(arguments: [
        (list: 1_500_000_000, isFinished: true), (2_000_000_000, true), (1_000_000_000, false),
        (900_000_000, false), (2_500_000_000, false),
    ]) func listsOfSymbolVersions(list: Int64, isFinished: Bool) throws {
        let tree = try LiteralTree(LiteralTree.skeleton)
        for (name, text) in Self.finished {
            try tree.add(name, text, mtime: name.hasSuffix(".cmd") ? 2_000_000_000 : 1_000_000_000)
        }
        try tree.add("d/.x.o.d", "x.o: x.c", mtime: list)
        try tree.directory.setModificationTime(
            try #require(TreePath(".vmlinux.cmd")), 4_000_000_000_000_000_000)
        let listing = try tree.scan()
        let found = InterruptedBuild.findings(
            try TreeClassifier(tree: KbuildTree(architecture: "x86")).classify(listing, in: tree.directory))
        #expect(found.contains { $0.kind == .unfinishedCompile } != isFinished)
    }

    @Test func missingAndEmptyTargets() throws {
        let more = [
            "d/.gone.o.cmd": savedCommand("d/gone.o"), "d/e.o": "", "d/.e.o.cmd": savedCommand("d/e.o"),
        ]
        let found = try findings(Self.finished.merging(more) { $1 }, newest: "vmlinux")
        #expect(
            Set(found) == [
                BuildFinding(.missingTarget, TreePath("d/gone.o")),
                BuildFinding(.emptyOutput, TreePath("d/e.o")),
            ])
    }

    @Test func unsavedCommand() throws {
        let found = try findings(Self.finished, newest: "d/x.o")
        #expect(found == [BuildFinding(.unsavedCommand, TreePath("d/x.o"))])
    }

    /// pahole writes into modules when their commands are saved.
    @Test(arguments: [nil, "DEBUG_INFO_BTF_MODULES", "debug/info/btf/modules.h"])
    func modulesWithTypeInformation(_ symbol: String?) throws {
        var files = Self.finished.merging(["d/m.ko": "ELF", "d/.m.ko.cmd": savedCommand("d/m.ko")]) { $1 }
        if let symbol { files["include/config/\(symbol)"] = "" }
        try #expect(
            findings(files, newest: "d/m.ko").filter { $0.kind == .unsavedCommand }.count
                == (symbol == nil ? 1 : 0))
    }

    @Test func unfinishedLink() throws {
        let link = [BuildFinding(.unfinishedLink, TreePath(".tmp_vmlinux.kallsyms1"))]
        #expect(try findings(Self.finished, newest: ".tmp_vmlinux.kallsyms1") == link)
        var gone = Self.finished
        gone["vmlinux"] = nil
        let found = try findings(gone)
        #expect(found.contains(link[0]))
        #expect(found.contains(BuildFinding(.noProgram, TreePath("d/x.o"))))
    }
}
