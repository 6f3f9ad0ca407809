import KCacheCore
import KCacheStore
import KCacheSystem
import SystemPackage
import TestStore
import Testing

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
        return Store(objects: plain.objects, locks: plain.locks, indexCache: try IndexCache(at: scratch.path))
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
