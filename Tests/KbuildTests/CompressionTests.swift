import KCacheCore
import KCacheSystem
import SystemPackage
import Testing

@testable import KCacheKbuild

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct CompressionRecipeTests {
    private func recipe(_ command: String, _ target: String = "a/v.gz") throws -> Derivation? {
        CompressionRecipe.parse(Array(command.utf8), target: try #require(TreePath(target)))
    }

    @Test func whatKbuildWrites() throws {
        let (bin, relocs) = (try #require(TreePath("a/v.bin")), try #require(TreePath("a/v.relocs")))
        #expect(
            try recipe("cat a/v.bin a/v.relocs | gzip -n -f -9 > a/v.gz")
                == .compressed(.gzip, inputs: [bin, relocs]))
        #expect(try recipe("cat a/v.bin | gzip -n -f -9 > a/v.gz") == .compressed(.gzip, inputs: [bin]))
    }

    /// Nothing that is not exactly that shape.
    @Test func anythingElseIsNone() throws {
        for command in [
            "", "cat", "cat | gzip -n -f -9 > a/v.gz", "cat a/v.bin | gzip -n -f -9 > a/other.gz",
            "cat a/v.bin | gzip -n -f -9 > a/v.gz; rm -rf /",
            "cat a/v.bin | gzip -9 -n > a/v.gz", "cat a/v.bin | /tmp/gzip -n -f -9 > a/v.gz",
            "cat a/v.bin | pigz -n -f -9 > a/v.gz", "cat /etc/shadow | gzip -n -f -9 > a/v.gz",
            "cat ../v.bin | gzip -n -f -9 > a/v.gz", "cat a/../v.bin | gzip -n -f -9 > a/v.gz",
            "cat -n | gzip -n -f -9 > a/v.gz", "cat $(id) | gzip -n -f -9 > a/v.gz",
            "cat `id` | gzip -n -f -9 > a/v.gz", "cat a/* | gzip -n -f -9 > a/v.gz",
            "cat a/v.gz | gzip -n -f -9 > a/v.gz", "cat a/v.bin | tee x | gzip -n -f -9 > a/v.gz",
            "cat \"a/v.bin\" | gzip -n -f -9 > a/v.gz", "xcat a/v.bin | gzip -n -f -9 > a/v.gz",
            "cat a/v.bin | gzip -n -f -9 >> a/v.gz", "cat a/v.bin && true | gzip -n -f -9 > a/v.gz",
        ] {
            #expect(try recipe(command) == nil, "\(command)")
        }
    }
}

@Suite struct CompressorRunnerTests {
    private let tree: LiteralTree
    private let input = (0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }

    init() throws { tree = try LiteralTree([:]) }

    /// A machine whose gzip is this shell script.
    private func machine(_ script: String) throws -> CompressorRunner {
        let name = try #require(TreePath("bin/gzip"))
        try tree.directory.remove(name)
        try tree.add("bin/gzip", "#!/bin/sh\n\(script)\n")
        try tree.directory.setPermissions(name, 0o755)
        return CompressorRunner(
            environment: ["PATH": "\(tree.path.string)/bin:/usr/bin:/bin", "GZIP": "-1"], seconds: 2)
    }

    private func run(_ script: String, limit: Int = 1 << 20) throws -> [UInt8]? {
        try machine(script).run(.gzip, input, limit: limit)
    }

    /// What Kbuild's own command line gives.
    @Test func theRealOneGivesWhatTheShellGives() throws {
        try tree.add("input", input)
        let runner = CompressorRunner(environment: ["PATH": "/usr/bin:/bin", "GZIP": "-1"])
        let made = try #require(runner.run(.gzip, input, limit: 1 << 20))
        let shell = try ProcessRunner.system.run(
            ["sh", "-c", "cat input | gzip -n -f -9"], environment: ["PATH": "/usr/bin:/bin"],
            directory: tree.path)
        #expect(made == shell.output && !made.isEmpty)
    }

    @Test func argumentsAndSurroundings() throws {
        let text = try #require(try run("cat >/dev/null; echo \"$*:$PWD:${GZIP-unset}:$LC_ALL\""))
        #expect(String(decoding: text, as: UTF8.self) == "-n -f -9:/:unset:C\n")
        #expect(try run("cat") == input)
    }

    @Test func failuresAreNothing() throws {
        #expect(CompressorRunner(environment: ["PATH": "/nowhere"]).run(.gzip, input, limit: 100) == nil)
        #expect(CompressorRunner(environment: [:]).run(.gzip, input, limit: 100) == nil)
        #expect(try run("cat; exit 1") == nil)
        #expect(try run("cat; kill -9 $$") == nil)
        #expect(try run("exit 0") == [])
        #expect(try run("echo early; exit 0") == Array("early\n".utf8))
    }

    /// Endless output is cut off, and what does not end is killed, with its children.
    @Test func floodsAndHangs() throws {
        #expect(try run("cat /dev/zero", limit: 100_000) == nil)
        #expect(try run("sleep 1000") == nil)
        #expect(try run("exec >&-; sleep 1000") == nil)
        let mark = "\(tree.path.string)/child"
        #expect(try run("sleep 1000 & echo $! > \(mark); wait") == nil)
        let name = try #require(TreePath("child"))
        let text = try #require(try tree.directory.readFile(name))
        let child = try #require(
            pid_t(String(decoding: text, as: UTF8.self).prefix { $0.isNumber }))
        // It may be a zombie for a moment, until whoever has inherited it takes note.
        let stat = HostFile.read(FilePath("/proc/\(child)/stat"), limit: 4096) ?? []
        let state = String(decoding: stat, as: UTF8.self)
        #expect(state.isEmpty || state.contains(") Z ") || state.contains(") X "), "\(state)")
    }
}
