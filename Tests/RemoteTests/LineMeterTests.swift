import KCacheCore
import KCacheSystem
import TestStore
import Testing

@testable import KCacheRemote

/// What a line gives, as told by what came over it.
@Suite struct LineMeterTests {
    private let second: Int64 = 1_000_000_000

    /// Bytes that come evenly, in pieces of 64 KiB.
    private func feed(_ meter: LineMeter, megabytes: Int, perSecond: Int, from start: Int64) -> Int64 {
        var now = start
        for _ in 0..<(megabytes * 16) {
            now += second / Int64(perSecond * 16)
            meter.received(65_536, at: now)
        }
        return now
    }

    @Test func aLineThatIsBusy() throws {
        let meter = LineMeter()
        _ = feed(meter, megabytes: 20, perSecond: 10, from: 5 * second)
        let rate = try #require(meter.bytesPerSecond)
        #expect(abs(Double(rate) - 10 * 1_048_576) < 300_000, "\(rate)")
    }

    /// The pauses of who receives are not the line's.
    @Test func pausesDoNotCount() throws {
        let meter = LineMeter()
        var now: Int64 = 0
        for _ in 0..<3 { now = feed(meter, megabytes: 9, perSecond: 10, from: now + 7 * second) }
        #expect(try #require(meter.bytesPerSecond) > 9 * 1_048_576)
    }

    @Test func littleTellsNothing() {
        let meter = LineMeter()
        _ = feed(meter, megabytes: 3, perSecond: 100, from: 0)
        #expect(meter.bytesPerSecond == nil)
    }

    @Test func whatIsRememberedFollows() throws {
        let scratch = try ScratchFolder()
        let folder = try Directory.create(scratch.path)
        #expect(LineMeter(rememberedIn: folder).remembered() == nil)
        func run(_ perSecond: Int) throws -> Double {
            let meter = LineMeter(rememberedIn: folder)
            _ = feed(meter, megabytes: 20, perSecond: perSecond, from: 0)
            meter.remember()
            return Double(try #require(LineMeter(rememberedIn: folder).remembered())) / 1_048_576
        }
        #expect(try abs(run(10) - 10) < 0.3)
        #expect(try abs(run(50) - 50) < 1.5)
        #expect(try abs(run(10) - 30) < 1)
        // Whatever else stands there is as nothing.
        try AtomicFile.write(Array("fast".utf8), to: TreePath(literal: Array("line-rate".utf8)), in: folder)
        #expect(LineMeter(rememberedIn: folder).remembered() == nil)
        LineMeter(rememberedIn: folder).remember()
        #expect(LineMeter(rememberedIn: folder).remembered() == nil)
    }
}
