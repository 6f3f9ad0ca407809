import KCacheCore
import KCacheSystem
import Synchronization
import SystemPackage
import Testing

@testable import KCacheKbuild

struct ToolchainNamesTests {
    @Test func gnu() {
        let names = ToolchainNames(
            arguments: [:], environment: ["CROSS_COMPILE": "aarch64-linux-gnu-", "CC": "tcc"])
        #expect(names.commands["CC"] == "aarch64-linux-gnu-gcc")
        #expect(names.commands["HOSTCC"] == "gcc")
        #expect(ToolchainNames(arguments: ["CC": "gcc-11"], environment: [:]).commands["CC"] == "gcc-11")
    }

    @Test(arguments: [
        ("1", "clang", "ld.lld"), ("-15", "clang-15", "ld.lld-15"),
        ("/opt/llvm/bin/", "/opt/llvm/bin/clang", "/opt/llvm/bin/ld.lld"),
    ])
    func llvm(value: String, cc: String, ld: String) {
        let names = ToolchainNames(arguments: [:], environment: ["LLVM": value])
        #expect(names.commands["CC"] == cc)
        #expect(names.commands["LD"] == ld)
        #expect(names.commands["HOSTCC"] == cc)
    }

    @Test func recordsWin() {
        let cross = ToolchainNames(
            arguments: ["CC": "clang"], environment: ["LLVM": "1"], recorded: ["CC": "ccache arm-none-gcc-12"]
        )
        #expect(cross.commands["CC"] == "ccache arm-none-gcc-12")
        #expect(cross.commands["LD"] == "arm-none-ld")
        let clang = ToolchainNames(arguments: [:], environment: [:], recorded: ["CC": "clang-15"])
        #expect(clang.commands["NM"] == "llvm-nm-15")
    }

    @Test(arguments: [
        ("gcc", "gcc"), ("ccache gcc -m64", "gcc"), ("env A=b /usr/bin/ccache  /opt/gcc", "/opt/gcc"),
        ("distcc -j clang", "clang"),
    ]) func wrappers(command: String, program: String) {
        #expect(ToolchainNames.program(command).map { String($0) } == program)
    }

    @Test func nothingIsNoProgram() {
        #expect(ToolchainNames.program("") == nil)
        #expect(ToolchainNames.program("ccache") == nil)
    }

    @Test func savedCommands() {
        #expect(RecordedCommands.command(Array("cmd_a.o := ccache gcc-12 -Wp,x\n".utf8)) == "ccache gcc-12")
        #expect(RecordedCommands.command(Array("savedcmd_a.o := clang -c".utf8)) == "clang")
        #expect(RecordedCommands.command(Array("cmd_a := rm -f x; ar x\n".utf8)) == "rm")
        #expect(RecordedCommands.command(Array("cmd_a := cat x; y -z\n".utf8)) == nil)
        #expect(RecordedCommands.command([0xff, 0]) == nil)
    }
}

struct ToolchainProbeTests {
    private let environment = ["PATH": "/usr/bin:/bin"]

    private static func digest(_ path: FilePath) throws -> Digest {
        let bytes = try RealFile.read(path, limit: 1 << 30)
        return Digest.of(try #require(bytes))
    }

    @Test(.enabled(if: ExecutableLookup.find("gcc", path: "/usr/bin") != nil)) func thisMachine() throws {
        let answers = Mutex<[Digest: [UInt8]]>([:])
        let digests = Mutex<[FilePath: Digest]>([:])
        let spawned = Mutex(0)
        let runner = ProcessRunner { (arguments, environment, directory) throws(SystemError) in
            spawned.withLock { $0 += 1 }
            return try ProcessRunner.system.run(arguments, environment: environment, directory: directory)
        }
        let memory = ToolchainMemory(
            digest: { path in
                if let known = digests.withLock({ $0[path] }) { return known }
                let digest = try Self.digest(path)
                digests.withLock { $0[path] = digest }
                return digest
            }, recall: { key in answers.withLock { $0[key] } },
            remember: { key, value in answers.withLock { $0[key] = value } })
        let probe = ToolchainProbe(environment: environment, runner: runner, memory: memory)
        let first = try probe.tools(.init())
        for tool in first { print(tool.role, tool.command, tool.version, tool.digest.short) }
        let roles = Set(first.map { $0.role })
        #expect(
            roles.isSuperset(of: ["CC", "CC:as", "CC:cc1", "CC:collect2", "CC:ld", "HOSTCC", "LD", "AR"]))
        #expect(roles.contains { $0.hasPrefix("lib:libbfd") })
        let before = spawned.withLock { $0 }
        let clock = ContinuousClock()
        _ = try probe.tools(.init())
        let start = clock.now
        let second = try probe.tools(.init())
        print("cached probe: \(clock.now - start), first: \(before) processes")
        #expect(second == first)
        #expect(spawned.withLock { $0 } == before)
        #expect(ToolchainComparison.differences(snapshot: first, local: first) == [])
    }

    @Test func missingTool() throws {
        let probe = ToolchainProbe(
            environment: ["PATH": "/nowhere"], runner: .system,
            memory: ToolchainMemory(digest: { _ in .zero }))
        #expect(try probe.tools(.init()).allSatisfy { $0.digest == .zero })
    }

    @Test func compilerCachesAreLookedThrough() throws {
        let tree = try LiteralTree(
            ["cache/ccache": "#!/bin/sh\n", "real/gcc": "#!/bin/sh\necho gcc 9\n"],
            links: ["cache/gcc": "ccache"])
        for name in ["cache/ccache", "real/gcc"] {
            try tree.directory.setPermissions(try #require(TreePath(name)), 0o755)
        }
        let probe = ToolchainProbe(
            environment: ["PATH": "\(tree.path)/cache:\(tree.path)/real:/usr/bin:/bin"], runner: .system,
            memory: ToolchainMemory(digest: { try Self.digest($0) }))
        let tools = try probe.tools(.init())
        #expect(tools.first { $0.role == "CC" }?.version == "gcc 9")
    }
}

struct ToolchainComparisonTests {
    private func tool(_ role: String, _ version: String, _ content: String) -> ToolIdentity {
        ToolIdentity(
            role: role, command: role, version: version,
            digest: content.isEmpty ? .zero : .of(Array(content.utf8)))
    }

    @Test func kinds() {
        let there = [
            tool("CC", "1", "a"), tool("CC:cc1", "", "a"), tool("LD", "1", "a"), tool("NM", "1", "a"),
            tool("AR", "1", "a"),
        ]
        let here = [
            tool("CC", "2", "b"), tool("CC:cc1", "", "b"), tool("LD", "", ""), tool("NM", "1", "a"),
            tool("STRIP", "1", "a"), tool("AR", "1", "b"),
        ]
        let found = ToolchainComparison.differences(snapshot: there, local: here)
        #expect(
            found.map { "\($0.role) \($0.kind) \($0.effect) \($0.isNoticedByKbuild)" } == [
                "AR content affectsLinks false", "CC version affectsEveryObject true",
                "CC:cc1 content affectsEveryObject false",
                "LD missing affectsLinks false", "STRIP additional affectsLinks false",
            ])
    }

    @Test func libraryRoles() {
        #expect(ToolchainProbe.libraryRole("libbfd-2.40-system.so") == "lib:libbfd-system")
        #expect(ToolchainProbe.libraryRole("libLLVM-15.so.1") == "lib:libLLVM")
        #expect(ToolchainProbe.libraryRole("libclang-cpp.so.15") == "lib:libclang-cpp")
    }
}
