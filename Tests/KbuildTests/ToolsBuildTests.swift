import KCacheCore
import KCacheKbuild
import KCacheSystem
import TestKernel
import Testing

/// Which builds under `tools/` may be left out, as far as their own makefiles and scripts decide.
struct ToolsBuildTests {
    private static let script = """
        FILES="include/linux/one.h"
        check () {
            diff tools/$1 $1 || echo "Warning: '$1' differs from latest version" >&2
        }
        """

    private func mayBeLeftOut(
        _ changes: [String: String], links: [String: String] = [:], target: String = "tools/objtool"
    ) throws -> Bool {
        var files = [
            "tools/objtool/Makefile": "all:\n", "tools/objtool/sync-check.sh": Self.script,
            "include/linux/one.h": "a\nb\n", "tools/include/linux/one.h": "a\nb\n",
            "tools/bpf/resolve_btfids/Makefile": "all:\n", "tools/lib/bpf/Makefile": "all:\n",
        ]
        for (path, text) in changes { files[path] = text }
        for path in links.keys { files[path] = nil }
        let tree = try LiteralTree(files, links: links)
        return try #require(ToolsBuild(target)).mayBeLeftOut(from: tree.directory)
    }

    @Test func onlyKnownTargets() {
        #expect(ToolsBuild("tools/objtool") != nil)
        #expect(ToolsBuild("tools/perf") == nil)
        #expect(ToolsBuild("drivers") == nil)
    }

    @Test func sameCopies() throws {
        #expect(try mayBeLeftOut([:]))
        #expect(try !mayBeLeftOut(["include/linux/one.h": "a\nc\n"]))
        #expect(try !mayBeLeftOut(["tools/include/linux/one.h": "a\nb\n\n"]))
    }

    @Test func linksAreNotCompared() throws {
        #expect(try !mayBeLeftOut(["other.h": "b\n"], links: ["include/linux/one.h": "../../other.h"]))
        #expect(
            try !mayBeLeftOut(["other.h": "b\n"], links: ["tools/include/linux/one.h": "../../../other.h"]))
    }

    @Test func markedLinesMayDiffer() throws {
        let original = "a /* __ignore_sync_check__ */\nb\n"
        #expect(
            try mayBeLeftOut([
                "include/linux/one.h": original,
                "tools/include/linux/one.h": "x /* __ignore_sync_check__ */\nb\n",
            ]))
        #expect(
            try !mayBeLeftOut([
                "include/linux/one.h": original, "tools/include/linux/one.h": "a\nb\n",
            ]))
    }

    @Test func whatIsNotUnderstoodIsVisited() throws {
        let folder = "tools/objtool"
        #expect(
            try !mayBeLeftOut(["\(folder)/sync-check.sh": Self.script + "\necho hello\n"]), "it says more")
        #expect(
            try !mayBeLeftOut([
                "\(folder)/Makefile": "all:\n\t@diff arch/x.h ../../arch/x.h || echo differs\n",
                "arch/x.h": "", "\(folder)/arch/x.h": "",
            ]), "copies elsewhere")
        #expect(
            try !mayBeLeftOut(["\(folder)/Makefile": "include ../build/Makefile.feature\n"]), "features")
    }

    @Test func libraryOfTheOther() throws {
        let target = "tools/bpf/resolve_btfids"
        #expect(try mayBeLeftOut([:], target: target))
        let makefile = "all:\n\t(diff -B ../../include/linux/one.h ../../../include/linux/one.h)\n"
        #expect(try mayBeLeftOut(["tools/lib/bpf/Makefile": makefile], target: target))
        #expect(
            try !mayBeLeftOut(
                ["tools/lib/bpf/Makefile": makefile, "include/linux/one.h": "c"], target: target))
    }
}
