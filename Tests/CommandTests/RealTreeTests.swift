import Foundation
import TestKernel
import Testing

/// The matrix of layouts, configurations, compilers and projects on real trees: each is built, carried to other paths,
/// found with nothing to do, edited, and compared with a clean build, byte for byte.
@Suite(
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil, "takes minutes for each row")
)
struct RealTreeTests {
    private static func kernel(_ switches: String) -> String {
        """
        $make tinyconfig
        scripts/config --file "$out/.config" -e MODULES -e CRYPTO -m CRYPTO_CRC32C \(switches)
        $make olddefconfig
        """
    }

    private static let cross = ["ARCH": "arm64", "CROSS_COMPILE": "aarch64-linux-gnu-"]

    static let all: [RealTree] = [
        .init("a kernel in its sources", configuration: kernel("")),
        .init("a kernel apart from its sources", layout: .apart, configuration: kernel("")),
        .init("a kernel below its sources", layout: .below, configuration: kernel("-e DEBUG_INFO_DWARF5")),
        .init(
            "debug information", configuration: kernel("-e EXPERT -e DEBUG_KERNEL -e DEBUG_INFO_DWARF5")),
        .init(
            "an arm64 kernel", layout: .apart, environment: cross, configuration: kernel(""),
            needs: ["aarch64-linux-gnu-gcc"]),
        .init(
            "a kernel by clang", environment: ["LLVM": "1"], configuration: kernel(""),
            needs: ["clang", "ld.lld", "llvm-ar"]),
        .init(
            "BusyBox", source: .package("busybox"), configuration: "$make defconfig",
            edited: "coreutils/echo.c"),
        .init(
            "U-Boot", source: .package("u-boot"), environment: ["CROSS_COMPILE": "aarch64-linux-gnu-"],
            configuration: """
                $make qemu_arm64_defconfig
                scripts/config -d EFI_LOADER -d TPM
                yes '' | $make olddefconfig
                """, edited: "cmd/echo.c", needs: ["aarch64-linux-gnu-gcc"]),
    ]

    static var rows: [RealTree] {
        guard let name = ProcessInfo.processInfo.environment["KCACHE_TEST_ROW"] else { return all }
        return all.filter { $0.testDescription.contains(name) }
    }

    @Test(arguments: rows) func carried(_ kind: RealTree) throws {
        for program in kind.needs
        where try Shell.outcome(["sh", "-c", "command -v \(program)"]).status != 0 {
            try Test.cancel("\(program) is not installed")
        }
        let work = FileManager.default.temporaryDirectory.appending(path: "kcache-row-\(UUID().uuidString)")
        let home = work.appending(path: "home")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: work) }
        func expectDone(_ result: BuildResult, _ what: String) {
            #expect(result.status == 0, "\(what): \(result.log.suffix(3000))")
        }

        let here = RealPlace(kind, work.appending(path: "one"), home: home)
        try here.unpack()
        try here.configure()
        expectDone(try here.make(), "the build")
        // Some projects make a few things each time.
        let idle = try here.make().toolSteps
        expectDone(try here.kcache("push"), "push")

        let there = RealPlace(kind, work.appending(path: "other/place"), home: home)
        try there.unpack()
        try there.takeConfiguration(of: here)
        let pulled = try there.kcache("pull")
        expectDone(pulled, "pull")
        let first = try there.make()
        expectDone(first, "make after the pull")
        #expect(first.toolSteps == idle, "\(pulled.log)\(first.log.suffix(3000))")

        for place in [here, there] { try place.edit() }
        let expected = try here.make()
        let edited = try there.make()
        expectDone(edited, "make after the edit")
        #expect(edited.toolSteps.sorted() == expected.toolSteps.sorted())
        #expect(edited.toolSteps.count > idle.count)

        let warm = try there.outputs()
        try FileManager.default.moveItem(
            at: work.appending(path: "other"), to: work.appending(path: "warm"))
        try there.unpack()
        try there.takeConfiguration(of: here)
        try there.edit()
        expectDone(try there.make(), "the clean build")
        let clean = try there.outputs()
        let differing = clean.keys.filter { warm[$0] != clean[$0] }.sorted()
        #expect(differing.isEmpty, "\(differing.count) of \(clean.count) differ: \(differing.prefix(40))")
        #expect(clean.count > 100)
    }
}
