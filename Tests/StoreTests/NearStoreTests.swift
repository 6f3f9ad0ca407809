import KCacheCore
import KCacheSystem
import TestStore
import Testing

@testable import KCacheStore

/// A store that is near, in front of one that is far away.
@Suite struct NearStoreTests {
    private let far = Store(objects: MemoryObjects())
    private let near = Store(objects: MemoryObjects())
    private let files = sampleFiles(21, count: 12, size: 20_000)

    private func begin() throws -> StoreSession { try far.begin(near: try near.begin()) }

    /// Reads a snapshot by plan, as a pull does, and keeps it.
    private func pull(
        _ id: SnapshotID, _ session: StoreSession, deltas: Bool = false
    ) throws -> (files: [String: [UInt8]], failure: StoreError?) {
        let snapshot = try session.snapshot(id)
        var chunks: [Digest: [UInt8]] = [:]
        let digests = snapshot.entries.flatMap { $0.content?.chunks ?? [] }.map(\.digest)
        for frame in try session.plan(reading: digests).frames {
            try session.readFrame(frame) { chunk, bytes in
                #expect(chunks.updateValue(Array(bytes), forKey: chunk.digest) == nil, "given twice")
            }
        }
        var files: [String: [UInt8]] = [:]
        for entry in snapshot.entries {
            files["\(entry.path)"] = (entry.content?.chunks ?? []).flatMap { chunks[$0.digest] ?? [] }
        }
        return (files, try session.keep(id, snapshot))
    }

    @Test func whatWasReadIsListedNearAndWhole() throws {
        let id = try push(far, name: "n", outputs: files, sources: ["a.c": Array("int a;".utf8)])
        let (pulled, failure) = try pull(id, try begin())
        #expect(failure == nil && pulled["dir/file3"] == files["dir/file3"])
        #expect(try near.verify().isSound)
        #expect(try near.catalog().entries.map(\.id) == [id])
        #expect(try TestStore.pull(near, id) == TestStore.pull(far, id))
    }

    /// What the caller had at hand of the manifest is not read, and belongs to what is kept all the same.
    @Test func aLentManifestIsKeptToo() throws {
        let id = try push(far, name: "n", outputs: files)
        let session = try begin()
        session.lend(.init([SnapshotCodec.encode(try far.begin().snapshot(id).entries)]))
        #expect(try pull(id, session).failure == nil)
        #expect(try near.verify().isSound)
        #expect(try near.catalog().entries.map(\.id) == [id])
        #expect(try TestStore.pull(near, id) == files)
    }

    /// A delta serves who has its base, and nobody else misses it.
    @Test func deltasThatNobodyReadAreNoLoss() throws {
        let session = try far.begin()
        let writer = session.makeWriter()
        let (old, new, delta) = (Array("the old".utf8), Array("the new".utf8), Array("a delta".utf8))
        for bytes in [new, delta] {
            try writer.add(bytes, ContentCutter.content(of: bytes), kind: .outputs)
        }
        var entry = SnapshotEntry(
            path: try #require(TreePath("a.o")), role: .output,
            kind: .file(ContentCutter.content(of: new), executable: false),
            order: 1)
        entry.derivation = .patch(
            base: ContentCutter.content(of: old).digest, delta: ContentCutter.content(of: delta))
        var snapshot = Snapshot(header: SnapshotHeader(), entries: [entry])
        snapshot.seal()
        let manifest = SnapshotCodec.encode([entry])
        try writer.add(manifest, ContentCutter.content(of: manifest), kind: .manifests)
        _ = try writer.finish()
        let id = try session.commit(
            SnapshotRecord(header: snapshot.header, manifest: ContentCutter.content(of: manifest)))

        #expect(try pull(id, try begin()).failure == nil)
        #expect(try near.catalog().entries.map(\.id) == [id])
        #expect(try near.verify().isSound)
        #expect(try near.collect().forgotten.isEmpty)
        let third = Store(objects: MemoryObjects())
        _ = try SnapshotTransfer(from: try near.begin(), to: try third.begin()).copy(id)
        #expect(try TestStore.pull(third, id) == ["a.o": new])
    }

    /// What is damaged near is read far away, each piece once, and the near store does not vouch for it.
    @Test(arguments: [1, 2, 3, 4, 5, 6]) func aDamagedNearStore(_ seed: UInt64) throws {
        let id = try push(far, name: "n", outputs: files)
        _ = try pull(id, try begin())
        try near.forget([id])
        var rng = SeededGenerator(seed)
        for info in try near.objects.list(.packs) {
            var bytes = try #require(try near.objects.get(info.name, limit: .max))
            switch seed {
            case 1: _ = try near.objects.delete([info.name])
            case 2: try near.objects.put(info.name, Array(bytes.dropLast(bytes.count / 3)))
            default:
                // Not the table: a pack without one is none.
                for _ in 0..<3 { bytes[Int.random(in: 8..<bytes.count * 3 / 4, using: &rng)] ^= 4 }
                try near.objects.put(info.name, bytes)
            }
        }
        let (pulled, _) = try pull(id, try begin())
        #expect(pulled == files)
        for entry in try near.catalog().entries { #expect(try TestStore.pull(near, entry.id) == files) }
    }

    @Test func aPackThatVanishesNear() throws {
        let id = try push(far, name: "n", outputs: files)
        _ = try pull(id, try begin())
        let session = try begin()
        _ = try near.objects.delete(try near.objects.list(.packs).map(\.name))
        #expect(try pull(id, session).files == files)
    }

    /// A content that names one chunk with two lengths, of which the caller has lent one.
    @Test func lentChunksWithLengthsThatLie() throws {
        let session = try far.begin()
        let bytes = [UInt8](repeating: 7, count: 100)
        session.lend(.init([bytes]))
        let digest = Digest.of(bytes)
        for lengths in [[100, 90], [90, 100], [100, 110], [110, 100, 90]] as [[UInt32]] {
            let content = Content(lengths.map { Chunk(digest: digest, length: $0) })
            let error = storeError { _ = try session.read(content: content) }
            #expect(error?.code == .damaged || error?.code == .missing, "\(lengths)")
        }
        #expect(try session.read(content: Content([chunk(bytes), chunk(bytes)])) == bytes + bytes)
    }
}
