import Foundation
import TestKernel
import Testing

/// What people do with make in a kernel tree, done by plain make and by `kcache make`.
@Suite(.serialized) struct MakeTwinTests {
    /// Options of `kcache make`: with none, and, if all is to be run, each that switches something off.
    static var options: [[String]] {
        let full = ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil
        return full ? [[], ["--always"], ["--no-prune"], ["--no-probe-cache"]] : [[]]
    }

    private let work: Workplace
    private let kernel: FakeKernel

    init() throws {
        work = try Workplace()
        kernel = try FakeKernel.prepared()
    }

    private func twins(_ options: [String]) throws -> MakeTwins {
        let twins = try MakeTwins(in: work.url, options: options, environment: ["ARCH": "fake"])
        for kind in [MakeKind.plain, .command] {
            try kernel.makeTree(at: twins.place(kind), kernel.initial)
            try MakeTwins.complete(twins.place(kind))
        }
        return twins
    }

    /// One row: shell lines that change the tree, then a make.
    private struct Row {
        var edit = ""
        var step: MakeTwins.Step

        init(
            _ name: String, _ edit: String = "", _ words: [String] = ["-j2"], status: Int32? = 0,
            environment: [String: String] = [:], sameOutput: Bool = false, interruptedAt: String? = nil,
            withoutUs: Bool = false
        ) {
            self.edit = edit
            step = MakeTwins.Step(name: name, words: words, status: status, environment: environment)
            (step.sameOutput, step.interruptedAt, step.withoutUs) = (sameOutput, interruptedAt, withoutUs)
        }
    }

    private func run(_ rows: [Row], _ options: [String]) throws {
        var twins = try twins(options)
        for row in rows where !twins.failed {
            if !row.edit.isEmpty { try twins.edit(row.edit) }
            try twins.make(row.step)
        }
        try expectCleanBuild(twins)
    }

    /// In the end the tree holds what a new tree with these sources gets.
    private func expectCleanBuild(_ twins: MakeTwins) throws {
        guard !twins.failed else { return }
        let clean = twins.place(.command, "clean")
        try Shell.run(["cp", "-a", twins.place(.command).path, clean.path])
        var environment = ["ARCH": "fake"]
        environment.merge(MakeTwins.pins) { $1 }
        for words in [["clean"], ["-j2"]] {
            let result = try kernel.build(clean, words, environment: environment)
            #expect(result.status == 0, "\(result.log)")
        }
        let (expected, found) = (
            try FakeKernel.outputs(of: clean), try FakeKernel.outputs(of: twins.place(.command))
        )
        let wrong = expected.keys.sorted().filter { expected[$0] != found[$0] }
        #expect(wrong.isEmpty, "not as in a clean build: \(wrong)")
        try FileManager.default.removeItem(at: clean)
    }

    private static func flip(_ symbol: String, _ value: String) -> String {
        let line = value == "n" ? "# CONFIG_\(symbol) is not set" : "CONFIG_\(symbol)=\(value)"
        return "sed -i -E 's/^(# )?CONFIG_\(symbol)[ =].*/\(line)/' .config"
    }

