import KCacheCore
import TestKernel
import Testing

@testable import KCacheKbuild

@Suite struct CmdFileTests {
    func parse(_ text: String) throws -> CmdFile { try CmdFile(parsing: Array(text.utf8)) }

    func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

    @Test func fixdepForm() throws {
        let file = try parse(
            """
            cmd_kernel/fork.o := gcc -Wp,-MMD,kernel/.fork.o.d -c -o kernel/fork.o kernel/fork.c

            source_kernel/fork.o := kernel/fork.c

            deps_kernel/fork.o := \\
                $(wildcard include/config/USER_NS) \\
              include/net/dropreason.h \\
                $(wildcard include/config/MMU) \\
              arch/x86/boot/../a.h \\

            kernel/fork.o: $(deps_kernel/fork.o)

            $(deps_kernel/fork.o):

            kernel/fork.o: $(wildcard ./tools/objtool/objtool)

            """)
        #expect(text(file.target) == "kernel/fork.o")
        #expect(text(file.source) == "kernel/fork.c")
        #expect(file.dependencies.map(text) == ["include/net/dropreason.h", "arch/x86/boot/../a.h"])
        #expect(file.wildcardDependencies.map(text) == ["include/config/USER_NS", "include/config/MMU"])
        #expect(file.extraPrerequisites.map(text) == ["./tools/objtool/objtool"])
        #expect(file.hasRecordedDependencies)
    }

    @Test func plainFormAndEscapes() throws {
        let file = try parse(
            "savedcmd_a/x.h := sed -n 's/^\\([a-z]*\\)$$/$(pound)define \\1 \"x\"/p' < a/y > a/x.h\n")
        #expect(text(file.command) == "sed -n 's/^\\([a-z]*\\)$/#define \\1 \"x\"/p' < a/y > a/x.h")
        #expect(!file.hasRecordedDependencies)
    }

    @Test func toolsBuildWithoutFixdep() throws {
        let file = try parse(
            """
            # cannot find fixdep (/t/tools/objtool//fixdep)
            # using basic dep data

            /t/tools/objtool/fixdep.o: fixdep.c /usr/include/stdc-predef.h \\
             /usr/include/features.h

            cmd_/t/tools/objtool/fixdep.o := gcc -D"BUILD_STR(s)=$(pound)s" -c -o /t/x fixdep.c
            """)
        #expect(text(file.target) == "/t/tools/objtool/fixdep.o")
        #expect(
            file.extraPrerequisites.map(text)
                == ["fixdep.c", "/usr/include/stdc-predef.h", "/usr/include/features.h"])
    }

    @Test(arguments: [
        ("", CmdFileError.Reason.noCommand), ("\n\n# x\n", .noCommand), ("cmd_ := x\n", .unknownLine),
        ("cmd_a := x\ncmd_b := y\n", .twoCommands), ("\u{0}\u{1}x\n", .unknownLine),
        ("deps_a := \\", .noCommand), ("cmd_a\n", .unknownLine), ("source_a := b\n", .noCommand),
    ])
    func refuses(_ text: String, _ reason: CmdFileError.Reason) {
        #expect(throws: CmdFileError.self) { try parse(text) }
        do { _ = try parse(text) } catch let error as CmdFileError {
            #expect(error.reason == reason)
        } catch {}
    }

    @Test func anyBytesAreSurvived() {
        var random = SplitMix(seed: 7)
        let pieces = [
            "cmd_a := ", "deps_a := \\\n", "  x.h \\\n", "$(wildcard ", ")", "\n", "source_a := b", ": ",
            "\\",
            "$(deps_a)", "\u{0}", "é", "a.o:",
        ]
        for _ in 0..<20000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<14, using: &random) {
                bytes += Array((pieces.randomElement(using: &random) ?? "").utf8)
                if Bool.random(using: &random) { bytes.append(UInt8.random(in: 0...255, using: &random)) }
            }
            guard let file = try? CmdFile(parsing: bytes) else { continue }
            var count = 0
            file.forEachPrerequisite { path, _, _ in count += path.count }
            #expect(count <= bytes.count)
            _ = (file.command, file.dependencies, file.source)
        }
    }

    @Test func autoConf() {
        let old = AutoConf(
            parsing: Array("CONFIG_A=y\nCONFIG_B=m\nCONFIG_S=\"a b\"\nnoise\nCONFIG_=\n".utf8))
        let new = AutoConf(
            parsing: Array(
                "# CONFIG_A is not set\nCONFIG_B=m\nCONFIG_S=\"a c\"\nCONFIG_N=4\nCONFIG_Q=\"\\\"x\\\\\"".utf8
            ))
        #expect(old["A"] == "y" && new["A"] == "n" && old["S"] == "a b")
        #expect(new.differences(from: old) == ["A", "S", "N", "Q"])
        #expect(new["Q"] == "\"x\\")
    }
}
