import Glibc
import KCacheCore
import KCacheSystem
import SystemPackage
import Testing

@testable import KCacheKbuild

struct KheadersSumsTests {
    private static let known = """
        #!/bin/sh
        dir_list="
        include/
        arch/$SRCARCH/include/
        "
        # find $all_dirs -name "*.h" | other
        headers_md5="$(find $all_dirs -name "*.h"\t|
        \t\tgrep -v "include/generated/a.h"\t|
        \t\txargs ls -l | md5sum | cut -d ' ' -f1)"
        this_file_md5="$(ls -l $sfile | md5sum | cut -d ' ' -f1)"
        """

    @Test func shape() throws {
        let script = try #require(KheadersScript(Array(Self.known.utf8), architecture: "x86"))
        #expect(script.directories == ["include/", "arch/x86/include/"])
        #expect(script.excluded == ["include/generated/a.h"])
    }

    @Test(arguments: [
        ("xargs ls -l", "xargs ls -la"), ("grep -v", "grep"), ("include/\n", "/etc\n"),
        ("include/\n", "$(id)\n"),
        ("include/\n", "../x\n"), ("md5sum", "sha1sum"), ("*.h", "*"), ("headers_md5", "other"),
        ("$sfile", "$0"),
    ]) func otherShapesAreRefused(old: String, new: String) {
        #expect(KheadersScript(Array(Self.known.replacing(old, with: new).utf8), architecture: "x86") == nil)
        #expect(KheadersScript([0xff, 0], architecture: "x86") == nil)
    }

    /// The real script, from the tree that KCACHE_TEST_SOURCE names, in a small tree of its own.
    @Test(.enabled(if: RealTreeClassificationTests.source != nil)) func asTheScriptWrites() throws {
        let source = try Directory.open(FilePath(try #require(RealTreeClassificationTests.source)))
        let name = try #require(TreePath("kernel/gen_kheaders.sh"))
        let script = try #require(try source.readFile(name))
        let tree = try LiteralTree(["include/generated/utsversion.h": "x", "arch/x86/include/asm/b.h": "yy"])
        try tree.add("kernel/gen_kheaders.sh", script)
        for i in 0..<3000 {
            try tree.add(
                "include/linux/some-header-with-a-long-name-\(i).h", "/* \(i) */\n",
                mtime: Int64(i) * 400_000_000_000_000)
        }
        let archive = "kernel/kheaders_data.tar.xz"
        let environment = ["PATH": "/usr/bin:/bin", "HOME": "/root", "LANG": "C.UTF-8"]
        let run = environment.merging([
            "SRCARCH": "x86", "LC_COLLATE": "C", "LC_NUMERIC": "C", "XZ": "xz",
            "KBUILD_BUILD_TIMESTAMP": "2000-01-01",
        ]) { $1 }
        // cpio and perl may be missing: they only fill the archive, which the stand-ins make as well.
        try tree.add("bin/cpio", "#!/bin/sh\ncat > /dev/null\n")
        try tree.directory.setPermissions(try #require(TreePath("bin/cpio")), 0o755)
        let path = "\(tree.path)/bin:/usr/bin:/bin"
        let result = try ProcessRunner.system.run(
            ["sh", "\(tree.path)/kernel/gen_kheaders.sh", archive],
            environment: run.merging(["PATH": path]) { $1 },
            directory: tree.path)
        #expect(result.status == 0)
        let sums = try #require(KheadersSums.path)
        let written = try tree.directory.readFile(sums)
        let mine = try KheadersSums.content(
            in: tree.directory, architecture: "x86", environment: environment, runner: .system)
        #expect(mine == written)
        #expect(mine?.count == 99)
        try tree.add("include/linux/new.h", "")
        #expect(
            try KheadersSums.content(
                in: tree.directory, architecture: "x86", environment: environment, runner: .system) != written
        )
    }
}
