import CKCacheLinux
import KCacheCore
import KCacheSystem
import KCacheTree
import Testing

@Suite struct TimeResolutionTests {
    @Test(arguments: [1, 100, 1000, 1_000_000_000, 2_000_000_000] as [Int64])
    func roundsToItsTick(tick: Int64) {
        let resolution = TimeResolution(tick: tick)
        let time: Int64 = 1_700_000_001_987_654_321
        #expect(resolution.floor(time) % tick == 0)
        #expect(resolution.floor(time) <= time && time - resolution.floor(time) < tick)
        #expect(resolution.ceiling(time) >= time && resolution.ceiling(time) - time < tick)
    }

    @Test func measuresThisFilesystem() throws {
        let folder = try TemporaryFolder()
        #expect(try TimeResolution.measure(in: folder.directory).tick <= 2_000_000_000)
        #expect(try folder.directory.entries().isEmpty)
    }
}

@Suite struct StatIndexTests {
    private func sample() -> StatIndex {
        StatIndex(sorted: [
            .init(
                path: "a.c",
                status: FileStatus(.init()),
                kind: .file(Content([Chunk(digest: Digest.of([1]), length: 1)]), executable: true),
                holdsTreePath: false),
            .init(
                path: "a.d/b", status: FileStatus(.init()), kind: .link(Array("x".utf8)), holdsTreePath: true),
        ])
    }

    @Test func comesBackAsItWent() throws {
        let index = sample()
        #expect(try StatIndex.decode(index.encode()).records == index.records)
        #expect(try StatIndex.decode(StatIndex().encode()).records.isEmpty)
    }

    @Test func anyFlippedBitOrCutIsNoticed() {
        let bytes = sample().encode()
        for i in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[i] ^= 1 << UInt8(bit)
                #expect(throws: FormatError.self) { try StatIndex.decode(flipped) }
            }
            #expect(throws: FormatError.self) { try StatIndex.decode(Array(bytes[..<i])) }
        }
    }

    @Test func aFileChangedAroundTheReadingIsNotTrusted() {
        let now: Int64 = 1_700_000_000_500_000_000
        #expect(!StatIndex.isSettled(ctime: now, now: now))
        #expect(!StatIndex.isSettled(ctime: now - 1_000_000, now: now))
        #expect(StatIndex.isSettled(ctime: now - 100_000_000, now: now))
        // Whole seconds: a filesystem that keeps nothing finer.
        #expect(!StatIndex.isSettled(ctime: 1_699_999_999_000_000_000, now: now))
    }
}
