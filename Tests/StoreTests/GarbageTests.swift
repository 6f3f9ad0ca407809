import KCacheCore
import KCacheSystem
import TestStore
import Testing

@testable import KCacheStore

@Suite struct GarbageTests {
    @Test func keepsWhatIsLiveAndDropsTheRest() throws {
        let objects = MemoryObjects()
        let store = Store(objects: objects)
        let (a, b) = (sampleFiles(11), sampleFiles(12))
        let one = try push(store, name: "a", outputs: a)
        let two = try push(store, name: "b", outputs: b)
        #expect(try store.collect().removedPacks == 0)
        try store.forget([one])
        let dry = try store.collect(GarbageOptions(dryRun: true))
        #expect(dry.removedPacks == 2)
        #expect(try objects.list(.packs).count == 4)
        let done = try store.collect()
        #expect(done.removedPacks == 2)
        #expect(done.sizeAfter == dry.sizeAfter)
        #expect(done.sizeBefore > done.sizeAfter)
        #expect(done.freed.value == done.sizeBefore.value - done.sizeAfter.value)
        #expect(try objects.list(.packs).count == 2)
        #expect(try objects.list(.index).count == 2)
        #expect(try pull(store, two) == b)
        #expect(try store.verify().isSound)
    }

    @Test func leftoversGo() throws {
        let scratch = try ScratchFolder()
        let store = try Store.open(at: scratch.path, mode: .createIfMissing)
        let files = sampleFiles(13)
        let id = try push(store, name: "a", outputs: files)
        let gone = try push(store, name: "b", outputs: sampleFiles(14))
        // An interrupted push: packs without an index, a record that was never listed, a temporary.
        for info in try store.objects.list(.index) { #expect(try store.objects.delete([info.name]) == 1) }
        #expect(try store.objects.delete([.catalog(gone.digest)]) == 1)
        try store.objects.put(.index(Digest.of([9])), [1])
        try AtomicFile.write(
            [1], to: try #require(TreePath("packs/.kcache-tmp-1-1")), in: try Directory.open(scratch.path))
        let summary = try store.collect()
        #expect(summary.removedRecords == 1)
        #expect(summary.removedTemporaries == 1)
        #expect(summary.removedIndexes == 1)
        #expect(summary.rebuiltIndexes == 2)
        #expect(summary.removedPacks == 2)
        #expect(try store.verify().isSound)
        #expect(try store.verify().notes.isEmpty)
        #expect(try pull(store, id) == files)
    }

    @Test func sparsePacksAreWrittenAnew() throws {
        let objects = MemoryObjects()
        let store = Store(objects: objects)
        let all = sampleFiles(15, count: 20)
        let few = Dictionary(uniqueKeysWithValues: all.sorted { $0.key < $1.key }.prefix(3).map { ($0, $1) })
        let big = try push(store, name: "big", outputs: all)
        let small = try push(store, name: "small", outputs: few)
        try store.forget([big])
        let summary = try store.collect()
        #expect(summary.rewrittenPacks == 1)
        #expect(summary.removedPacks == 1)
        #expect(summary.sizeAfter.value * 3 < summary.sizeBefore.value)
        #expect(try pull(store, small) == few)
        #expect(try store.verify().isSound)
        let again = try store.collect()
        #expect(again.rewrittenPacks == 0 && again.removedPacks == 0)
    }

    /// The new pack of a rewrite may be, byte for byte, one that was to be dropped.
    @Test func aRewriteThatMakesAnOldPackAgainKeepsIt() throws {
        var rewrites = 0
        for seed in 0..<8 as Range<UInt64> {
            let objects = MemoryObjects()
            let store = Store(objects: objects)
            var rng = SeededGenerator(40 + seed)
            let live = randomBytes(900, &rng)
            // Two sessions that don't see each other.
            let (one, two) = (try store.begin(), try store.begin())
            for (session, dead) in [(one, 0), (two, 5)] {
                let writer = session.makeWriter()
                try writer.add([live] + (0..<dead).map { _ in randomBytes(900, &rng) }, .outputs)
                _ = try writer.finish()
            }
            let id = try push(store, name: "x", outputs: ["f": live])
            rewrites += try store.collect().rewrittenPacks
            #expect(try pull(store, id) == ["f": live])
            #expect(try store.verify().isSound)
            #expect(try objects.list(.packs).count == 2)
        }
        #expect(rewrites > 0)
    }

    @Test func leastRecentlyUsedGoFirst() throws {
        let clock = FakeClock()
        let objects = MemoryObjects()
        let store = Store(objects: objects, clock: clock.clock)
        var ids: [SnapshotID] = []
        for i in 0..<6 {
            clock.set(Int64(100 + i))
            ids.append(try push(store, name: "s\(i)", outputs: sampleFiles(20 + UInt64(i))))
        }
        clock.set(200)
        try store.begin().touch(ids[0])
        #expect(try store.catalog()[ids[0]]?.lastUsed == 200)
        let size = try store.collect(GarbageOptions(dryRun: true)).sizeBefore
        let half = GarbageOptions(maxSize: ByteCount(size.value / 2), dryRun: true)
        #expect(try store.collect(half).forgotten.map(\.id) == Array(ids[1...3]))
        let done = try store.collect(GarbageOptions(maxSize: ByteCount(size.value / 2)))
        #expect(done.forgotten.map(\.id) == Array(ids[1...3]))
        #expect(done.sizeAfter.value <= size.value / 2)
        #expect(Set(try store.catalog().entries.map(\.id)) == [ids[0], ids[4], ids[5]])
        #expect(try store.verify().isSound)
        let last = try store.collect(GarbageOptions(maxSize: .zero))
        #expect(last.forgotten.map(\.id) == [ids[4], ids[5]])
        #expect(last.notes.count == 1)
        #expect(try pull(store, ids[0]) == sampleFiles(20))
    }

    @Test func aSnapshotThatCannotBeReadStopsEverything() throws {
        for damage in 0..<4 {
            let objects = MemoryObjects()
            let store = Store(objects: objects)
            let id = try push(store, name: "a", outputs: sampleFiles(30))
            let dead = try push(store, name: "b", outputs: sampleFiles(31))
            try store.forget([dead])
            let manifests = try store.begin().index.packs.filter { $0.kind == .manifests }.map(\.digest)
            switch damage {
            case 0: try objects.put(.snapshot(id.digest), [1, 2, 3])
            case 1: #expect(try objects.delete([.snapshot(id.digest)]) == 1)
            case 2: for pack in manifests { #expect(try objects.delete([.pack(pack)]) == 1) }
            default: try objects.put(.catalog(id.digest), [])
            }
            let before = try ObjectKind.allCases.map { try objects.list($0).count }
            let error = storeError { _ = try store.collect(GarbageOptions(maxSize: .zero)) }
            #expect(error?.code == .refused)
            #expect(error?.message.contains(id.short) == true)
            #expect(try ObjectKind.allCases.map { try objects.list($0).count } == before)
            #expect(try !store.verify().isSound)
            try store.forget([try store.resolve(id.short)])
            _ = try store.collect()
            #expect(try objects.list(.packs).isEmpty)
            #expect(try store.verify().isSound)
        }
    }

    /// The only good copy of a chunk is never dropped for a damaged one.
    @Test(arguments: [0, 1]) func aGoodCopyIsKeptBesideADamagedOne(_ damaged: Int) throws {
        let objects = MemoryObjects()
        var rng = SeededGenerator(32)
        let shared = randomBytes(900, &rng)
        let store = Store(objects: objects)
        for session in [try store.begin(), try store.begin()] {
            let writer = session.makeWriter()
            try writer.add([shared, randomBytes(900, &rng)], .outputs)
            _ = try writer.finish()
        }
        let packs = try store.begin().index.packs.map { ObjectName.pack($0.digest) }
        try push(store, name: "a", outputs: ["f": shared])
        var bytes = try #require(try objects.get(packs[damaged], limit: 1 << 20))
        bytes[60] ^= 1
        try objects.put(packs[damaged], bytes)
        _ = try store.collect()
        #expect(try objects.info(packs[1 - damaged]) != nil, "the good copy is gone")
    }
}
