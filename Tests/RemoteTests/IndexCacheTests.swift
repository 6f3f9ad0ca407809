import KCacheCore
import KCacheSystem
import SystemPackage
import TestStore
import Testing

@testable import KCacheStore

/// Indexes of far packs are fetched once.
@Suite struct IndexCacheTests {
    private let scratch: ScratchFolder
    private let wire = FaultyWire()
    private let id: SnapshotID

    init() throws {
        scratch = try ScratchFolder()
        id = try push(wire.behind, name: "n", outputs: sampleFiles(3, count: 400, size: 3000))
    }

    /// A store of a process of its own.
    private func far() throws -> Store {
        let plain = wire.store(retries: 0)
        return Store(
            objects: plain.objects, locks: plain.locks,
            indexCache: try IndexCache(in: Directory.create(scratch.path)))
    }

    /// What beginning a session brings over the line.
    private func received() throws -> Int {
        _ = try far().begin()
        return wire.passed.down
    }

    @Test func theSecondSessionFetchesNone() throws {
        let first = try received()
        #expect(first > 30_000)
        #expect(try received() < 2000)
        #expect(try pull(try far(), id) == sampleFiles(3, count: 400, size: 3000))
    }

    @Test func whatIsDamagedHereIsFetchedAgain() throws {
        _ = try received()
        let folder = try Directory.open(scratch.path)
        for entry in try folder.entries() {
            let name = try #require(TreePath(entry.name))
            var bytes = try #require(try folder.readFile(name, limit: 1 << 20))
            bytes[bytes.count / 2] ^= 1
            try AtomicFile.write(bytes, to: name, in: folder)
        }
        #expect(try received() > 30_000)
        #expect(try received() < 2000)
    }

    /// An index that is whole and wrong, as a far end may once have given it, does not stay for ever.
    @Test func aFalseIndexIsFetchedAgainAfterItFailed() throws {
        for info in try wire.behind.objects.list(.index) {
            let pack = try #require(info.name.digest)
            let bytes = try #require(try wire.behind.objects.get(info.name, limit: 1 << 20))
            let index = try PackIndex.decode(bytes, of: pack)
            var table = PackTable(kind: index.table.kind)
            for frame in index.table.frames {
                // The same chunks in another order: every digest is at a wrong place.
                let chunks = index.table.chunks[frame.firstChunk..<frame.firstChunk + frame.chunkCount]
                table.append(
                    chunks.reversed(), rawLength: Int(frame.rawLength),
                    compressedLength: Int(frame.compressedLength))
            }
            let wrong = PackIndex(pack: pack, packSize: index.packSize, table: table).encode()
            try wire.behind.objects.put(info.name, wrong)
            if index.table.chunks.count > 1 {
                #expect(storeError { _ = try pull(try far(), id) }?.code == .damaged)
            }
            try wire.behind.objects.put(info.name, bytes)
        }
        #expect(try pull(try far(), id) == sampleFiles(3, count: 400, size: 3000))
    }

    @Test func whatTheStoreNoLongerHasIsDropped() throws {
        _ = try received()
        let folder = try Directory.open(scratch.path)
        #expect(!(try folder.entries().isEmpty))
        try wire.behind.forget([id])
        _ = try wire.behind.collect()
        _ = try received()
        #expect(try folder.entries().isEmpty)
    }
}
