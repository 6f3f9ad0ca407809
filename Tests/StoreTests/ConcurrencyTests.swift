import KCacheCore
import KCacheSystem
import Synchronization
import TestStore
import Testing

@testable import KCacheStore

@Suite struct ConcurrencyTests {
    @Test func workersOfOneWriterStoreEachChunkOnce() throws {
        let scratch = try ScratchFolder()
        var options = Store.Options()
        options.fullPack = 100_000
        let store = try Store.open(at: scratch.path, mode: .createIfMissing, options: options)
        var rng = SeededGenerator(60)
        let pieces = (0..<400).map { _ in randomBytes(3000, &rng) }
        let session = try store.begin()
        let writer = session.makeWriter()
        try Parallel.forEach(100, workers: 8) { i in
            // Every piece is offered several times.
            let some = (0..<16).map { pieces[(i * 4 + $0) % pieces.count] }
            try writer.add(some, i % 3 == 0 ? .sources : .outputs)
        }
        let summary = try writer.finish()
        #expect(summary.newChunks == 400)
        #expect(summary.newRawBytes == ByteCount(400 * 3000))
        #expect(try store.begin().index.entries.count == 400)
        let plan = try session.plan(reading: pieces.map { Digest.of($0) })
        let seen = SharedNumber()
        let total = Mutex(0)
        try Parallel.forEach(plan.frames.count, workers: 8) { i in
            try session.readFrame(plan.frames[i]) { chunk, bytes in
                #expect(Digest.of(bytes) == chunk.digest)
                total.withLock { $0 += 1 }
            }
        }
        seen.value = Int64(total.withLock { $0 })
        #expect(seen.value == 400)
        #expect(try store.verify().isSound)
    }

    /// Pushes, pulls, forgets and gc at once, each with its own Store as in its own process.
    @Test func everythingAtOnce() throws {
        let scratch = try ScratchFolder()
        let path = scratch.path
        _ = try Store.open(at: path, mode: .createIfMissing)
        let fixed = sampleFiles(61, count: 8)
        let keep = try push(try Store.open(at: path), name: "keep", outputs: fixed)
        try Parallel.forEach(120, workers: 6) { i in
            let store = try Store.open(at: path, mode: .createIfMissing)
            switch i % 6 {
            case 0, 1:
                // Shares half of its content with its neighbours.
                let files = sampleFiles(UInt64(100 + i / 12), count: 4).merging(
                    sampleFiles(UInt64(500 + i), count: 2).map { ("own/" + $0, $1) }
                ) { a, _ in a }
                let id = try push(store, name: "p\(i)", outputs: files)
                do { #expect(try pull(store, id) == files) } catch let error as StoreError {
                    // Forgotten by another meanwhile.
                    #expect(error.code == .unknownSnapshot, "\(error)")
                }
            case 2, 3:
                #expect(try pull(store, keep) == fixed)
            case 4:
                let ids = try store.catalog().entries.map(\.id).filter { $0 != keep }
                if let id = ids.randomElement() { try store.forget([id]) }
            default:
                _ = try store.collect()
            }
        }
        let store = try Store.open(at: path)
        let report = try store.verify()
        #expect(report.isSound, "\(report.problems)")
        for entry in try store.catalog().entries { _ = try pull(store, entry.id) }
        #expect(try pull(store, keep) == fixed)
        try store.forget(try store.catalog().entries.map(\.id).filter { $0 != keep })
        _ = try store.collect()
        #expect(try store.objects.list(.packs).count == 2)
        #expect(try store.objects.list(.snapshots).count == 1)
        #expect(try store.verify().notes.isEmpty)
    }

    @Test func aSessionSeesWhatIsPushedAfterItBegan() throws {
        let objects = MemoryObjects()
        let early = try Store(objects: objects).begin()
        let id = try push(Store(objects: objects), name: "late", outputs: sampleFiles(70))
        #expect(try early.snapshot(id).entries.count == 4)
        #expect(early.unusablePacks.isEmpty)
        #expect(early.index.packs.count == 2)
    }

    @Test func gcWaitsForSessionsAndWriters() throws {
        let scratch = try ScratchFolder()
        let path = scratch.path
        let piece = Array("content".utf8)
        var session: StoreSession? = try Store.open(at: path, mode: .createIfMissing).begin()
        var writer = session?.makeWriter()
        try writer?.add([piece], .outputs)
        session = nil
        let lock = try #require(TreePath("lock"))
        let folder = try Directory.open(path)
        func isFree() throws -> Bool {
            switch try FileLock.tryTaking(.exclusive, on: lock, in: folder) {
            case .some: true
            case .none: false
            }
        }
        #expect(try !isFree())
        _ = try writer?.finish()
        writer = nil
        #expect(try isFree())
        #expect(try Store.open(at: path).collect().removedPacks == 1)
    }
}
