import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import Testing

@testable import KCacheKbuild

/// What must make the check for missing system calls run again.
struct SyscallCheckTests {
    private static let command = Array(
        "sh ./scripts/checksyscalls.sh gcc -Wp,-MMD,./.missing-syscalls.d -I./near -I./far -O2".utf8)

    private let folder: URL
    private let cache: FilePath
    private let tools = Digest.of([1])

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "syscalls-\(UUID().uuidString)")
        for name in ["scripts", "near", "far/asm", "arch/x86"] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: name), withIntermediateDirectories: true)
        }
        cache = FilePath(folder.appending(path: "cache").path)
        try write("scripts/checksyscalls.sh", "list $(dirname $0)/../arch/x86/calls.tbl\n")
        try write("arch/x86/calls.tbl", "0 common read\n")
        try write("far/asm/unistd.h", "#define __NR_read 0\n")
        try write(".missing-syscalls.d", "-: \\\n  ./far/asm/unistd.h\n")
        WallClock.sleep(50_000_000)
    }

    private func write(_ name: String, _ text: String) throws {
        try text.write(to: folder.appending(path: name), atomically: false, encoding: .utf8)
    }

    private func note() throws {
        try SyscallCheck.note(
            Self.command, toolchain: tools, directory: FilePath(folder.path), cache: cache, clock: .system)
    }

    private func isKnown(_ command: [UInt8] = command, _ toolchain: Digest? = nil) throws -> Bool {
        try SyscallCheck.isKnown(
            command, toolchain: toolchain ?? tools, directory: FilePath(folder.path), cache: cache)
    }

    @Test func isLeftOutWhileNothingChanges() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try !isKnown())
        try note()
        #expect(try isKnown())
        #expect(try !isKnown(Self.command + Array(" -DX".utf8)))
        #expect(try !isKnown(Self.command, Digest.of([2])))
    }

    @Test(arguments: [
        "scripts/checksyscalls.sh", "arch/x86/calls.tbl", "far/asm/unistd.h", "near/asm/unistd.h",
    ])
    func runsAgainWhenAnInputChanges(name: String) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try note()
        #expect(try isKnown())
        try FileManager.default.createDirectory(
            at: folder.appending(path: "near/asm"), withIntermediateDirectories: true)
        #expect(try isKnown())
        try write(name, "something else\n")
        #expect(try !isKnown())
    }

    @Test func aTableThatIsNotNamedIsNotGuessed() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write("scripts/checksyscalls.sh", "list somewhere\n")
        WallClock.sleep(50_000_000)
        try note()
        #expect(try !isKnown())
    }

    @Test func damageIsNoAnswer() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try note()
        let kept = folder.appending(path: "cache/make/syscalls")
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: kept.path).first)
        let file = kept.appending(path: name)
        var bytes = Array(try Data(contentsOf: file))
        for place in stride(from: 0, to: bytes.count, by: 7) {
            bytes[place] ^= 0x40
            #expect(throws: FormatError.self) { _ = try SyscallCheck.decode(bytes) }
            bytes[place] ^= 0x40
        }
        for length in stride(from: 0, to: bytes.count, by: 11) {
            #expect(throws: FormatError.self) { _ = try SyscallCheck.decode(Array(bytes.prefix(length))) }
        }
        #expect(throws: Never.self) { _ = try SyscallCheck.decode(bytes) }
    }
}