    @Test(arguments: options) func edits(options: [String]) throws {
        try run(
            [
                Row("clean build"), Row("no-op"), Row("no-op, one job", "", []),
                Row("one unit", "echo 'int twin_one;' >>core/run.c"), Row("no-op after it"),
                Row("a comment", "echo '/* twin */' >>net/socket.c"),
                Row("a header of many", "echo '#define TWIN 1' >>include/fake/task.h"),
                Row("a header of all", "echo '#define TWIN_ALL 1' >>include/linux/types.h"),
                Row("a configuration flip", Self.flip("STATS", "n")), Row("no-op after the flip"),
                Row("and back", Self.flip("STATS", "y")),
                Row("a module becomes built in", Self.flip("NET_PROTO", "y")),
                Row("and a module again", Self.flip("NET_PROTO", "m")),
                Row("a Makefile", "sed -i 's/CORE_LEVEL=2/CORE_LEVEL=5/' core/Makefile"),
                Row("a comment in a Makefile", "echo '# twin' >>drv/bus/Makefile"),
                Row("flags of one directory", "echo 'subdir-ccflags-y += -DTWIN_FLAG' >>drv/led/Makefile"),
                Row("Kconfig", "printf 'config TWIN\\n\\tdef_bool y\\n' >>Kconfig"),
                Row("a deleted object", "rm core/run.o"), Row("a deleted module", "rm drv/led/led.ko"),
                Row("a deleted command file", "rm core/.queue.o.cmd"),
                Row("a deleted archive", "rm lib/lib.a"), Row("a deleted kernel", "rm vmlinux"),
                Row("a directory's outputs deleted", "rm net/*.o net/.*.cmd net/*.a"),
                Row("a touched unit", "touch drv/bus/bus-probe.c"),
                Row("a touched header", "touch include/fake/limits.h"),
                Row("a touched Makefile", "touch core/Makefile"), Row("a touched .config", "touch .config"),
                Row("a new unit", "echo 'int twin_new;' >net/twin.c; echo 'obj-y += twin.o' >>net/Makefile"),
                Row(
                    "a new module",
                    "sed 's/\"led.h\"/\"led\\/led.h\"/' drv/led/red.c >drv/twinmod.c; echo 'obj-m += twinmod.o' >>drv/Makefile"
                ),
                Row(
                    "a new directory",
                    "mkdir lib/deep; echo 'obj-y += d.o' >lib/deep/Makefile; "
                        + "echo 'int twin_deep;' >lib/deep/d.c; echo 'obj-y += deep/' >>lib/Makefile"),
                Row("a unit of it", "echo 'int twin_deeper;' >>lib/deep/d.c"),
                Row("a removed unit", "rm net/twin.c; sed -i /twin.o/d net/Makefile"),
                Row("data behind a script", "echo twin >>core/table.txt"),
                Row("an included payload", "echo twin >>core/blob.txt"),
                Row("a script", "echo \"echo '\\\"twin\\\",'\" >>scripts/fake/table.sh"),
                Row("a generated header spoiled", "echo '#define X 1' >>include/generated/utsrelease.h"),
                Row("a stamp touched", "touch include/config/STATS"),
                Row("an old time", "touch -d 2001-01-01 core/queue.c"),
                Row(
                    "an edit with an old time",
                    "echo 'int hidden;' >>lib/sort.c; touch -d 2001-01-01 lib/sort.c"),
                Row("it is seen", "touch lib/sort.c"),
                Row("a time to come", "touch -d '+1 hour' lib/hash.c"), Row("again, as it is still to come"),
                Row("the time is here", "touch lib/hash.c"),
                Row(
                    "a file is moved over another",
                    "cp core/stats.c x.c; echo 'int moved;' >>x.c; mv x.c core/stats.c"),
                Row("done by a make without us", "echo 'int alone;' >>core/run.c", withoutUs: true),
                Row("nothing is left of it"),
                Row("other flags without us", "", ["-j2", "KCFLAGS=-DALONE"], withoutUs: true),
                Row("taken back by us"),
            ], options)
    }

