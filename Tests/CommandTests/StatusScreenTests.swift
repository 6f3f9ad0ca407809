import KCacheCore
import KCacheKbuild
import TestKernel
import Testing

@testable import KCacheCommands

/// What is drawn, without a terminal.
@Suite struct StatusScreenTests {
    private let second: Int64 = 1_000_000_000

    private func screen() -> StatusScreen {
        StatusScreen(StepProgress(StepRecord(key: Digest.of([1])), began: 0))
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func drawsNoMoreThanTenTimesASecond() {
        var screen = screen()
        var drawn = 0
        for i in 0..<100 {
            let out = screen.take(
                Array("  CC      a/\(i).o\n".utf8), at: second + Int64(i) * 10_000_000, .init(columns: 80))
            if !out.isEmpty { drawn += 1 }
        }
        #expect((9...11).contains(drawn))
        #expect(screen.milliseconds(at: 2 * second).map { (1...101).contains($0) } == true)
        #expect(text(screen.pass(at: 3 * second, .init(columns: 80))) == "\r[100] CC a/99.o\u{1b}[K")
        #expect(screen.milliseconds(at: 3 * second) == nil)
        #expect(text(screen.end(at: 3 * second, .init(columns: 80))) == "\r\u{1b}[K")
    }

    @Test func isCutToTheColumns() {
        for columns in 0...30 {
            var screen = screen()
            let out = screen.take(Array("  CC      a/日本語/é.o\n".utf8), at: second, .init(columns: columns))
            let shown = text(out).dropFirst().dropLast(3)
            let width = shown.unicodeScalars.reduce(0) { $0 + DisplayText.width(of: $1) }
            #expect(width <= max(0, columns - 1))
            if columns >= 21 { #expect(shown == "[1] CC a/日本語/é.o") }
        }
        #expect(DisplayText.cut("e\u{301}\u{301}x日", to: 3) == "e\u{301}\u{301}x")
        #expect(DisplayText.cut("a\u{1b}[Kb\u{9b}", to: 9) == "a?[Kb?")
    }

    /// However the bytes are cut, and wherever the job is: what is no step comes out as it went in.
    @Test(arguments: 1...200) func everythingElseIsUnaltered(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let pieces = [
            "  CC      a.o\n", "  LD [M]  b.ko\n", "x.c:1:2: warning: odd\n", "   12 | int x;\n", "\n",
            "  half", "  CC", "?", "a\rb\n", "\u{1b}[1mbold\u{1b}[m\n",
            "make: *** [Makefile:1: a.o] Error 1\n",
            " ", "a.c:3:1: error: no\n",
        ]
        let bytes = (0..<40).flatMap { _ in Array((pieces.randomElement(using: &random) ?? "").utf8) }
        var (own, rest) = (screen(), bytes[...])
        var out: [UInt8] = []
        var now = second
        while !rest.isEmpty {
            let count = Int.random(in: 1...20, using: &random)
            let view = StatusScreen.View(
                columns: 60, isInForeground: Bool.random(using: &random))
            out += own.take(Array(rest.prefix(count)), at: now, view)
            rest = rest.dropFirst(count)
            now += Int64.random(in: 0...200_000_000, using: &random)
            out += own.pass(at: now, view)
        }
        out += own.end(at: now, .init(columns: 60))
        // Steps may be shown or not, and the line goes: what remains is all the text in its order.
        #expect(withoutSteps(withoutLine(out)) == withoutSteps(bytes))
    }

    /// Less what was drawn: from a carriage return to the erasing behind it.
    private func withoutLine(_ bytes: [UInt8]) -> [UInt8] {
        var (kept, i) = ([UInt8](), 0)
        while i < bytes.count {
            if bytes[i] == 0x0d {
                let rest = bytes[(i + 1)...]
                if rest.first == UInt8(ascii: "[") || rest.starts(with: [0x1b, UInt8(ascii: "[")]),
                    let end = rest.firstIndex(of: UInt8(ascii: "K"))
                {
                    i = end + 1
                    continue
                }
            }
            kept.append(bytes[i])
            i += 1
        }
        return kept
    }

    private func withoutSteps(_ bytes: [UInt8]) -> [UInt8] {
        let steps = [Array("  CC      a.o\n".utf8), Array("  LD [M]  b.ko\n".utf8)]
        var (kept, i) = ([UInt8](), 0)
        while i < bytes.count {
            if let step = steps.first(where: { bytes[i...].starts(with: $0) }) {
                i += step.count
            } else {
                kept.append(bytes[i])
                i += 1
            }
        }
        return kept
    }

    @Test func theSummary() {
        let words = ["CC": 812, "AR": 1, "LD": 2, "AS": 3, "UPD": 1, "GEN": 1]
        let steps = Dictionary(uniqueKeysWithValues: words.map { (Array($0.key.utf8), $0.value) })
        #expect(
            MakeSummary(
                steps: steps, nanoseconds: 4_140_000_000, savings: .init(answers: 61, directories: 1)
            )
            .description
                == "820 steps (CC 812, AS 3, LD 2, AR 1, others 2) in 4.1 s; "
                + "61 probes answered from the cache, 1 directory left out")
        #expect(
            MakeSummary(steps: [:], nanoseconds: 250_000_000_000, savings: .init(answers: 0, directories: 0))
                .description == "no steps in 4 min 10 s")
    }
}
