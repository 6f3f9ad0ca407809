import KCacheCore
import TestStore
import Testing

@testable import KCacheStore

/// Cut and flipped bytes anywhere: an error or the right data, never a trap, never wrong bytes.
@Suite struct DamageTests {
    private struct Sample {
        let objects = MemoryObjects()
        let store: Store
        let id: SnapshotID
        let files: [String: [UInt8]]

        init() throws {
            store = Store(objects: objects)
            files = sampleFiles(3, count: 2, size: 600)
            id = try push(store, name: "sample", outputs: files)
        }

        var names: [ObjectName] {
            get throws { try ObjectKind.allCases.flatMap { try objects.list($0).map(\.name) } }
        }

        /// Everything that a reader may try.
        func check(_ name: ObjectName, _ bytes: [UInt8], verifyFinds: Bool = true) throws {
            let good = try #require(try objects.get(name, limit: 1 << 20))
            try objects.put(name, bytes)
            do {
                let got = try pull(store, id)
                #expect(got == files, "wrong bytes out of a damaged \(name)")
            } catch let error as StoreError {
                #expect(!error.description.isEmpty)
            }
            _ = try store.catalog()
            _ = try store.statistics()
            if verifyFinds {
                let report = try store.verify()
                #expect(!report.isSound, "verify passes a damaged \(name)")
            }
            // gc never takes anything live in the dark.
            do { _ = try store.collect() } catch let error as StoreError { #expect(error.code == .refused) }
            try objects.put(name, good)
        }
    }

    private func flip(_ bytes: [UInt8], bit: Int) -> [UInt8] {
        var copy = bytes
        copy[bit / 8] ^= 1 << UInt8(bit % 8)
        return copy
    }

    @Test func everyCut() throws {
        let sample = try Sample()
        for name in try sample.names {
            let bytes = try #require(try sample.objects.get(name, limit: 1 << 20))
            for count in 0..<bytes.count { try sample.check(name, Array(bytes[..<count])) }
            try sample.check(name, bytes + [0])
        }
        #expect(try pull(sample.store, sample.id) == sample.files)
        #expect(try sample.store.verify().isSound)
    }

    @Test func everyFlippedByte() throws {
        let sample = try Sample()
        var rng = SeededGenerator(4)
        for name in try sample.names {
            let bytes = try #require(try sample.objects.get(name, limit: 1 << 20))
            for i in 0..<bytes.count {
                try sample.check(name, flip(bytes, bit: i * 8 + Int.random(in: 0..<8, using: &rng)))
            }
        }
        #expect(try pull(sample.store, sample.id) == sample.files)
    }

    @Test func aBrokenIndexIsMadeAnew() throws {
        let sample = try Sample()
        let indexes = try sample.objects.list(.index).map(\.name)
        let before = try indexes.map { try sample.objects.get($0, limit: 1 << 20) }
        try sample.objects.put(indexes[0], [1, 2, 3])
        #expect(try sample.objects.delete([indexes[1]]) == 1)
        #expect(try pull(sample.store, sample.id) == sample.files)
        let report = try sample.store.verify()
        #expect(report.problems.count == 1)
        #expect(report.notes.count == 1)
        #expect(try sample.store.repairIndex() == 2)
        #expect(try indexes.map { try sample.objects.get($0, limit: 1 << 20) } == before)
        #expect(try sample.store.verify().isSound)
    }

    // MARK: Bombs and newer formats

    /// A pack around any frame, with names and checksums that fit.
    private func plant(
        _ frame: [UInt8], _ chunks: [Chunk], rawLength: Int, version: UInt8 = 1, in objects: MemoryObjects
    ) throws {
        var table = PackTable(kind: .outputs)
        table.append(chunks, rawLength: rawLength, compressedLength: frame.count)
        let rows = table.encode()
        var pack = PackEnvelope.header(.outputs)
        pack[4] = version
        pack += frame + rows
        pack += PackEnvelope.encode(
            .init(
                tableOffset: table.end, tableLength: UInt32(rows.count), tableDigest: Digest.of(rows)))
        let digest = Digest.of(pack)
        try objects.put(.pack(digest), pack)
        guard version == 1 else { return }
        try objects.put(
            .index(digest), PackIndex(pack: digest, packSize: UInt64(pack.count), table: table).encode())
    }

