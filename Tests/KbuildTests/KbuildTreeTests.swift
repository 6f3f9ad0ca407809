import KCacheCore
import KCacheSystem
import SystemPackage
import Testing

@testable import KCacheKbuild

struct KbuildTreeTests {
    private let machine = ProcessRunner { (arguments, _, _) throws(SystemError) in
        ProcessResult(status: arguments == ["uname", "-m"] ? 0 : 1, output: Array("aarch64\n".utf8))
    }

    private func recognize(_ files: [String: String], environment: [String: String] = [:]) throws
        -> KbuildTree?
    {
        let tree = try LiteralTree(files)
        return try KbuildTree.recognize(
            tree.directory, listing: try tree.scan(), environment: environment, runner: machine)
    }

    @Test func others() throws {
        #expect(try recognize([:]) == nil)
        #expect(try recognize(["Makefile": "all:\n"]) == nil)
        var files = LiteralTree.skeleton
        files["Makefile"] = "all: # nothing of Kbuild\n"
        #expect(try recognize(files) == nil)
    }

    @Test func records() throws {
        let skeleton = LiteralTree.skeleton
        #expect(try recognize(skeleton) == KbuildTree(architecture: "arm64", hasConfiguration: false))
        #expect(try recognize(skeleton, environment: ["ARCH": "i386"])?.architecture == "x86")
        let header =
            "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86_64 6.1.0 Kernel Configuration\n#\n"
        let built = try recognize(
            skeleton.merging([".config": header, "include/config/kernel.release": "6.1.0-me\n"]) { $1 },
            environment: ["ARCH": "arm"])
        #expect(built == KbuildTree(architecture: "x86", kernelRelease: "6.1.0-me"))
        #expect(
            try recognize(skeleton.merging(["arch/s390/include/generated/asm/a.h": ""]) { $1 })?.architecture
                == "s390")
    }

    @Test(arguments: [
        ("i686", "x86"), ("x86_64", "x86"), ("armv7l", "arm"), ("ppc64le", "powerpc"), ("riscv64", "riscv"),
        ("odd", "odd"),
    ])
    func subarch(machine: String, arch: String) { #expect(SourceArchitecture.subarch(machine) == arch) }
}

struct GitTrackingTests {
    @Test func noRepository() throws {
        let tree = try LiteralTree([:])
        #expect(try GitTracking.tracked(in: tree.directory, environment: [:], runner: .system) == nil)
    }

    @Test func missingGit() throws {
        let tree = try LiteralTree([".git/HEAD": ""])
        #expect(throws: KbuildError.self) {
            try GitTracking.tracked(in: tree.directory, environment: ["PATH": "/nowhere"], runner: .system)
        }
    }

    @Test(.enabled(if: ExecutableLookup.find("git", path: "/usr/bin") != nil)) func realRepository() throws {
        let tree = try LiteralTree(["a.c": "", "b c.o": "", "d/\u{e9}.h": "", "new.c": ""])
        let environment = ["PATH": "/usr/bin:/bin", "HOME": tree.path.string, "GIT_CONFIG_NOSYSTEM": "1"]
        for arguments in [["git", "init", "-q"], ["git", "add", "-f", "a.c", "b c.o", "d"]] {
            let result = try ProcessRunner.system.run(
                arguments, environment: environment, directory: tree.path)
            #expect(result.status == 0)
        }
        let tracked = try GitTracking.tracked(in: tree.directory, environment: environment, runner: .system)
        #expect(tracked == Set(["a.c", "b c.o", "d/\u{e9}.h"].compactMap { TreePath($0) }))
    }
}