    @Test(arguments: options) func commandLines(options: [String]) throws {
        try run(
            [
                Row("clean build"), Row("W=1", "", ["-j2", "W=1"]), Row("and without it"),
                Row("flags", "", ["-j2", "KCFLAGS=-DTWIN=1"]),
                Row("the same flags", "", ["-j2", "KCFLAGS=-DTWIN=1"]),
                Row("flags of the environment", environment: ["KCFLAGS": "-DTWIN=1"]),
                Row("other flags of the environment", environment: ["KCFLAGS": "-DTWIN=2"]), Row("no flags"),
                Row("a pin", environment: ["KBUILD_BUILD_USER": "somebody"]), Row("no pin"),
                Row("a pin on the command line", "", ["KBUILD_BUILD_HOST=else"]), Row("none"),
                Row("a version", environment: ["LOCALVERSION": "-twin"]), Row("no version"),
                Row("the kernel alone", "echo 'int t1;' >>drv/led/led-main.c", ["vmlinux"]),
                Row("the kernel again", "", ["vmlinux"]), Row("modules", "", ["modules"]), Row("all"),
                Row("two goals", "echo 'int t2;' >>core/run.c", ["-j2", "modules", "vmlinux"]),
                Row("-n", "echo 'int t3;' >>core/run.c", ["-n"], sameOutput: true),
                Row("-n of nothing, after make"), Row("-n", "", ["-n"], sameOutput: true),
                Row("a dry run of a goal", "touch core/run.c", ["-n", "core/run.o"], sameOutput: true),
                Row("all of it"),
                Row("-q when all is done", "", ["-q"], status: nil),
                Row("-q when not", "echo 'int t4;' >>core/run.c", ["-q"], status: nil), Row("made"),
                Row("-W", "", ["-W", "core/queue.c"]), Row("-s", "", ["-s"], sameOutput: true),
                Row("V=1", "touch core/queue.c", ["V=1"], sameOutput: true),
                Row("a unit", "echo 'int t5;' >>core/run.c; echo 'int t5;' >>net/proto.c", ["core/run.o"]),
                Row("the unit again", "", ["core/run.o"]), Row("a directory", "", ["net/"]),
                Row("the directory again", "", ["net/"]), Row("the rest"),
                Row("a module", "echo 'int t6;' >>drv/led/led-blink.c", ["drv/led/led.ko"]),
                Row("the module again", "", ["drv/led/led.ko"]), Row("all after it"),
                Row("preprocessed", "", ["core/run.i"]), Row("assembly", "", ["core/run.s"]),
                Row("two units", "touch core/run.c core/queue.c", ["-j2", "core/run.o", "core/queue.o"]),
                Row("prepare", "touch include/linux/kbuild.h", ["prepare"]),
                Row("modules_prepare", "", ["modules_prepare"]), Row("all of that"),
                Row("-C", "touch lib/hash.c", ["-C", ".", "-j2"]),
                Row("MAKEFLAGS", environment: ["MAKEFLAGS": "k -j2"]),
                Row("savedefconfig", "", ["savedefconfig"]), Row("olddefconfig", "", ["olddefconfig"]),
                Row("after olddefconfig"),
                Row("olddefconfig and all", Self.flip("TRACE", "n"), ["-j2", "olddefconfig", "all"]),
                Row("allnoconfig", "cp .config saved.txt", ["allnoconfig"]),
                Row("the smallest kernel", status: nil), Row("the old configuration", "cp saved.txt .config"),
                Row("kernelversion", "", ["kernelversion"], sameOutput: true),
                Row("kernelrelease", "", ["-s", "kernelrelease"], sameOutput: true),
                Row("an unknown goal", "", ["no-such-goal"], status: 2),
                Row("a missing unit", "", ["core/none.o"], status: 2),
                Row("clean", "", ["clean"]), Row("built again"),
                Row("clean and all", "", ["-j2", "clean", "all"]),
            ], options)
    }

    @Test(arguments: options) func failures(options: [String]) throws {
        let broken = "cp core/run.c run.txt; echo '#error twin' >>core/run.c"
        try run(
            [
                Row("clean build"),
                Row("a compile error", broken, ["-j1"], status: 2),
                Row("the error again", "", ["-j1"], status: 2),
                Row("repaired", "mv run.txt core/run.c; touch core/run.c"), Row("no-op"),
                Row(
                    "repaired with the old time", "cp -p core/run.c run.txt; echo '#error twin' >>core/run.c",
                    ["-j1"], status: 2),
                Row("as it was", "mv run.txt core/run.c"),
                Row(
                    "-k with errors",
                    "cp net/proto.c p.txt; echo '#error' >>net/proto.c; echo 'int k;' >>lib/hash.c; \(broken)",
                    ["-k", "-j1"], status: 2),
                Row("half repaired", "mv run.txt core/run.c; touch core/run.c", ["-k", "-j1"], status: 2),
                Row("all repaired", "mv p.txt net/proto.c; touch net/proto.c"),
                Row("-i", broken, ["-i", "-j1"], status: nil), Row("after -i", "", ["-j1"], status: 2),
                Row("no more", "mv run.txt core/run.c; touch core/run.c"),
                Row("a missing header", "mv net/net.h n.txt", ["-j1"], status: nil),
                Row("it is back", "mv n.txt net/net.h"),
                Row(
                    "a broken Makefile", "cp lib/Makefile m.txt; echo 'ifeq (' >>lib/Makefile", ["-j1"],
                    status: 2),
                Row("mended", "mv m.txt lib/Makefile"),
                Row(
                    "modpost fails",
                    "cp drv/led/red.c r.txt; echo 'extern int nowhere(void); int red2(void) { return nowhere(); }' >>drv/led/red.c",
                    ["-j1"], status: nil),
                Row("a symbol less", "mv r.txt drv/led/red.c; touch drv/led/red.c"),
                Row(
                    "Ctrl-C",
                    "cp scripts/fake/table.sh t.txt; printf 'echo >stalled; sleep 60\\n' >>scripts/fake/table.sh; echo 'int c;' >>core/run.c",
                    ["-j1"], status: nil, interruptedAt: "stalled"),
                Row("going on", "rm stalled; mv t.txt scripts/fake/table.sh; touch scripts/fake/table.sh"),
                Row("nothing left to do"),
                Row(
                    "Ctrl-C with nothing changed",
                    "cp scripts/fake/table.sh t.txt; printf 'echo >stalled; sleep 60\\n' >>scripts/fake/table.sh",
                    ["-j2"], status: nil, interruptedAt: "stalled"),
                Row(
                    "as if nothing had been",
                    "rm stalled; touch -r t.txt x; mv t.txt scripts/fake/table.sh; rm x"),
            ], options)
    }

