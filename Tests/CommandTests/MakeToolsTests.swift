import Foundation
import TestKernel
import Testing

/// A build under `tools/` that `prepare` starts in every make, and that asks the compiler what it is.
@Suite(.serialized) struct MakeToolsTests {
    private let work: Workplace
    private let kernel: FakeKernel

    init() throws {
        work = try Workplace()
        kernel = try FakeKernel.prepared()
    }

    /// Shaped as the kernel's own: compiled in its own folder, with a saved command, from copies of the kernel's headers
    /// and from one of the kernel's itself, and compared with the originals.
    private static let files = [
        "tools/Makefile": """
        objtool: FORCE
        \t+@$(MAKE) --no-print-directory -C $@
        FORCE:
        """,
        "tools/objtool/Makefile": """
        CC = $(HOSTCC)
        has-no-clang := $(shell echo asked >>$(TOOLS_LOG); $(CC) -dM -E -x c /dev/null | grep -Fq __clang__; echo $$?)
        object := $(CURDIR)/objtool.o
        command = $(CC) -O1 -DPLAIN=$(has-no-clang) $(KBUILD_HOSTCFLAGS) -I../include -I../../include -Wp,-MD,.objtool.o.d -c -o $(object) objtool.c
        all: objtool
        \t@$(CONFIG_SHELL) ./sync-check.sh
        -include .objtool.o.cmd
        saved := $(cmd_$(object))
        $(object): objtool.c FORCE
        \t@$(if $(strip $(filter-out FORCE,$?) $(filter-out $(saved),$(command)) $(filter-out $(command),$(saved))),echo '  CC      objtool'; $(command) && sh ./save.sh $(object) '$(command)' >.objtool.o.cmd)
        objtool: $(object)
        \t@$(CC) -o $@ $<
        FORCE:
        """,
        "tools/objtool/save.sh": """
        printf 'cmd_%s := %s\\n\\nsource_%s := objtool.c\\n\\ndeps_%s := \\\\\\n' "$1" "$2" "$1" "$1"
        tr -s ' \\\\\\n' '\\n' <.objtool.o.d | sed -e '1,2d' -e '/^$/d' -e 's/.*/  & \\\\/'
        printf '\\n%s: $(deps_%s)\\n\\n$(deps_%s):\\n' "$1" "$1" "$1"
        rm .objtool.o.d
        """,
        "tools/objtool/objtool.c": """
        #include <tool.h>
        #include "../../include/fake/limits.h"
        #include "sub/../../../include/fake/around.h"
        int main(void) { return TOOL_STATUS; }
        """,
        "tools/include/tool.h": "#define TOOL_STATUS 0",
        "tools/objtool/sub/keep": "", "include/fake/around.h": "#define AROUND 1",
        "tools/objtool/sync-check.sh": """
        FILES="include/fake/bus.h"
        cd ../..
        for file in $FILES; do
            test -f $file && diff -q tools/$file $file >/dev/null || echo "Warning: '$file' differs from latest version" >&2
        done
        exit 0
        """,
    ]

    private func twins(_ options: [String]) throws -> MakeTwins {
        var twins = try MakeTwins(in: work.url, options: options, environment: ["ARCH": "fake"])
        for kind in [MakeKind.plain, .command] {
            let tree = twins.place(kind)
            try kernel.makeTree(at: tree, kernel.initial)
            try MakeTwins.complete(tree)
            for (path, text) in Self.files {
                let file = tree.appending(path: path)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try (text + "\n").write(to: file, atomically: true, encoding: .utf8)
            }
            try Shell.run(
                [
                    "sh", "-ec",
                    "mkdir -p tools/include/fake; cp include/fake/bus.h tools/include/fake; "
                        + "printf 'config OBJTOOL\\n\\tdef_bool y\\n' >>Kconfig; "
                        + "printf '#!/bin/sh\\nexec gcc \"$@\"\\n' >../hostcc; chmod +x ../hostcc",
                ], in: tree)
            twins.drivers[kind]?.environment["TOOLS_LOG"] = log(kind).path
        }
        return twins
    }

    private func log(_ kind: MakeKind) -> URL { work.url.appending(path: "log-\(kind)") }

    /// How often the build has asked its compiler so far.
    private func asked(_ kind: MakeKind) throws -> Int {
        guard FileManager.default.fileExists(atPath: log(kind).path) else { return 0 }
        return try String(contentsOf: log(kind), encoding: .utf8).split(separator: "\n").count
    }

    private func make(_ twins: inout MakeTwins, _ name: String, _ words: [String] = []) throws -> Int {
        let before = (plain: try asked(.plain), command: try asked(.command))
        try twins.make(.init(name: name, words: ["-j2", "HOSTCC=@/hostcc"] + words))
        #expect(try asked(.plain) > before.plain, "\(name): plain make always asks")
        return try asked(.command) - before.command
    }

    /// Makes until the tree is known to be at rest.
    private func rest(_ twins: inout MakeTwins, _ words: [String] = [], after name: String = "") throws {
        for number in 1...4 where !twins.failed {
            if try make(&twins, "rest \(number)", words) == 0 { return }
        }
        Issue.record("the build is never left out: \(name)")
    }

    @Test func comesBackAfterEveryChange() throws {
        var twins = try twins(["--always"])
        try rest(&twins)
        for (name, edit) in [
            ("a source", "echo '/* twin */' >>tools/objtool/objtool.c"),
            ("a header", "echo '#define TWIN_TOOL 1' >>tools/include/tool.h"),
            ("a header of the kernel's", "echo '#define TWIN_LIMIT 1' >>include/fake/limits.h"),
            ("one by a way around", "echo '#define AROUND 2' >include/fake/around.h"),
            ("its makefile", "echo '# twin' >>tools/objtool/Makefile"),
            ("the deleted tool", "rm tools/objtool/objtool"),
            ("the deleted object", "rm tools/objtool/objtool.o"),
            ("the deleted command", "rm tools/objtool/.objtool.o.cmd"),
            ("a new file", ": >tools/objtool/new.h"),
            ("the configuration", "sed -i 's/^CONFIG_STATS=y/# CONFIG_STATS is not set/' .config"),
            ("the compiler behind the wrapper", "printf '#!/bin/sh\\nexec gcc -O0 \"$@\"\\n' >../hostcc"),
        ] where !twins.failed {
            try twins.edit(edit)
            #expect(try make(&twins, name) == 1, "\(name) brings it back")
            try rest(&twins, after: name)
        }
    }

    @Test func comesBackForOtherFlags() throws {
        var twins = try twins(["--always"])
        try rest(&twins)
        let flag = ["HOSTCFLAGS=-DTWIN"]
        #expect(try make(&twins, "a flag", flag) == 1)
        try rest(&twins, flag)
        #expect(try make(&twins, "without the flag again") == 1)
    }

    /// A copy that differs from its original is warned of each time; a leaf's edit concerns no tool.
    @Test func isLeftOutOnlyWhereItIsSilent() throws {
        var twins = try twins(["--always"])
        try rest(&twins)
        try twins.edit("echo 'int twin_leaf;' >>net/socket.c")
        #expect(try make(&twins, "a leaf") == 0)
        try twins.edit("echo '/* twin */' >>include/fake/bus.h")
        #expect(try make(&twins, "the original") == 1)
        for number in 1...3 { #expect(try make(&twins, "warned \(number)") == 1) }
        try twins.edit("cp include/fake/bus.h tools/include/fake/bus.h")
        #expect(try make(&twins, "copied") == 1)
        try rest(&twins)
    }
}
