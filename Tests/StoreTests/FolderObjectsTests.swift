import KCacheCore
import KCacheSystem
import TestStore
import Testing

@testable import KCacheStore

/// What a store in a folder has to do beside `ObjectStoreConformanceTests`.
@Suite struct FolderObjectsTests {
    @Test func foreignFilesArePassedOver() throws {
        let scratch = try ScratchFolder()
        let folder = try Directory.open(scratch.path)
        let objects = FolderObjects(folder)
        let digest = Digest.of([0])
        try objects.put(.pack(digest), [1])
        for text in [
            "packs/readme", "packs/zz/\(digest.hex).pack", "packs/\(digest.hex.prefix(2))/x.pack",
            "catalog/\(digest.hex.uppercased())x", "catalog/short", "packs/.kcache-tmp-1-2",
            "catalog/.kcache-tmp-1-2",
        ] {
            try AtomicFile.write([1], to: try #require(TreePath(text)), in: folder)
        }
        #expect(try objects.list(.packs).map(\.name) == [.pack(digest)])
        #expect(try objects.list(.catalog).isEmpty)
        #expect(try objects.removeLeftovers(dryRun: true) == 2)
        #expect(try objects.removeLeftovers(dryRun: false) == 2)
        #expect(try objects.removeLeftovers(dryRun: false) == 0)
    }

    @Test func anUnfinishedPackIsTakenUpByOneAtATime() throws {
        let scratch = try ScratchFolder()
        let objects = FolderObjects(try Directory.open(scratch.path))
        let bytes = [UInt8](repeating: 7, count: 1000)
        let name = ObjectName.pack(Digest.of(bytes))
        let first = try #require(try objects.resumeStream(name))
        try bytes[..<400].withUnsafeBytes { try first.append($0) }
        #expect(try objects.resumeStream(name) == nil)
        first.suspend()
        #expect(try objects.list(.packs).isEmpty)
        #expect(try objects.removeLeftovers(dryRun: true) == 1)
        withExtendedLifetime(first) {}
    }

    @Test func whatIsLeftOfAPackCanBeCompleted() throws {
        let scratch = try ScratchFolder()
        let objects = FolderObjects(try Directory.open(scratch.path))
        let bytes = [UInt8](repeating: 7, count: 1000)
        let name = ObjectName.pack(Digest.of(bytes))
        do {
            let first = try #require(try objects.resumeStream(name))
            try bytes[..<400].withUnsafeBytes { try first.append($0) }
            first.suspend()
        }
        let second = try #require(try objects.resumeStream(name))
        #expect(second.length == 400)
        #expect(try second.digest() == Digest.of(Array(bytes[..<400])))
        try bytes[400...].withUnsafeBytes { try second.append($0) }
        #expect(try second.digest() == Digest.of(bytes))
        try second.commit(as: name)
        #expect(try objects.get(name, limit: 1000) == bytes)
        #expect(try objects.removeLeftovers(dryRun: true) == 0)
        // What is cancelled is gone.
        let third = try #require(try objects.resumeStream(name))
        third.cancel()
        #expect(try objects.removeLeftovers(dryRun: true) == 0)
    }
}
