import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import Testing

@testable import KCacheKbuild

/// Saved commands as kernels write them for external modules, and what they say of files outside.
struct ModuleInputTests {
    private let kernelTree: LiteralTree
    private let parent: LiteralTree
    private let host = HostEnvironment(
        environment: ["ARCH": "x86"], cacheFolder: FilePath("/nonexistent/cache"))

    init() throws {
        kernelTree = try LiteralTree(
            LiteralTree.skeleton.merging([
                "include/config/auto.conf": "CONFIG_MODULES=y\n", "include/linux/module.h": "module",
                "scripts/module.lds": "script",
            ]) { $1 })
        parent = try LiteralTree([
            "common/x.h": "beside", "modules/Makefile": "obj-m += a.o\n", "modules/a.c": "",
            "modules/a.o": "",
        ])
    }

    private func survey() throws -> (ModuleInputSurvey, TreeListing) {
        let place = FilePath("\(try parent.directory.realPath())/modules")
        let kernel = try ModuleKernel(
            TreePlace(output: try kernelTree.directory.realPath()), modules: place, host: host)
        let root = try Directory.open(place)
        let listing = try TreeScanner().scan(root)
        return (
            try ModuleInputSurvey(
                kernel, root: root, listing: listing, outputs: Set(listing.files.map(\.path))), listing
        )
    }

    private func inputs(_ saved: String) throws -> ModuleInputs {
        let (modules, kernel) = (try parent.directory.realPath(), try kernelTree.directory.realPath())
        let text = saved.replacing("@M", with: "\(modules)/modules").replacing("@K", with: "\(kernel)")
        // As old as can be: the inputs may not be newer than what is made.
        try parent.add("modules/.a.o.cmd", text)
        try parent.directory.setModificationTime(
            try #require(TreePath("modules/a.o")), 4_000_000_000_000_000_000)
        var (survey, listing) = try survey()
        return try survey.inputs(listing)
    }

    private func kernel(_ path: String) -> OutsideFile { .kernel(TreePath(literal: Array(path.utf8))) }

    /// Make runs in the kernel, whose files have relative names (up to Linux 6.12).
    @Test func madeInTheKernel() throws {
        let found = try inputs(
            """
            cmd_@M/a.o := gcc -I./include -I@M/../common -T scripts/module.lds -c -o @M/a.o @M/a.c

            source_@M/a.o := @M/a.c

            deps_@M/a.o := \\
              include/linux/module.h \\
                $(wildcard include/config/FOO) \\
              @M/../common/x.h \\
              ./../elsewhere/y.h \\

            @M/a.o: $(deps_@M/a.o)

            """)
        #expect(found.named[kernel("include/linux/module.h")] == Digest.of(Array("module".utf8)))
        #expect(found.named[kernel("scripts/module.lds")] == Digest.of(Array("script".utf8)))
        #expect(found.named[.beside(Array("../common/x.h".utf8))] == Digest.of(Array("beside".utf8)))
        #expect(found.common[kernel("Makefile")] != nil)
        // A dependency that does not stand is none that could be compared: elsewhere too what needs it is made.
        #expect(found.named.count == 3)
    }

    /// Make runs in the modules' directory, and the kernel's files have absolute names (since Linux 6.13).
    @Test func madeInTheModules() throws {
        let found = try inputs(
            """
            savedcmd_a.o := gcc -I@K/include -I./../common -T @K/scripts/module.lds -c -o a.o a.c

            source_a.o := a.c

            deps_a.o := \\
              @K/include/linux/module.h \\
              ./../common/x.h \\

            a.o: $(deps_a.o)

            """)
        #expect(found.named[kernel("include/linux/module.h")] != nil)
        #expect(found.named[kernel("scripts/module.lds")] != nil)
        #expect(found.named[.beside(Array("../common/x.h".utf8))] != nil)
        #expect(found.named.count == 3)
    }

    /// A command that names its target by another path tells nothing of it.
    @Test(arguments: ["../modules/a.o", "/somewhere/else/a.o", "drivers/a.o"]) func otherNames(name: String)
        throws
    {
        #expect(throws: KbuildError.self) {
            try inputs("cmd_\(name) := gcc -c -o \(name) a.c\n\nsource_\(name) := a.c\n")
        }
    }

    @Test func listComesBack() throws {
        let list = try ModuleInputs(decoding: ModuleInputReading.sample)
        #expect(list.common.count == 1 && list.named.count == 3)
        #expect(list.encode() == ModuleInputReading.sample)
        var damaged = ModuleInputReading.sample
        damaged[9] ^= 1
        #expect(throws: FormatError.self) { try ModuleInputs(decoding: damaged) }
        // docs/format.md: magic and version.
        #expect(Array(list.encode().prefix(5)) == Array("KCMI".utf8) + [1])
    }
}
