import Foundation
import KCacheSystem
import SystemPackage
import Testing

@testable import KCacheKbuild

@Suite struct MakeLocationTests {
    private let place: URL
    private let engine: [String: String] = [
        "Makefile": "include $(srctree)/scripts/Kbuild.include\n", "scripts/Kbuild.include": "",
        "scripts/Makefile.build": "",
    ]

    init() throws {
        place = FileManager.default.temporaryDirectory.appending(path: "where-\(UUID().uuidString)")
            .resolvingSymlinksInPath()
        for (name, text) in engine { try put("linux/\(name)", text) }
        try put("module/Makefile", "all:\n\t$(MAKE) -C ../linux M=$(CURDIR)\n")
        try put("out/Makefile", "# made\ninclude \(place.path)/linux/Makefile\n")
        try put("linux/below/Makefile", "include ../Makefile\n")
        try put(
            "old/Makefile", "MAKEARGS := -C ../linux\nMAKEARGS += O=$(CURDIR)\nall:\n\t$(MAKE) $(MAKEARGS)\n")
        try put("headers/Makefile", "include ../linux/Makefile\n")
        for (name, text) in engine { try put("wrapped/\(name)", text) }
        try put("wrapped/GNUmakefile", "all:\n")
        try put("lookalike/Makefile", "include scripts/Kbuild.include\n")
        try put("two/Makefile", "include ../linux/Makefile\ninclude ../other/Makefile\n")
    }

    private func put(_ path: String, _ text: String) throws {
        let file = place.appending(path: path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: false, encoding: .utf8)
    }

    /// Source, output and module, below the place; nil for no tree.
    private func find(_ folder: String, _ words: String..., in environment: [String: String] = [:])
        -> [String]?
    {
        let line = MakeInvocation(
            arguments: words, environment: environment,
            workingDirectory: FilePath(place.appending(path: folder).path))
        guard case .tree(let found) = KbuildLocation.find(line) else { return nil }
        return [found.source, found.output, found.module].compactMap {
            $0.map {
                URL(fileURLWithPath: $0.string).standardized.resolvingSymlinksInPath().path
                    .replacingOccurrences(
                        of: place.path + "/", with: "")
            }
        }
    }

    @Test func trees() throws {
        defer { try? FileManager.default.removeItem(at: place) }
        #expect(find("linux") == ["linux", "linux"])
        #expect(find(".", "-C", "linux") == ["linux", "linux"])
        #expect(find("linux", "O=../out") == ["linux", "out"])
        #expect(find("linux", "O=../none/yet", "all") == ["linux", "none/yet"])
        #expect(find("module", "-C", "../linux", "O=b") == ["linux", "linux/b"])
        #expect(find("linux", in: ["O": "../out"]) == ["linux", "linux"])
        #expect(find("linux", in: ["KBUILD_OUTPUT": "../out"]) == ["linux", "out"])
        #expect(find("linux", "O=../a", in: ["KBUILD_OUTPUT": "../out"]) == ["linux", "a"])
        #expect(find("linux", in: ["MAKEFLAGS": "-- O=../out"]) == ["linux", "out"])
        #expect(find("linux", "O=", in: ["KBUILD_OUTPUT": "../out"]) == ["linux", "out"])
        #expect(find("linux", "O=.") == ["linux", "linux"])
        #expect(find("out") == ["linux", "out"])
        #expect(find("old") == ["linux", "old"])
        #expect(find("headers", "M=\(place.path)/module") == ["linux", "headers", "module"])
        #expect(find("linux", "M=../module") == ["linux", "linux", "module"])
        #expect(find("linux", "SUBDIRS=../module") == ["linux", "linux", "module"])
        #expect(find("linux", in: ["M": "../module"]) == ["linux", "linux"])
        #expect(find("linux", in: ["KBUILD_EXTMOD": "../module"]) == ["linux", "linux", "module"])
        #expect(find("linux/below") == ["linux", "linux/below"])
    }

    @Test func none() throws {
        defer { try? FileManager.default.removeItem(at: place) }
        #expect(find("module") == nil)
        #expect(find(".") == nil)
        #expect(find("wrapped") == nil)
        #expect(find("lookalike") == nil)
        #expect(find("two") == nil)
        #expect(find("nowhere") == nil)
        #expect(find("linux", "-f", "Makefile") == nil)
        #expect(find("linux", "--eval=x:=1") == nil)
        #expect(find("linux", "O=$(HOME)") == nil)
        #expect(find("linux", "O=~/x") == nil)
        #expect(find("linux", "O=a b") == nil)
        #expect(find("linux", "--bogus") == nil)
        #expect(find("linux", in: ["sub_make_done": "1"]) == nil)
        #expect(find("linux", "KBUILD_SRC=/x") == nil)
        #expect(find("linux", "MAKEFILES=/x") == nil)
    }
}