    private func compressed(_ bytes: [UInt8]) throws -> [UInt8] {
        let compressor = try FrameCompressor()
        return try withExtendedLifetime(compressor) {
            try bytes.withUnsafeBytes { Array(try compressor.compress($0)) }
        }
    }

    @Test func bombsAreRefused() throws {
        let bytes = [UInt8](repeating: 65, count: 1000)
        let bomb = try compressed([UInt8](repeating: 0, count: 64 << 20))
        let good = try compressed(bytes)
        for (frame, what) in [
            (bomb, "a frame that is larger than its table says"),
            (good + bomb, "two frames for one"),
            (good + [0], "bytes after the frame"),
            (Array(good.dropLast()), "a cut frame"),
            (try compressed(Array(bytes[..<999])), "a frame that is smaller than its table says"),
            ([], "an empty frame"),
        ] {
            let objects = MemoryObjects()
            let store = Store(objects: objects)
            try plant(frame, [chunk(bytes)], rawLength: 1000, in: objects)
            let session = try store.begin()
            #expect(session.contains(Digest.of(bytes)))
            let error = storeError { _ = try session.read(content: Content([chunk(bytes)])) }
            #expect(error?.code == .damaged, "\(what): \(String(describing: error))")
            #expect(try !store.verify().isSound)
        }
        // A table that admits to too much is not even taken.
        let objects = MemoryObjects()
        let chunks = (0..<512).map {
            Chunk(digest: Digest.of([UInt8($0 & 255), UInt8($0 >> 8)]), length: 131_072)
        }
        try plant(bomb, chunks, rawLength: 64 << 20, in: objects)
        let session = try Store(objects: objects).begin()
        #expect(session.chunkCount == 0)
        #expect(session.unusablePacks.count == 1)
    }

    @Test func contentThatClaimsTooMuchIsRefused() throws {
        let sample = try Sample()
        let session = try sample.store.begin()
        let entry = try #require(try session.snapshot(sample.id).entries.first?.content?.chunks.first)
        let huge = Content([Chunk](repeating: entry, count: 1_000_000))
        #expect(storeError { _ = try session.read(content: huge) }?.code == .refused)
        let lying = Content([Chunk(digest: entry.digest, length: entry.length - 1)])
        #expect(storeError { _ = try session.read(content: lying) }?.code == .damaged)
    }

    @Test func newerPacksIndexesAndSnapshotsAreNamed() throws {
        let sample = try Sample()
        let bytes = [UInt8](repeating: 65, count: 1000)
        try plant(try compressed(bytes), [chunk(bytes)], rawLength: 1000, version: 2, in: sample.objects)
        let session = try sample.store.begin()
        #expect(session.unusablePacks.map(\.code) == [.newerFormat])
        #expect(
            session.unusablePacks[0].message.hasSuffix(
                "has format 2, and this kcache reads 1: use a newer kcache"))
        #expect(try pull(sample.store, sample.id) == sample.files)
        // gc keeps what it doesn't understand.
        #expect(try sample.store.collect().removedPacks == 0)
        #expect(try sample.objects.list(.packs).count == 3)

        var record = try #require(try sample.objects.get(.snapshot(sample.id.digest), limit: 1 << 20))
        record[4] = 2
        let id = Digest.of(record)
        try sample.objects.put(.snapshot(id), record)
        var header = Array(
            try #require(try sample.objects.get(.catalog(sample.id.digest), limit: 1 << 20)).dropLast(32))
        header[4] = 2
        try sample.objects.put(.catalog(id), header + Digest.of(header).bytes)
        let catalog = try sample.store.catalog()
        #expect(catalog.entries.map(\.id) == [sample.id])
        #expect(catalog.unreadable.map(\.name) == [id.hex])
        let refused = storeError { _ = try sample.store.collect() }
        #expect(refused?.code == .refused)
        #expect(refused?.description.contains(id.short) == true)
        #expect(try sample.store.resolve(id.short) == SnapshotID(id))
        #expect(try sample.store.forget([SnapshotID(id)]).count == 1)
        _ = try sample.store.collect()
    }
}