    /// What a build looks at without its being a source of the tree.
    @Test(arguments: options) func surroundings(options: [String]) throws {
        let person = "git -c user.name=t -c user.email=t@t"
        let commit =
            "GIT_COMMITTER_DATE=2001-01-01T00:00:00Z \(person) commit -q --date=2001-01-01T00:00:00Z"
        try run(
            [
                Row("clean build"),
                Row("a localversion file", "echo -twin >localversion-twin"),
                Row("it changes", "echo -other >localversion-twin"),
                Row("it goes", "rm localversion-twin"),
                Row(
                    "a repository",
                    "git init -q .; git add -f Makefile; \(commit) -m one"
                ),
                Row("a tag", "git tag v1; \(person) tag -a -m v6.1.192 v6.1.192"),
                Row(
                    "another commit",
                    "git add -f core/run.c; \(commit) -m two"),
                Row("no repository", "rm -rf .git"),
                Row(
                    "a header beside the tree",
                    "echo '#define OUT 1' >../out.h; echo '#include \"../../out.h\"\nint o = OUT;' >>core/run.c"
                ),
                Row("it changes", "echo '#define OUT 2' >../out.h"), Row("it is touched", "touch ../out.h"),
                Row("a link to data", "cp core/table.txt ../data.txt; ln -sf ../../data.txt core/table.txt"),
                Row("the data changes", "echo more >>../data.txt"),
                Row(
                    "the link leads elsewhere",
                    "echo other >../data2.txt; ln -sf ../../data2.txt core/table.txt"),
                Row("a link to a directory", "mv net ../net-real; ln -s ../net-real net"),
                Row("a unit behind it", "echo 'int behind;' >>../net-real/socket.c"),
                Row("no link", "rm net; mv ../net-real net"),
                Row(
                    "a shadowing header",
                    "mkdir -p arch/fake/include/fake; cp include/fake/limits.h arch/fake/include/fake/limits.h; echo '#define SHADOW' >>arch/fake/include/fake/limits.h"
                ),
                Row("it goes", "rm arch/fake/include/fake/limits.h; touch include/fake/limits.h"),
                Row("a script that no rule names", "echo 'pack() { tr a-z d-za-c; }' >scripts/fake/pack.sh"),
                Row("what it is for", "touch core/blob.txt"),
                Row("a script's mode", "chmod -x scripts/fake/table.sh"),
                Row("a host tool touched", "touch scripts/mod/modpost"),
                Row("a host tool deleted", "rm scripts/mod/modpost"),
                Row("a source of a host tool", "echo '/* twin */' >>scripts/mod/modpost.c"),
                Row("a script of Kbuild", "echo '# twin' >>scripts/Makefile.lib"),
                Row("the top Makefile", "echo '# twin' >>Makefile"),
                Row("Kbuild's own macros", "echo '# twin' >>scripts/Kbuild.include"),
                Row("auto.conf deleted", "rm include/config/auto.conf"),
                Row("generated headers deleted", "rm -r include/generated"),
                Row(
                    "moved to another time",
                    "find . -newermt 2001-01-01 -type f -exec touch -d 2002-01-01 {} +"),
            ], options)
    }

