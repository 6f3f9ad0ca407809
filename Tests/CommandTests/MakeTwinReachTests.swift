import Foundation
import TestKernel
import Testing

/// What make looks at beyond the files of its tree that anyone would think of, in twin trees.
///
/// Each round makes until nothing is left to do, changes one such thing, and makes again.
@Suite(.serialized) struct MakeTwinReachTests {
    private let work: Workplace
    private let kernel: FakeKernel

    init() throws {
        work = try Workplace()
        kernel = try FakeKernel.prepared()
    }

    private func twins() throws -> MakeTwins {
        let twins = try MakeTwins(in: work.url, environment: ["ARCH": "fake"])
        for kind in [MakeKind.plain, .command] {
            try kernel.makeTree(at: twins.place(kind), kernel.initial)
            try MakeTwins.complete(twins.place(kind))
        }
        return twins
    }

    /// Prepares, makes twice, edits, makes.
    private func round(
        _ twins: inout MakeTwins, _ name: String, _ prepare: String, _ edit: String,
        words: [String] = ["-j2"], environment: [String: String] = [:], then: [String: String]? = nil,
        status: Int32? = 0
    ) throws {
        var step = MakeTwins.Step(name: "\(name): prepared", words: words, environment: environment)
        try twins.edit(prepare)
        try twins.make(step)
        step.name = "\(name): at rest"
        try twins.make(step)
        try twins.edit(edit)
        (step.name, step.environment, step.status) = ("\(name): changed", then ?? environment, status)
        try twins.make(step)
    }

    @Test func variablesAndPrograms() throws {
        var twins = try twins()
        try round(
            &twins, "MAKEFILES", "echo 'KCFLAGS := -DUSER=1' >../user.mk",
            "echo 'KCFLAGS := -DUSER=2' >../user.mk",
            environment: ["MAKEFILES": "../user.mk"])
        try round(
            &twins, "KCONFIG_CONFIG", "mv .config ../my.config",
            "sed -i 's/^CONFIG_STATS=y/# CONFIG_STATS is not set/' ../my.config",
            environment: ["KCONFIG_CONFIG": "../my.config"])
        try round(
            &twins, "PWD",
            "mv ../my.config .config; echo 'ccflags-y += -DPWD=$(words $(subst /, ,$(PWD)))' >>lib/Makefile",
            ":", words: ["-C", "@/tree", "-j2"], environment: ["PWD": "/a"], then: ["PWD": "/a/b"])
        try round(
            &twins, "-L", "cp core/table.txt ../t.txt; ln -sf ../../t.txt core/table.txt",
            "touch -h core/table.txt",
            words: ["-L", "-j2"])
        let bin = work.url.appending(path: "bin")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        let path = ["PATH": "\(bin.path):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"]
        try round(
            &twins, "another make", ":",
            "printf '#!/bin/sh\\nexit 3\\n' >\(bin.path)/make; chmod +x \(bin.path)/make", environment: path,
            status: 3)
        try round(
            &twins, "the Makefile's own compiler",
            """
            printf '#!/bin/sh\\nexec gcc "$@"\\n' >../xcc; chmod +x ../xcc
            sed -i 's,^CC\\t\\t= .*,CC = ../xcc,' Makefile
            """,
            "printf '#!/bin/sh\\nif [ \"$1\" = --version ]; then echo xcc 99; else exec gcc \"$@\"; fi\\n' >../xcc"
        )
    }

    @Test func filesThatMakefilesName() throws {
        var twins = try twins()
        try round(
            &twins, "an included makefile beside the tree",
            "echo 'ccflags-y += -DOUT=1' >../flags.mk; echo 'include $(srctree)/../flags.mk' >>lib/Makefile",
            "echo 'ccflags-y += -DOUT=2' >../flags.mk")
        try round(
            &twins, "one of the top Makefile",
            "echo 'KBUILD_CFLAGS += -DTOP=1' >../top.mk; sed -i '/^include.*Makefile.compiler/a -include ../top.mk' Makefile",
            "echo 'KBUILD_CFLAGS += -DTOP=2' >../top.mk")
        try round(
            &twins, "a list among the documentation",
            "echo a >Documentation/list.txt; echo 'ccflags-y += -DLIST=$(words $(shell cat $(srctree)/Documentation/list.txt))' >>lib/Makefile",
            "echo a b >Documentation/list.txt")
        try round(
            &twins, "a directory with an index's name",
            "mkdir net/tags; echo 'int tg;' >net/tags/t.c; echo 'obj-y := t.o' >net/tags/Makefile; echo 'obj-y += tags/' >>net/Makefile",
            "echo 'int tg2;' >>net/tags/t.c")
        try round(
            &twins, "a linked directory's makefile", "mv net ../net-real; ln -s ../net-real net",
            "echo 'ccflags-y += -DBEHIND' >>../net-real/Makefile")
    }

