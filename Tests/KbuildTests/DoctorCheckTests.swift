import CKCacheLinux
import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import Testing

@testable import KCacheKbuild

/// The doctor's judgements that need no tree on the disk.
@Suite struct DoctorCheckTests {
    @Test func namesAreStable() {
        for id in DoctorID.allCases {
            #expect(id.rawValue.allSatisfy { $0.isASCII && ($0.isLowercase || $0 == "-") }, "\(id)")
        }
        #expect(DoctorSeverity.allCases.sorted() == [.fails, .unsafe, .inexact, .rebuild, .note])
    }

    @Test(arguments: [
        ("/etc/passwd", "a/b", true), ("../../x", "a/b", true), ("../x", "a/b", false), ("x", "b", false),
        ("../x", "b", true), ("./x/../../../y", "a/b", true), ("x/../y", "b", false),
        ("/src/linux/x", "a", false),
        ("/src/linux", "a", false), ("/src/linux2/x", "a", true),
    ]) func linksOut(target: String, path: String, expected: Bool) throws {
        let path = try #require(TreePath(path))
        #expect(TreeFileChecks.leads(Array(target.utf8), from: path, outOf: "/src/linux") == expected)
    }

    @Test(
        arguments: [
            ("GNU assembler (GNU Binutils for Debian) 2.40", 24000), ("GNU ld (GNU Binutils) 2.35.2", 23502),
            ("GNU ld version 2.30-93.el8", 23000), ("GNU ld (GNU Binutils) 2.41.50.20230919", 24150),
            ("", nil), ("x", nil),
        ] as [(String, Int?)]) func toolNumbers(text: String, expected: Int?)
    {
        #expect(ToolChecks.canonical(text) == expected)
    }

    @Test func paholesNumber() {
        #expect(ToolChecks.canonical("v1.24", isPahole: true) == 124)
        #expect(ToolChecks.canonical("v1.9", isPahole: true) == 109)
    }

    @Test func leastVersions() {
        let script = """
            case "$1" in
            gcc)
            \tif [ "$SRCARCH" = parisc ]; then
            \t\techo 11.0.0
            \telse
            \t\techo 5.1.0
            \tfi
            \t;;
            llvm)
            \techo 11.0.0
            \t;;
            esac
            """
        #expect(ToolChecks.leastTool("gcc", in: script) == "5.1.0")
        #expect(ToolChecks.leastTool("llvm", in: script) == "11.0.0")
        #expect(ToolChecks.leastTool("binutils", in: script) == nil)
        #expect(ToolChecks.isOlder("3.81", than: "3.82") && ToolChecks.isOlder("4.9.4", than: "5.1.0"))
        #expect(!ToolChecks.isOlder("4.3", than: "3.82") && !ToolChecks.isOlder("5.1", than: "5.1.0"))
        #expect(!ToolChecks.isOlder("", than: "5.1.0"))
    }

    @Test(arguments: [
        ("6.1.0", ""), ("6.1.0+", "+"), ("6.1.0-rc1-00012-gabcdef123456", "-00012-gabcdef123456"),
        ("6.1.0-gabcdef123456-dirty", "-gabcdef123456-dirty"), ("6.1.0-dirty", "-dirty"), ("6.1.0-guest", ""),
        ("6.1.0-13-amd64", ""),
    ]) func gitsPartOfARelease(release: String, expected: String) {
        #expect(PinChecks.suffix(of: release) == expected)
    }

    @Test(arguments: [
        ("gcc -g -c a.c", true), ("gcc -gdwarf-4 -c a.c", true), ("gcc -c a.c", false),
        ("gcc -g -g0 a.c", false),
        ("gcc -g -fdebug-prefix-map=/src=. a.c", false), ("gcc -ffile-prefix-map=/a=b -g a.c", false),
    ]) func debugInformation(command: String, expected: Bool) {
        #expect(ConfigurationChecks.holdsPath(Array(command.utf8)) == expected)
    }

    @Test func emptyTimestampsPinNothing() {
        let pins = [
            BuildEnvironment.Pin(name: "KBUILD_BUILD_TIMESTAMP", value: "Sat Jan  1 00:00:00 UTC 2000")
        ]
        func ids(_ environment: [String: String], _ pinsNothing: Bool) -> [DoctorID] {
            PinChecks.pins(pins, environment: environment, emptyPins: pinsNothing).map(\.id)
        }
        #expect(ids(["KBUILD_BUILD_TIMESTAMP": ""], true) == [.emptyTimestamp])
        #expect(ids(["KBUILD_BUILD_TIMESTAMP": ""], false) == [])
        #expect(ids([:], true) == [.pinsUnset])
        #expect(ids(["KBUILD_BUILD_TIMESTAMP": "now"], true) == [.pinsDiffer])
    }

    /// Where no file can be made, the times that are there tell.
    @Test func ticksOfAListing() {
        func listing(_ step: Int64, _ count: Int64) -> TreeListing {
            TreeListing(
                files: (0..<count).map { i in
                    var status = kcache_stat()
                    status.ctime_ns = 1_700_000_000_000_000_000 + i * step
                    return ScannedFile(
                        path: TreePath(literal: Array("f\(10 + i)".utf8)), status: FileStatus(status))
                })
        }
        #expect(FilesystemTraits.tick(of: listing(1_000_000_000, 20)) == 1_000_000_000)
        #expect(FilesystemTraits.tick(of: listing(2_000_000_000, 20)) == 2_000_000_000)
        #expect(FilesystemTraits.tick(of: listing(4_000_001, 20)) == 1)
        #expect(FilesystemTraits.tick(of: listing(1_000_000_000, 3)) == nil)
    }

    /// A loader's name; FuzzTests has what is cut or bent.
    @Test func hostPrograms() throws {
        let bytes = try #require(HostFile.read("/bin/cat", limit: 1 << 24))
        let program = try #require(HostProgram(bytes))
        #expect(program.interpreter.contains("/ld"))
        #expect(HostProgram(Array(bytes.prefix(40))) == nil)
    }

    @Test func theLoadersWords() {
        let line =
            "/t/scripts/x: error while loading shared libraries: libfoo.so: cannot open shared object file"
        #expect(
            HostProgram.reason(line, program: "/t/scripts/x") == "libfoo.so: cannot open shared object file")
        #expect(HostProgram.reason("", program: "/t") == "its loader refuses it")
    }

    @Test func treesThatWereMoved() throws {
        let file = try #require(TreePath("tools/objtool/.check.o.cmd"))
        func path(_ target: String) -> String? {
            MovedTreeCheck.treePath(Array("cmd_\(target) := gcc -c x\n".utf8), file).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
        #expect(path("/old/linux/tools/objtool/check.o") == "/old/linux")
        #expect(path("tools/objtool/check.o") == nil)
        #expect(path("/out/elsewhere/check.o") == nil)
    }
}
