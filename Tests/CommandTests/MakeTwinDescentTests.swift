import Foundation
import TestKernel
import Testing

/// Directories that make has to visit though nothing in them changed: their makefiles look elsewhere.
///
/// Each round makes until the tree is known to be at rest, changes one thing, and makes again.
@Suite(.serialized) struct MakeTwinDescentTests {
    private let work: Workplace
    private let kernel: FakeKernel

    init() throws {
        work = try Workplace()
        kernel = try FakeKernel.prepared()
    }

    private func round(
        _ twins: inout MakeTwins, _ name: String, _ prepare: String, _ edit: String
    ) throws {
        // One job: the order of directories is theirs in the makefiles.
        var step = MakeTwins.Step(name: "", words: ["-j1"])
        try twins.edit(prepare)
        for state in ["prepared", "at rest"] {
            step.name = "\(name): \(state)"
            try twins.make(step)
        }
        try twins.edit(edit)
        step.name = "\(name): changed"
        try twins.make(step)
    }

    private func twins() throws -> MakeTwins {
        let twins = try MakeTwins(in: work.url, options: ["--always"], environment: ["ARCH": "fake"])
        for kind in [MakeKind.plain, .command] {
            try kernel.makeTree(at: twins.place(kind), kernel.initial)
            try MakeTwins.complete(twins.place(kind))
        }
        return twins
    }

    /// Each round on trees of its own: what one reveals is not to hide the next.
    @Test(
        arguments: [
            (
                "a list included from elsewhere",
                "echo 'ccflags-y += -DINC=1' >lib/flags.inc; echo 'include $(srctree)/lib/flags.inc' >>net/Makefile",
                "echo 'ccflags-y += -DINC=2' >lib/flags.inc"
            ),
            (
                "flags for what is below, included from elsewhere",
                "echo 'subdir-ccflags-y += -DINC=1' >lib/flags.inc; sed -i '1i include $(srctree)/lib/flags.inc' drv/Makefile",
                "echo 'subdir-ccflags-y += -DINC=2' >lib/flags.inc"
            ),
            (
                "flags for what is below, asked for by an included list",
                """
                echo 1 >lib/from.txt; echo 'FROM := $(shell cat $(srctree)/$(PLACE)/from.txt)' >drv/flags.inc
                printf 'PLACE := lib\\ninclude $(src)/flags.inc\\nsubdir-ccflags-y += -DFROM=$(FROM)\\n' >drv/x
                cat drv/Makefile >>drv/x; mv drv/x drv/Makefile
                """,
                "echo 2 >lib/from.txt"
            ),
            (
                "a variable that make itself hands on",
                """
                echo 1 >lib/from.txt; sed -i '1i PLACE := lib' drv/Makefile
                sed -i '2i NOSTDINC_FLAGS += -DFROM=$(shell cat $(srctree)/$(PLACE)/from.txt)' drv/Makefile
                """,
                "echo 2 >lib/from.txt"
            ),
            (
                "a unit of a folder that make does not visit",
                "mkdir extra; echo 'int extra;' >extra/x.c; echo 'obj-y += ../extra/x.o' >>net/Makefile",
                "echo 'int extra2;' >>extra/x.c"
            ),
            (
                "a unit by a way around",
                "mkdir -p extra net/own; : >net/own/keep; echo 'int extra;' >extra/x.c; echo 'obj-y += own/../../extra/x.o' >>net/Makefile",
                "echo 'int extra2;' >>extra/x.c"
            ),
            (
                "a pattern in a folder of another",
                """
                mkdir lib/lists; echo a >lib/lists/a.list
                echo 'ccflags-y += -DLISTS=$(words $(wildcard lib/lists/*.list))' >>net/Makefile
                """,
                "echo b >lib/lists/b.list"
            ),
            (
                "a source that the makefile reads",
                """
                echo '#define LEVEL 1' >drv/level.h; sed -i '1i #include "level.h"' drv/shared.c
                sed -i '1i subdir-ccflags-y += -DLEVEL_OF_ALL=$(lastword $(file <$(srctree)/drv/level.h))' drv/Makefile
                """,
                "echo '#define LEVEL 2' >drv/level.h"
            ),
            (
                "flags of a makefile that is a link",
                """
                echo 1 >lib/from.txt; cp drv/Makefile drv/List
                sed -i '1i subdir-ccflags-y += -DFROM=$(shell cat lib/from.txt)' drv/List; ln -sf List drv/Makefile
                """,
                "echo 2 >lib/from.txt"
            ),
            (
                "a file that the top makefile reads",
                """
                echo 1 >lib/top.txt
                sed -i '/^include.*Makefile.compiler/a KBUILD_AFLAGS += -DTOP=$(shell cat $(srctree)/lib/top.txt)' Makefile
                """,
                "echo 2 >lib/top.txt"
            ),
            (
                "a list that the architecture's makefile includes",
                """
                echo 'KBUILD_AFLAGS += -DPLATFORM=1' >net/Platform
                echo 'include $(wildcard $(patsubst %,$(srctree)/%/Platform,net))' >>arch/fake/Makefile
                """,
                "echo 'KBUILD_AFLAGS += -DPLATFORM=2' >net/Platform"
            ),
        ]) func elsewhere(name: String, prepare: String, edit: String) throws
    {
        var twins = try twins()
        try round(&twins, name, prepare, edit)
    }
}
