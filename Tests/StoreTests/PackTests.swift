import KCacheCore
import TestStore
import Testing

@testable import KCacheStore

@Suite struct PackTests {
    @Test func roundTripAndDedup() throws {
        var rng = SeededGenerator(1)
        let store = Store(objects: MemoryObjects())
        let session = try store.begin()
        let pieces = (0..<50).map { randomBytes(1 + $0 * 37, &rng) }
        let writer = session.makeWriter()
        try writer.add(Array(pieces[..<20]), .sources)
        try writer.add(Array(pieces[10...] + pieces[..<5]), .outputs)
        try writer.add(pieces, .outputs)
        try writer.add([], .outputs)
        for piece in pieces { #expect(session.contains(Digest.of(piece))) }
        let summary = try writer.finish()
        #expect(summary.newChunks == 50)
        #expect(summary.newRawBytes == ByteCount(pieces.reduce(0) { $0 + $1.count }))
        #expect(summary.packs == 2)
        #expect(session.chunkCount == 50)

        for session in [session, try store.begin()] {
            let plan = try session.plan(reading: pieces.map { Digest.of($0) } + [Digest.of(pieces[3])])
            #expect(plan.frames.count == 2)
            var seen = Set<Digest>()
            for frame in plan.frames {
                try session.readFrame(frame) { chunk, bytes in
                    #expect(Digest.of(bytes) == chunk.digest)
                    #expect(seen.insert(chunk.digest).inserted)
                }
            }
            #expect(seen.count == 50)
            let content = Content((pieces + [pieces[7]]).map(chunk))
            #expect(try session.read(content: content) == (pieces + [pieces[7]]).flatMap { $0 })
            let again = session.makeWriter()
            try again.add(pieces, .outputs)
            #expect(try again.finish() == WriteSummary())
        }
        #expect(try store.verify().isSound)
    }

    @Test func packsRollAtTheirSize() throws {
        var options = Store.Options()
        options.fullPack = 2000
        let store = Store(objects: MemoryObjects(), options: options)
        let session = try store.begin()
        let writer = session.makeWriter()
        var rng = SeededGenerator(2)
        for _ in 0..<30 { try writer.add([randomBytes(1000, &rng)], .outputs) }
        let summary = try writer.finish()
        #expect(summary.packs > 3)
        #expect(try store.objects.list(.packs).count == summary.packs)
        #expect(try store.verify().isSound)
        #expect(try store.begin().chunkCount == 30)
    }

    @Test func cancelledWritersLeaveNothing() throws {
        let store = Store(objects: MemoryObjects())
        let session = try store.begin()
        let piece = Array("a piece".utf8)
        let writer = session.makeWriter()
        try writer.add([piece], .outputs)
        #expect(session.contains(Digest.of(piece)))
        writer.cancel()
        #expect(!session.contains(Digest.of(piece)))
        #expect(storeError { _ = try writer.finish() }?.code == .misuse)
        #expect(storeError { try writer.add([piece], .outputs) }?.code == .misuse)
        do {
            let dropped = session.makeWriter()
            try dropped.add([piece], .outputs)
        }
        #expect(!session.contains(Digest.of(piece)))
        #expect(try store.objects.list(.packs).isEmpty)
    }

    @Test func callersMistakesAreToldOf() throws {
        let session = try Store(objects: MemoryObjects()).begin()
        let writer = session.makeWriter()
        let bytes = Array("abc".utf8)
        let wrong = [Chunk(digest: Digest.of(bytes), length: 4)]
        bytes.withUnsafeBytes { raw in
            #expect(
                storeError { try writer.add(FrameInput(chunks: wrong, bytes: raw), kind: .outputs) }?.code
                    == .misuse)
        }
        #expect(storeError { try writer.add([randomZeros(200_000)], .outputs) }?.code == .misuse)
        let record = SnapshotRecord(header: SnapshotHeader(), manifest: Content([chunk(bytes)]))
        #expect(storeError { _ = try session.commit(record) }?.code == .misuse)
        #expect(storeError { _ = try session.plan(reading: [Digest.of(bytes)]) }?.code == .missing)
    }

    private func randomZeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    @Test func plansReadTheFewestFrames() throws {
        let objects = MemoryObjects()
        let store = Store(objects: objects)
        let pieces = (0..<10).map { [UInt8](repeating: UInt8($0), count: 100) }
        // Two sessions that don't see each other store some of the same chunks.
        let (one, two) = (try store.begin(), try store.begin())
        let (a, b) = (one.makeWriter(), two.makeWriter())
        try a.add(Array(pieces[..<3]), .outputs)
        try a.add(Array(pieces[3..<6]), .outputs)
        try b.add(pieces, .outputs)
        _ = try (a.finish(), b.finish())
        let session = try store.begin()
        #expect(session.chunkCount == 10)
        #expect(try session.plan(reading: pieces.map { Digest.of($0) }).frames.count == 1)
        #expect(try session.plan(reading: pieces[..<6].map { Digest.of($0) }).frames.count <= 2)
        #expect(try store.verify().isSound)
    }
}
