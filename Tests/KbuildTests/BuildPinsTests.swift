import KCacheCore
import KCacheSystem
import Testing

@testable import KCacheKbuild

struct BuildPinsTests {
    @Test func shell() {
        let lines = BuildPins.shellLines()
        #expect(lines.contains("export KBUILD_BUILD_TIMESTAMP='Sat Jan  1 00:00:00 UTC 2000'\n"))
        #expect(BuildPins.shellLines([.init(name: "A", value: "it's")]) == "export A='it'\\''s'\n")
    }

    @Test func theTimestampIsADate() throws {
        let pin = try #require(BuildPins.standard.first { $0.name == "KBUILD_BUILD_TIMESTAMP" })
        let result = try ProcessRunner.system.run(
            ["date", "-u", "-d", pin.value, "+%s"], environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C"])
        #expect(result.text == "946684800\n")
    }

    @Test func recorded() throws {
        let tree = try LiteralTree([
            "include/generated/compile.h": """
            #define UTS_MACHINE "x86_64"
            #define LINUX_COMPILE_BY "builder"
            #define LINUX_COMPILE_HOST\t\t"here"
            #define LINUX_COMPILER "gcc"
            """,
            "include/generated/utsversion.h":
                "#define UTS_VERSION \"#7 SMP PREEMPT_DYNAMIC Thu Jan  1 00:00:00 UTC 2026\"\n",
            ".version": "9\n",
        ])
        #expect(
            try BuildPins.recorded(in: tree.directory).map { "\($0.name)=\($0.value)" } == [
                "KBUILD_BUILD_HOST=here", "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 2026",
                "KBUILD_BUILD_USER=builder", "KBUILD_BUILD_VERSION=7",
            ])
        #expect(try BuildPins.recorded(in: try LiteralTree([:]).directory) == [])
        #expect(
            BuildPins.read(
                compile: [], version: Array("#define UTS_VERSION \"\"\n#define UTS_VERSION \"".utf8),
                counter: [0xff]) == [])
    }
}