    /// An external module, beside the tree.
    @Test(arguments: options) func externalModule(options: [String]) throws {
        var twins = try twins(options)
        try twins.make(.init(name: "the kernel"))
        try twins.edit(
            """
            mkdir ../ext; cp drv/led/red.c ../ext/ext.c; cp drv/led/led.h ../ext/led.h
            printf 'ifneq ($(KERNELRELEASE),)\\nobj-m := ext.o\\nelse\\nall:\\n\\t$(MAKE) -C ../tree M=$(CURDIR)\\nendif\\n' >../ext/Makefile
            """)
        let build = ["M=@/ext"]
        try twins.make(.init(name: "from the tree", words: build))
        try twins.make(.init(name: "nothing to do", words: build))
        try twins.make(
            .init(
                name: "from its own directory", words: ["-C", "@/tree", "M=@/ext", "modules"], folder: "ext"))
        try twins.edit("echo 'int e1;' >>../ext/ext.c")
        try twins.make(.init(name: "by its own Makefile", words: [], folder: "ext"))
        try twins.edit("echo '#define E 1' >../ext/new.h; echo '#include \"new.h\"' >>../ext/ext.c")
        try twins.make(.init(name: "a new header", words: build))
        try twins.edit("echo '#define E 2' >../ext/new.h")
        try twins.make(.init(name: "the header", words: build))
        try twins.edit("echo '#define TWIN_EXT 1' >>include/linux/module.h")
        try twins.make(.init(name: "a header of the kernel", words: build))
        try twins.make(.init(name: "the kernel after it"))
        try twins.make(.init(name: "the module after that", words: build))
        try twins.edit("echo 'ccflags-y := -DEXT' >>../ext/Makefile")
        try twins.make(.init(name: "flags", words: build))
        try twins.edit("rm ../ext/ext.ko")
        try twins.make(.init(name: "a deleted module", words: build))
        try twins.edit("rm Module.symvers; touch drv/bus/bus-main.c")
        try twins.make(.init(name: "no symbols", words: build, status: nil))
        try twins.make(.init(name: "the kernel again"))
        try twins.make(
            .init(
                name: "installed", words: build + ["modules_install", "INSTALL_MOD_PATH=@/inst"], status: nil)
        )
        try twins.make(.init(name: "clean", words: build + ["clean"]))
        try twins.make(.init(name: "once more", words: build))
    }

    /// Outputs in a directory of their own.
    @Test(arguments: options) func otherDirectory(options: [String]) throws {
        var twins = try MakeTwins(in: work.url, options: options, environment: ["ARCH": "fake"])
        for kind in [MakeKind.plain, .command] {
            try kernel.makeCheckout(at: twins.place(kind), kernel.initial, withConfiguration: false)
            try MakeTwins.complete(twins.place(kind))
        }
        let out = ["O=../out", "-j2"]
        try twins.make(.init(name: "defconfig", words: out + ["alldefconfig"]))
        try twins.make(.init(name: "a build", words: out))
        try twins.make(.init(name: "nothing to do", words: out))
        try twins.edit("echo 'int o1;' >>core/run.c")
        try twins.make(.init(name: "a unit, from the output tree", words: ["-j2"], folder: "out"))
        try twins.make(.init(name: "no-op by the environment", environment: ["KBUILD_OUTPUT": "../out"]))
        try twins.edit("echo '#define O 1' >>include/fake/task.h")
        try twins.make(.init(name: "a header", words: ["-j2", "O=@/out"]))
        try twins.make(
            .init(name: "another output tree", words: ["O=../out2", "-j2", "alldefconfig", "all"]))
        try twins.edit("echo 'int o2;' >>net/socket.c; rm ../out/core/queue.o")
        try twins.make(.init(name: "the first", words: out))
        try twins.make(.init(name: "the second", words: ["O=../out2", "-j2"]))
        try twins.make(.init(name: "one unit", words: out + ["core/run.o"]))
        try twins.make(.init(name: "in the tree, which is not configured", status: 2))
        try twins.edit("sed -i 's/^CONFIG_STATS=y/# CONFIG_STATS is not set/' ../out/.config")
        try twins.make(.init(name: "a flip", words: out))
        try twins.make(.init(name: "clean", words: out + ["clean"]))
        try twins.make(.init(name: "again", words: out))
    }
}
