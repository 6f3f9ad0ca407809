import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Definitions as kernels of several years have them, with real make and a real compiler.
struct ProbeShapeTests {
    struct Shape: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let file: String
        let tryRun: String
        let cmd: String
        var isUnderstood = true
    }

    private static let modern = """
        $(shell set -e;\\
        	TMP=$(TMPOUT)/t;\\
        	trap "rm -rf $(TMPOUT)" EXIT;\\
        	mkdir -p $(TMPOUT);\\
        	if ($(1)) >/dev/null 2>&1;\\
        	then echo "$(2)";\\
        	else echo "$(3)";\\
        	fi)
        """
    private static let old = """
        $(shell set -e;		\\
        	TMP="$(TMPOUT).$$$$.t";	\\
        	TMPO="$(TMPOUT).$$$$.u";	\\
        	if ($(1)) >/dev/null 2>&1;	\\
        	then echo "$(2)";		\\
        	else echo "$(3)";		\\
        	fi;				\\
        	rm -f "$$TMP" "$$TMPO")
        """

    static let shapes = [
        Shape(testDescription: "4.14", file: "Kbuild.include", tryRun: old, cmd: "@$(echo-cmd) $(cmd_$(1))"),
        Shape(
            testDescription: "4.19", file: "Kbuild.include", tryRun: old,
            cmd: "@set -e; $(echo-cmd) $(cmd_$(1))"),
        Shape(
            testDescription: "5.4", file: "Kbuild.include", tryRun: modern,
            cmd: "@set -e; $(echo-cmd) $(cmd_$(1))"),
        Shape(
            testDescription: "5.15", file: "Makefile.compiler", tryRun: modern,
            cmd: "@set -e; $(echo-cmd) $($(quiet)redirect) $(cmd_$(1))"),
        Shape(
            testDescription: "6.1", file: "Makefile.compiler", tryRun: modern,
            cmd: "@set -e; $(echo-cmd) $($(quiet)redirect) $(delete-on-interrupt) $(cmd_$(1))"),
        Shape(
            testDescription: "6.12", file: "Makefile.compiler", tryRun: modern,
            cmd: "@$(if $(cmd_$(1)),set -e; $(echo-cmd) $(cmd_$(1)),:)", isUnderstood: false),
    ]

    /// Probes with everything in them that make, a shell or an encoding could change.
    private static let questions = [
        "$(call try-run,$(CC) -Werror -c -x c /dev/null -o \"$$TMP\",-a,-b)",
        "$(call try-run, $(CC) -Werror -fno-such-option -c -x c /dev/null -o \"$$TMP\", -a  -c ,-b)",
        "$(call try-run,$(CC) -Werror -Wa$(comma)-nothing -c -x assembler-with-cpp /dev/null -o \"$$TMP\",,  no)",
        "$(call try-run,$(CC) -c -x c /dev/null -o \"$$TMP\")",
        "$(call try-run,$(CC) -c -x c /dev/null -o \"$$TMP\",50%,100%25)",
        "$(call try-run,$(CC) -c -x c /dev/null -o \"$$TMP\",a=b:c;d$(comma)e {f} g[1],x)",
        "$(call try-run,$(CC) -c -x c /dev/null -o \"$$TMP\",it's $(pound)1 (yes),x)",
        "$(call try-run,printf \"%b\\n\" \"nop\" | $(CC) -c -x assembler-with-cpp -o \"$$TMP\" -,y,n)",
        "$(call try-run,printf \"%b\\n\" \"nonsense $$4\" | $(CC) -c -x assembler -o \"$$TMP\" -,y,n)",
        "$(call try-run,$(CC) -DX='\"a b\"' -c -x c /dev/null -o \"$$TMP\",\\\\n back\\slash,n)",
        "$(call try-run,$(CC) -include none.h -c -x c /dev/null -o \"$$TMP\",y,n)",
        "$(call try-run,$(LD) -m elf_x86_64 -v,-m64,-m32)",
        "$(CC_VERSION_TEXT)",
    ]

    private func tree(_ shape: Shape) throws -> LiteralTree {
        let asked = Self.questions.enumerated().map { "$(info \($0) [\($1)])" }.joined(separator: "\n")
        let makefile = """
            CC = gcc
            LD = ld
            srctree := .
            include scripts/Kbuild.include
            -include scripts/Makefile.compiler
            CC_VERSION_TEXT = $(shell $(CC) --version 2>/dev/null | head -n 1)
            quiet_cmd_echo = ECHO    $@
            cmd_echo = echo "did $@" && ls nothing.* 2>/dev/null || true
            \(asked)
            $(info list [$(firstword $(MAKEFILE_LIST))] [$(MAKEFILE_LIST)] $(.DEFAULT_GOAL) $(origin obj))
            all: one two three
            one:
            	$(call cmd,empty)
            two:
            	$(call cmd,echo)
            three: four
            	@$(MAKE) --no-print-directory -f sub.mk obj=drivers/a b=1
            	@$(MAKE) --no-print-directory -C tools
            four:
            	$(call rule)
            define rule
            	$(call cmd,empty)
            	$(call cmd,echo)
            endef
            """
        let include = """
            comma := ,
            pound := \\#
            quiet := quiet_
            TMPOUT = .tmp_$$$$
            echo-cmd = $(if $($(quiet)cmd_$(1)),echo '  $($(quiet)cmd_$(1))';)
            delete-on-interrupt = trap 'rm -f none' INT;
            cmd = \(shape.cmd)

            """
        let compiler = "try-run = \(shape.tryRun)\n"
        let isSplit = shape.file != "Kbuild.include"
        var files = [
            "Makefile": makefile, "scripts/Kbuild.include": include + (isSplit ? "" : compiler),
            "sub.mk":
                "include scripts/Kbuild.include\n-include scripts/Makefile.compiler\nCC := gcc\n"
                + "$(info sub \(Self.questions[0]) \(Self.questions[1]))\nall: ; @echo sub $(MAKEFILE_LIST)\n",
            "tools/Makefile": "cmd = @echo tools $(1)\nall:\n\t$(call cmd,own)\n\t@echo $(MAKEFILE_LIST)\n",
        ]
        if isSplit { files["scripts/\(shape.file)"] = compiler }
        return try LiteralTree(files)
    }

    @Test(arguments: shapes) func answersAreThoseOfPlainMake(shape: Shape) throws {
        let tree = try tree(shape)
        let place = URL(fileURLWithPath: tree.path.string)
        var trial = ProbeTrial()
        trial.jobs = 1
        defer { trial.remove() }
        let plain = try trial.make(place, plainly: true)
        let first = try trial.make(place)
        #expect(first.log == plain.log)
        #expect(first.isCaching, "\(first.explanation)")
        #expect(first.summary.kept >= 9, "\(first.summary)")
        let second = try trial.make(place)
        #expect(second.log == plain.log)
        #expect(second.summary.kept == 0)
        // What names a file was asked again, and refused again.
        #expect(second.summary.refused.keys.contains { $0.contains("-include") }, "\(second.summary)")
        let probes = try KbuildProbes(reading: tree.directory)
        #expect((probes.cmd != nil) == shape.isUnderstood)
        #expect(probes.tryRun != nil)
        trial.traces = true
        let third = try trial.make(place)
        #expect(
            (third.programs["gcc"] ?? 0) <= 2 * first.summary.refused.values.reduce(0, +), "\(third.programs)"
        )
        trial.traces = false
        trial.goals = ["-n"]
        #expect(try trial.make(place).log == trial.make(place, plainly: true).log)
        trial.goals = ["V=1", "quiet="]
        #expect(try trial.make(place).log == trial.make(place, plainly: true).log)
    }

    @Test func usersOwnMakefilesStay() throws {
        let tree = try tree(Self.shapes[4])
        try tree.add("mine.mk", "$(info mine)\n")
        var trial = ProbeTrial()
        trial.jobs = 1
        defer { trial.remove() }
        trial.environment["MAKEFILES"] = "\(tree.path)/mine.mk"
        let place = URL(fileURLWithPath: tree.path.string)
        let plain = try trial.make(place, plainly: true)
        #expect(plain.log.contains("mine"))
        #expect(try trial.make(place).log == plain.log)
    }

    @Test func otherDefinitionsAreLeftAlone() throws {
        let shape = Self.shapes[4]
        let tree = try tree(shape)
        // Twice; inside a condition; with something else in it.
        for text in [
            "try-run = $(shell echo a)\ntry-run = \(shape.tryRun)\n",
            "ifdef X\ntry-run = \(shape.tryRun)\nendif\n",
            "try-run = $(eval x := 1)\(shape.tryRun)\n", "define try-run\n\(shape.tryRun)\nendef\n",
            "override try-run = \(shape.tryRun)\n", "try-run := \(shape.tryRun)\n",
            "try-run = \(shape.tryRun)\ntry-run += x\n", "ifdef X\ntry-run = \(shape.tryRun)\n",
        ] {
            try tree.directory.remove(try #require(TreePath("scripts/Makefile.compiler")))
            try tree.add("scripts/Makefile.compiler", text)
            let probes = try KbuildProbes(reading: tree.directory)
            #expect(probes.tryRun == nil, "\(text)")
            #expect(!probes.explanation.isEmpty)
        }
        for cmd in [
            "@set -e; $(echo-cmd) $(log) $(cmd_$(1))", "$(echo-cmd) $(cmd_$(1))", "@date; $(cmd_$(1))",
            "@$(cmd_$(1)) || true",
        ] { #expect(!KbuildProbes.isCmd(cmd), "\(cmd)") }
    }
}
