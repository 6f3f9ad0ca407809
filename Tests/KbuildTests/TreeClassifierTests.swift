import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import Testing

@testable import KCacheKbuild

struct TreeClassifierTests {
    private func classify(
        _ more: [String: String], links: [String: String] = [:], tracked: [String]? = nil,
        executables: [String] = []
    ) throws -> (TreeListing, (String) -> FileClass?) {
        let tree = try LiteralTree(LiteralTree.skeleton.merging(more) { $1 }, links: links)
        for name in executables {
            try tree.directory.setPermissions(try #require(TreePath(name)), 0o755)
        }
        let listing = try tree.scan()
        let classifier = TreeClassifier(
            tree: KbuildTree(architecture: "x86"),
            tracked: tracked.map { Set($0.compactMap { TreePath($0) }) })
        let result = try classifier.classify(listing, in: tree.directory)
        return (listing, { name in TreePath(name).flatMap { result[$0] } })
    }

    @Test func pristineTreeIsAllSources() throws {
        let (listing, of) = try classify([
            "drivers/a/main.c": "", "drivers/a/Makefile": "hostprogs := main.c\n", "drivers/a/x.orig": "",
            "drivers/a/blob.o": "", "drivers/a/notes.a": "", "drivers/a/foo.o_shipped": "",
            "debian/rules": "x",
        ])
        for file in listing.files { #expect(of(file.path.description) == .source, "\(file.path)") }
    }

    @Test(arguments: [false, true]) func savedCommandProves(saved: Bool) throws {
        let (_, of) = try classify([
            "kernel/a.c": "", "kernel/a.o": "", "kernel/.a.o.cmd": savedCommand("kernel/a.o", saved: saved),
        ])
        #expect(of("kernel/a.o") == .output(.savedCommand))
        #expect(of("kernel/.a.o.cmd") == .output(.commandFile))
        #expect(of("kernel/a.c") == .source)
    }

    @Test(arguments: [
        "", "echo hello\n", "cmd_kernel/b.o := gcc\n", "cmd_kernel/a.o = gcc\n", "cmd_", "cmd_:=",
    ])
    func foreignCommandFileProvesNothing(text: String) throws {
        let (_, of) = try classify(["kernel/a.o": "", "kernel/.a.o.cmd": text])
        #expect(of("kernel/a.o") == .source)
        #expect(of("kernel/.a.o.cmd") == .source)
    }

    @Test func trackedIsNeverAnOutput() throws {
        let (_, of) = try classify(
            [
                "kernel/a.o": "", "kernel/.a.o.cmd": savedCommand("kernel/a.o"), "include/generated/x.h": "",
                "include/generated/y.h": "", "System.map": "", ".config": "", "a~": "",
            ], tracked: ["kernel/a.o", "include/generated/x.h", "a~", ".config"])
        #expect(of("kernel/a.o") == .source)
        #expect(of("kernel/.a.o.cmd") == .output(.commandFile))
        #expect(of("include/generated/x.h") == .source)
        #expect(of("include/generated/y.h") == .output(.generatedDirectory))
        #expect(of("System.map") == .output(.cleanRule))
        #expect(of(".config") == .configuration)
        #expect(of("a~") == .source)
    }

    @Test func cleanRules() throws {
        let (_, of) = try classify(
            [
                "include/config/auto.conf": "", "arch/x86/include/generated/asm/a.h": "", "vmlinux": "",
                ".version": "1", "modules.builtin": "", "arch/arm/include/generated/a.h": "",
            ], links: ["arch/x86_64/boot/bzImage": "../../x86/boot/bzImage"])
        #expect(of("include/config/auto.conf") == .output(.generatedDirectory))
        #expect(of("arch/x86/include/generated/asm/a.h") == .output(.generatedDirectory))
        #expect(of("arch/x86_64/boot/bzImage") == .output(.generatedDirectory))
        #expect(of("vmlinux") == .output(.cleanRule))
        #expect(of(".version") == .output(.cleanRule))
        #expect(of("modules.builtin") == .output(.cleanRule))
    }

    @Test func patternsNeedAWitness() throws {
        let (_, of) = try classify([
            "d/x.o": "", "d/.x.o.cmd": savedCommand("d/x.o"), "d/x.dwo": "", "d/y.dwo": "", "d/blob.o": "",
            "d/x.s": "", "d/m.mod": "", "d/.m.mod.cmd": savedCommand("d/m.mod"), "d/m.mod.c": "",
            "d/n.mod.c": "", "d/p.tab.c": "", "d/p.tab.h": "", "d/p.tab.o": "",
            "d/.p.tab.o.cmd": savedCommand("d/p.tab.o"), "d/.tmp_q.o": "", "d/k.c": "", "d/k.c_shipped": "",
            "d/l.o": "", "d/.l.o.d": "l.o: l.c\n", "e/.tmp_q.o": "", "e/k.c": "", "e/k.c_shipped": "",
        ])
        #expect(of("d/x.dwo") == .output(.cleanPattern))
        #expect(of("d/y.dwo") == .source)
        #expect(of("d/blob.o") == .source)
        #expect(of("d/x.s") == .source)
        #expect(of("d/m.mod.c") == .output(.cleanPattern))
        #expect(of("d/n.mod.c") == .source)
        #expect(of("d/p.tab.c") == .output(.cleanPattern))
        #expect(of("d/p.tab.h") == .output(.cleanPattern))
        #expect(of("d/.tmp_q.o") == .output(.cleanPattern))
        #expect(of("d/k.c") == .output(.shipped))
        #expect(of("d/l.o") == .output(.cleanPattern))
        #expect(of("e/.tmp_q.o") == .source)
        #expect(of("e/k.c") == .source)
    }

    @Test func directoryMakefile() throws {
        let (_, of) = try classify([
            "d/x.o": "", "d/.x.o.cmd": savedCommand("d/x.o"),
            "d/Makefile": """
            name-file := devices.h
            ifdef CONFIG_NEVER
            clean-files := left.h *.gen # a comment
            endif
            targets += $(name-file) $(addprefix sub/,one.bin two.bin)
            extra-$(CONFIG_A) += not-read
            $(obj)/rule.c: $(src)/rule.map
            	gen $< > $@
            $(obj)/dep.c: $(obj)/other.h
            """,
            "d/devices.h": "", "d/left.h": "", "d/x.gen": "", "d/rule.c": "", "d/dep.c": "", "d/mine.c": "",
            "d/sub/one.bin": "", "d/sub/three.bin": "",
        ])
        #expect(of("d/devices.h") == .output(.directoryRule))
        #expect(of("d/left.h") == .output(.directoryRule))
        #expect(of("d/x.gen") == .output(.directoryRule))
        #expect(of("d/rule.c") == .output(.directoryRule))
        #expect(of("d/sub/one.bin") == .output(.directoryRule))
        #expect(of("d/sub/three.bin") == .source)
        #expect(of("d/dep.c") == .source)
        #expect(of("d/mine.c") == .source)
    }

    /// A program of tools/ whose libraries are built and installed in a folder of its own (tools/bpf/resolve_btfids).
    @Test func librariesOfATool() throws {
        let (_, of) = try classify(
            [
                "tools/t/main.o": "", "tools/t/.main.o.cmd": savedCommand("/x/tools/t/main.o"),
                "tools/t/main.c": "",
                "tools/t/Makefile": """
                OUTPUT ?= $(srctree)/tools/t/
                LIBRARY := $(OUTPUT)/lib/lib.a
                LIBRARY_OUT := $(abspath $(dir $(LIBRARY)))/
                DESTDIR := $(LIBRARY_OUT)
                clean_objects := $(wildcard $(OUTPUT)/*.o \
                                            $(DESTDIR))
                clean: fixdep-clean
                	$(call msg,CLEAN,t)
                	$(Q)$(RM) -rf $(clean_objects) $(OUTPUT) $(SOMEWHERE)/include
                """,
                "tools/t/lib/lib.a": "", "tools/t/lib/include/lib/x.h": "", "tools/t/include/mine.h": "",
                "tools/t/fixdep-in.o": "", "tools/t/.fixdep-in.o.cmd": savedCommand("/x/tools/t/fixdep-in.o"),
                "tools/t/fixdep": "", "tools/t/mine": "",
            ], executables: ["tools/t/fixdep", "tools/t/mine"])
        #expect(of("tools/t/fixdep") == .output(.linkedTool) && of("tools/t/mine") == .source)
        #expect(of("tools/t/lib/lib.a") == .output(.generatedDirectory))
        #expect(of("tools/t/lib/include/lib/x.h") == .output(.generatedDirectory))
        for name in ["tools/t/main.c", "tools/t/include/mine.h", "tools/t/Makefile"] {
            #expect(of(name) == .source, "\(name)")
        }
    }

    @Test func leftOut() throws {
        let (_, of) = try classify([
            "a.c": "", "a.c~": "", ".a.c.swp": "", ".#a.c": "", "#a.c#": "", "a.c.orig": "", "b.c.orig": "",
            "TAGS": "", "tar-install/boot/x": "", "linux-6.1.0-x86.tar.gz": "", "kernel.spec": "",
            "my.spec": "",
            ".tmp_vmlinux.kallsyms1": "", ".config.old": "", "certs/signing_key.pem": "", "keys/own.pem": "",
            "scripts/basic/randstruct.seed": "", "d/.kcache-tmp-1-2": "",
            "debian/changelog": "\n  * Custom built Linux kernel.\n",
            "debian/control": "", ".config": "CONFIG_MODULE_SIG_KEY=\"keys/own.pem\"\n", ".gitignore": "",
            "tags.c": "",
            "debug": "", "xdebug": "", ".swp": "",
        ])
        for name in ["a.c~", ".a.c.swp", ".#a.c", "#a.c#", "a.c.orig", "TAGS"] {
            #expect(of(name) == .leftOut(.editor), "\(name)")
        }
        for name in ["b.c.orig", "my.spec", ".gitignore", "tags.c", "debug", "xdebug", ".swp"] {
            #expect(of(name) == .source, "\(name)")
        }
        for name in ["tar-install/boot/x", "linux-6.1.0-x86.tar.gz", "kernel.spec", "debian/control"] {
            #expect(of(name) == .leftOut(.packaging), "\(name)")
        }
        for name in ["certs/signing_key.pem", "keys/own.pem", "scripts/basic/randstruct.seed"] {
            #expect(of(name) == .leftOut(.secret), "\(name)")
        }
        for name in [".tmp_vmlinux.kallsyms1", ".config.old"] {
            #expect(of(name) == .leftOut(.intermediate), "\(name)")
        }
        #expect(of("d/.kcache-tmp-1-2") == .leftOut(.temporary))
    }

    @Test func whatAPersonMayHaveWritten() throws {
        let (_, of) = try classify([
            "d/x.o": "", "d/.x.o.cmd": savedCommand("d/x.o"), "d/x.c": "", "d/x.c.2023-01.bak": "",
            "d/x.c.123r.expand": "", "certs/Makefile": "$(obj)/x509.genkey:\n\tcp a $@\n",
            "certs/y.o": "", "certs/.y.o.cmd": savedCommand("certs/y.o"), "certs/x509.genkey": "mine",
            "Makefile": (LiteralTree.skeleton["Makefile"] ?? "").replacing(
                "-o -name '.tmp_*'", with: "-o -name '.tmp_*' -o -name '*.c.[012]*.*'")
                + "\nMRPROPER_FILES += certs/x509.genkey\n",
        ])
        #expect(of("d/x.c.2023-01.bak") == .source)
        #expect(of("d/x.c.123r.expand") == .output(.cleanPattern))
        #expect(of("certs/x509.genkey") == .source)
    }

    /// What `make clean` and `make` leave of a host program that needed no rebuild.
    @Test func programsWithoutSavedCommand() throws {
        let (_, of) = try classify(
            [
                "scripts/k/Makefile": "hostprogs += conf mconf\n", "scripts/k/conf": "ELF",
                "scripts/k/own": "#!",
            ], executables: ["scripts/k/conf", "scripts/k/own"])
        #expect(of("scripts/k/conf") == .output(.directoryRule))
        #expect(of("scripts/k/own") == .source)
    }

    @Test func endlessVariablesEnd() throws {
        let (_, of) = try classify([
            "d/x.o": "", "d/.x.o.cmd": savedCommand("d/x.o"),
            "d/Makefile": "A = $(A)$(A) $(B)\nB = $(A) $(B)\ntargets := $(A) $( $(B ${}) ok\n\\", "d/ok": "",
        ])
        #expect(of("d/x.o") == .output(.savedCommand))
        #expect(of("d/ok") == .source)
    }
}

struct NamePatternTests {
    @Test(arguments: [
        ("*.[aios]", "x.o", true), ("*.[aios]", "x.c", false), (".tmp_*", ".tmp_x", true),
        ("*.c.[012]*.*", "a.c.1r.x", true),
        ("*.c.[012]*.*", "a.c.x", false), ("#*#", "#a#", true), ("[!a]x", "bx", true), ("[!a]x", "ax", false),
        ("[0-9]", "5", true), ("[", "[", true), ("*", "", true), ("?", "", false), ("a*b*c", "aXbYc", true),
    ]) func matches(pattern: String, name: String, expected: Bool) {
        #expect(NamePattern(pattern).matches(Array(name.utf8)) == expected)
    }
}

struct SecretContentTests {
    @Test func keys() {
        let dashes = "-----"
        let body = String(repeating: "QUJD", count: 16)
        let key = "\(dashes)BEGIN RSA PRIVATE KEY\(dashes)\n\(body)\n\(dashes)END RSA PRIVATE KEY\(dashes)\n"
        #expect(SecretContent.isPrivateKey(Array(key.utf8)))
        #expect(SecretContent.isPrivateKey(Array("bag\n\(key)".utf8)))
        #expect(!SecretContent.isPrivateKey(Array("grep '\(dashes)BEGIN PRIVATE KEY\(dashes)' file\n".utf8)))
        #expect(!SecretContent.isPrivateKey(Array(key.replacing("PRIVATE", with: "PUBLIC").utf8)))
        #expect(!SecretContent.isPrivateKey([]))
        #expect(!SecretContent.isPrivateKey(Array("\(dashes)BEGIN ".utf8)))
    }
}
