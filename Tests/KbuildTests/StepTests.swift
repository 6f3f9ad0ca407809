import KCacheCore
import Testing

@testable import KCacheKbuild

/// Kbuild's lines, and what is told from them.
@Suite struct StepTests {
    private func parsed(_ text: String) -> StepLine? { StepLine(Array(text.utf8)) }

    @Test(arguments: [
        ("  CC      fs/ext4/inode.o", "CC", "fs/ext4/inode.o"),
        ("  LD [M]  drivers/net/x.ko", "LD", "drivers/net/x.ko"),
        ("  CC [M]  x.o", "CC", "x.o"),
        ("  BTF [M] net/x.ko", "BTF", "net/x.ko"),
        ("  CALL    scripts/checksyscalls.sh", "CALL", "scripts/checksyscalls.sh"),
        ("  CHK     include/generated/compile.h", "CHK", "include/generated/compile.h"),
        ("  DESCEND objtool", "DESCEND", "objtool"),
        ("  DESCEND  objtool", "DESCEND", "objtool"),
        ("  HOSTCC  scripts/basic/fixdep", "HOSTCC", "scripts/basic/fixdep"),
        ("  HOSTCC  -fPIC scripts/gcc-plugins/x.so", "HOSTCC", "-fPIC scripts/gcc-plugins/x.so"),
        ("  MODPOST Module.symvers", "MODPOST", "Module.symvers"),
        ("  MODPOST 15 modules", "MODPOST", "15 modules"),
        ("  MKPIGGY arch/x86/boot/compressed/piggy.S", "MKPIGGY", "arch/x86/boot/compressed/piggy.S"),
        ("  ASN.1   crypto/rsapubkey.asn1.[ch]", "ASN.1", "crypto/rsapubkey.asn1.[ch]"),
        ("  VDSO2C  arch/x86/entry/vdso/vdso-image-64.c", "VDSO2C", "arch/x86/entry/vdso/vdso-image-64.c"),
        ("  EXTRACT_CERTS certs/signing_key.pem", "EXTRACT_CERTS", "certs/signing_key.pem"),
        ("  RUSTC L rust/core.o", "RUSTC", "L rust/core.o"),
        ("  LD       fixdep-in.o", "LD", "fixdep-in.o"),
    ]) func steps(line: String, word: String, target: String) throws {
        for end in ["", "\n"] {
            let step = try #require(parsed(line + end))
            #expect(step.word == Array(word.utf8) && step.target == Array(target.utf8))
            #expect(step.line == Array((line + "\n").utf8))
        }
        for cut in 0...line.utf8.count { #expect(StepLine.mayBegin(Array(line.utf8.prefix(cut)))) }
    }

    @Test(arguments: [
        "", "\n", "  ", "CC      x.o", " CC      x.o", "   CC     x.o", "  cc      x.o", "  CC",
        "  CC      ", "  WARNING this is odd", "  ERROR   x.o", "  NOTE: x", "  Building modules, stage 2.",
        "  - FOO [=y] && BAR [=n]", "  Depends on [n]: X86", "  Selected by [y]:", "   12 |   int x;",
        "      |   ^~~", "  XYZZY   two words", "  XYZZY x.o", "  CC\u{1b}[m      x.o", "  CC      x\ry.o",
        "make[1]: Entering directory '/x'", "Kernel: arch/x86/boot/bzImage is ready  (#1)", "  A       x.o",
        "  CC [Mx] y.o", "  CC[M]   y.o", "x.c:1:2: warning: odd", "  SOME PLAIN TEXT IN CAPITALS",
        "  CC      x\ty.o", "  CC  x.o", "  CC  CC      x.o", "  CC      a\nb.o",
    ]) func textIsNoStep(line: String) {
        #expect(parsed(line) == nil)
        #expect(parsed(line + "\n") == nil)
    }

    @Test func halfALineThatCanBecomeNoStepIsKnown() {
        for text in ["Q", " Q", "  q", "  CC\u{1b}", "   12 |"] {
            #expect(!StepLine.mayBegin(Array(text.utf8)), "\(text)")
        }
    }

    @Test func origins() {
        func failed(_ text: String) -> String? {
            StepOrigin.failedTarget(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
        }
        func object(_ text: String) -> String? {
            StepOrigin.object(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(failed("make[2]: *** [scripts/Makefile.build:250: fs/x.o] Error 1\n") == "fs/x.o")
        #expect(failed("make[1]: *** [fs/x.o] Error 1\n") == "fs/x.o")
        #expect(failed("make: *** [Makefile:8: slow.o] Interrupt\n") == "slow.o")
        #expect(failed("make: *** Waiting for unfinished jobs....\n") == nil)
        #expect(failed("make: *** []\n") == nil && failed("make: *** [\n") == nil)
        #expect(object("fs/x.c:3:5: error: no\n") == "fs/x.o")
        #expect(object("\u{1b}[01m\u{1b}[Kfs/x.c:3:5:\u{1b}[m\u{1b}[K error\n") == "fs/x.o")
        #expect(object("./fs/x.c: In function 'f':\n") == "fs/x.o")
        #expect(object("In file included from fs/x.c:2:\n") == nil)
        #expect(object("fs/x.h:3:5: error: no\n") == nil && object(".c:1:\n") == nil)
    }

    @Test func theRecordsBytes() throws {
        let record = StepRecord(
            key: Digest.of([1]), extent: .begun, start: 70_000,
            steps: [
                .init(line: 1, target: .max, occasion: .link, cost: 0),
                .init(line: 2, target: 3, occasion: .always, cost: .max),
            ])
        let bytes = record.encode()
        #expect(try StepRecord.decode(bytes) == record)
        for i in bytes.indices {
            var damaged = bytes
            damaged[i] ^= 1
            #expect(throws: FormatError.self) { try StepRecord.decode(damaged) }
            #expect(throws: FormatError.self) { try StepRecord.decode(Array(bytes[..<i])) }
        }
    }

    // MARK: Progress

    private let key = Digest.of([7])
    private let second: Int64 = 1_000_000_000

    /// Runs lines that come a second apart, from the time given on.
    private func run(_ progress: inout StepProgress, _ lines: [String], from start: Int64 = 1) throws {
        for (i, line) in lines.enumerated() {
            progress.begin(try #require(parsed(line)), at: (start + Int64(i)) * second)
        }
    }

    private let lines = (0..<20).map { "  CC      d/\($0).o" } + ["  LD      vmlinux", "  CALL    a.sh"]

    private func whole() throws -> StepRecord {
        var progress = StepProgress(StepRecord(key: key), began: 0)
        try run(&progress, lines)
        progress.end(at: second * 24)
        var record = StepRecord(key: key)
        record.add(progress.record, fromNothing: true, succeeded: true)
        return record
    }

    @Test func aRecordOfAWholeBuild() throws {
        let record = try whole()
        #expect(record.extent == .whole && record.steps.count == 22 && record.start == 1000)
        #expect(record.steps.map(\.cost) == Array(repeating: 1000, count: 21) + [2000])
        var progress = StepProgress(record, began: 0)
        progress.foresee(.everything)
        #expect(progress.total == 22)
        var left: [Int] = []
        for i in 0..<22 {
            try run(&progress, [lines[i]], from: Int64(i) + 1)
            #expect(progress.total == 22 && progress.count == i + 1)
            let seconds = progress.secondsLeft(at: (Int64(i) + 1) * second)
            left.append(try #require(seconds))
        }
        #expect(left == (0..<22).map { 23 - $0 })
        #expect(progress.share == 100)
    }

    @Test func whatIsForetoldLate() throws {
        let record = try whole()
        var progress = StepProgress(record, began: 0)
        try run(&progress, ["  CC      d/3.o", "  CC      new.o"])
        let unknown = progress.secondsLeft(at: second)
        #expect(progress.total == nil && progress.share == nil && unknown == nil)
        progress.foresee(
            .targets(["d/3.o", "d/4.o", "vmlinux", "e/other.o", "never-told"].compactMap { TreePath($0) }))
        // Begun: two. To come: d/4.o, vmlinux, the call that always comes, and an object not known so far.
        #expect(progress.total == 6 && progress.share == 33)
        try run(&progress, ["  CC      d/4.o", "  CC      e/other.o", "  LD      vmlinux"], from: 3)
        #expect(progress.total == 6 && progress.share == 83)
        try run(&progress, ["  CALL    a.sh", "  CALL    a.sh"], from: 6)
        #expect(progress.total == 7 && progress.share == 100)
        #expect(progress.words == [Array("CC".utf8): 4, Array("LD".utf8): 1, Array("CALL".utf8): 2])
    }

    @Test func theShareIsNeverMoreThanAll() throws {
        var progress = StepProgress(try whole(), began: 0)
        progress.foresee(.targets([]))
        for i in 0..<300 {
            try run(&progress, ["  AS      z/\(i).o"], from: Int64(i))
            let share = try #require(progress.share)
            #expect(share <= 100 && progress.total.map { $0 >= progress.count } == true)
        }
    }

    /// Twice as slow as before: the time told falls or rises by little from one second to the next.
    @Test func theTimeMovesGently() throws {
        var progress = StepProgress(try whole(), began: 0)
        progress.foresee(.everything)
        var last: Int?
        for i in 0..<20 {
            progress.begin(try #require(parsed(lines[i])), at: Int64(i) * 2 * second)
            for half in 0..<2 {
                let seconds = progress.secondsLeft(at: (Int64(i) * 2 + Int64(half)) * second)
                let left = try #require(seconds)
                if let last { #expect(abs(left - last) <= 3) }
                last = left
            }
        }
    }

    @Test func recordsGrowAndAreReplaced() throws {
        var record = try whole()
        var progress = StepProgress(record, began: 0)
        try run(&progress, ["  CC      d/3.o", "  CC      new.o"])
        progress.end(at: second * 6)
        record.add(progress.record, fromNothing: false, succeeded: true)
        #expect(record.steps.count == 23 && record.extent == .whole)
        #expect(record.steps[3].cost == 1000 && record.steps[22].cost == 4000)
        record.add(progress.record, fromNothing: true, succeeded: false)
        #expect(record.steps.count == 23)
        record.add(progress.record, fromNothing: true, succeeded: true)
        #expect(record.steps.count == 2 && record.extent == .whole)
        var begun = StepRecord(key: key)
        begun.add(progress.record, fromNothing: true, succeeded: false)
        #expect(begun.extent == .begun)
        begun.add(progress.record, fromNothing: false, succeeded: true)
        #expect(begun.extent == .whole && begun.steps.count == 2)
    }
}