    /// One job: the order of directories is theirs in the makefiles.
    @Test func directoriesThatDependOnOthers() throws {
        var twins = try twins()
        try round(
            &twins, "flags for what is below, from a list",
            "echo -DFLAG=1 >drv/flags.txt; sed -i '1i subdir-ccflags-y := $(shell cat $(src)/flags.txt)' drv/Makefile",
            "echo -DFLAG=2 >drv/flags.txt", words: ["-j1"])
        try round(
            &twins, "flags for what is below, included",
            "echo 'subdir-ccflags-y += -DINC=1' >drv/flags.inc; sed -i '2i include $(src)/flags.inc' drv/Makefile",
            "echo 'subdir-ccflags-y += -DINC=2' >drv/flags.inc", words: ["-j1"])
        try round(
            &twins, "another directory's output", "echo '$(obj)/socket.o: core/blob.bin' >>net/Makefile",
            "echo more >>core/blob.txt", words: ["-j1"])
        try round(
            &twins, "a generated header of a directory",
            """
            cat >>core/Makefile <<'END'

            $(obj)/run.o: include/generated/corehdr.h
            quiet_cmd_ch = CH      $@
                  cmd_ch = (echo "/*"; cat $<; echo "*/") >$@
            include/generated/corehdr.h: $(src)/blob.txt
            	$(call cmd,ch)
            END
            sed -i '1i #include <generated/corehdr.h>' net/socket.c
            """, "echo more >>core/blob.txt", words: ["-j1"])
    }

    @Test func externalModules() throws {
        var twins = try twins()
        try twins.make(.init(name: "the kernel"))
        try twins.edit("mkdir ../ext ../common; cp drv/led/led.h ../ext/")
        let words = ["M=@/ext"]
        func makefile(_ more: String) -> String {
            "cp drv/led/red.c ../ext/main.c; printf 'obj-m := ext.o\\next-y := main.o\\n' >../ext/Makefile; \(more)"
        }
        try round(
            &twins, "a unit elsewhere",
            makefile("echo 'int cu;' >../common/util.c; echo 'ext-y += ../common/util.o' >>../ext/Makefile"),
            "echo 'int cu2;' >>../common/util.c", words: words)
        try round(
            &twins, "a makefile elsewhere",
            makefile(
                "echo 'ccflags-y := -DA' >../common/c.mk; echo 'include $(src)/../common/c.mk' >>../ext/Makefile"
            ),
            "echo 'ccflags-y := -DB' >../common/c.mk", words: words)
        try round(
            &twins, "a header elsewhere",
            makefile(
                "echo 'ccflags-y := -I$(src)/../common' >>../ext/Makefile; echo '#include \"q.h\"' >>../ext/main.c; : >../common/q.h"
            ), "echo '#define Q 2' >../common/q.h", words: words)
        try round(
            &twins, "a link to a unit",
            makefile("mv ../ext/main.c ../common/; ln -s ../common/main.c ../ext/main.c"),
            "echo 'int behind;' >>../common/main.c", words: words)
    }

    /// What kept a make from succeeding (a full disk, no memory) may have failed its probes as well.
    @Test func aFailedMakeTeachesNothing() throws {
        let driver = try MakeDriver(in: work.url.appending(path: "home"))
        let tree = work.url.appending(path: "tree")
        try kernel.makeTree(at: tree, kernel.initial)
        func answers() throws -> [String] {
            let cache = work.url.appending(path: "home/xdg/kcache/make/probes")
            guard FileManager.default.fileExists(atPath: cache.path) else { return [] }
            return try Shell.files(in: cache).filter { $0.hasSuffix(".mk") }
        }
        try Shell.run(["sh", "-c", "cp core/run.c run.txt; echo '#error' >>core/run.c"], in: tree)
        #expect(try driver.run(.command, ["-j2"], in: tree, environment: ["ARCH": "fake"]).status == 2)
        #expect(try answers() == [])
        try Shell.run(["sh", "-c", "mv run.txt core/run.c"], in: tree)
        #expect(try driver.run(.command, ["-j2"], in: tree, environment: ["ARCH": "fake"]).status == 0)
        #expect(try answers() != [])
    }
}
