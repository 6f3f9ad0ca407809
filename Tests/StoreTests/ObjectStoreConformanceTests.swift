import KCacheCore
import KCacheSystem
import SystemPackage
import Testing

@testable import KCacheStore

/// What every object store has to do.
@Suite struct ObjectStoreConformanceTests {
    enum Kind: CaseIterable { case memory, folder }

    private func withObjects(_ kind: Kind, _ body: (any ObjectPruner) throws -> Void) throws {
        switch kind {
        case .memory: try body(MemoryObjects())
        case .folder:
            let scratch = try ScratchFolder()
            try body(FolderObjects(try Directory.open(scratch.path)))
        }
    }

    private func read(_ objects: any ObjectPruner, _ name: ObjectName, _ offset: UInt64, _ count: Int) throws
        -> [UInt8]?
    {
        var buffer = [UInt8](repeating: 0, count: count)
        var got: Int?
        try buffer.withUnsafeMutableBytes { got = try objects.read(name, at: offset, into: $0) }
        return got.map { Array(buffer[..<$0]) }
    }

    private func names(_ count: Int) -> [Digest] { (0..<count).map { Digest.of([UInt8($0)]) } }

    @Test(arguments: Kind.allCases) func missesAreNil(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let name = ObjectName.pack(names(1)[0])
            #expect(try objects.get(name, limit: 10) == nil)
            #expect(try objects.info(name) == nil)
            #expect(try read(objects, name, 0, 1) == nil)
            #expect(try objects.list(.packs).isEmpty)
            #expect(try objects.touch(name, 1) == false)
            #expect(try objects.delete([name]) == 0)
            #expect(try objects.removeLeftovers(dryRun: false) == 0)
        }
    }

    @Test(arguments: Kind.allCases) func putGetListDelete(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let digests = names(5)
            let all: [ObjectName] = digests.flatMap { [.pack($0), .index($0), .snapshot($0), .catalog($0)] }
            for (i, name) in all.enumerated() {
                try objects.put(name, [UInt8](repeating: UInt8(i), count: i))
            }
            for (i, name) in all.enumerated() {
                #expect(try objects.get(name, limit: 100) == [UInt8](repeating: UInt8(i), count: i))
                #expect(try objects.info(name)?.size == ByteCount(i))
            }
            for kind in ObjectKind.allCases { #expect(try objects.list(kind).count == 5) }
            #expect(throws: StoreError.self) { try objects.get(all[9], limit: 8) }
            #expect(try objects.touch(all[3], 5_000_000_000))
            #expect(try objects.info(all[3])?.modified == 5_000_000_000)
            #expect(try objects.delete(Array(all[..<8])) == 8)
            #expect(try objects.delete(Array(all[..<9])) == 1)
            #expect(try objects.list(.packs).count == 2)
            try objects.put(all[10], [1, 2, 3])
            #expect(try objects.get(all[10], limit: 3) == [1, 2, 3])
        }
    }

    @Test(arguments: Kind.allCases) func rangesEndWhereTheObjectEnds(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let name = ObjectName.pack(names(1)[0])
            try objects.put(name, Array(0..<100))
            for (offset, count, expected) in [
                (0, 10, Array(0..<10)), (95, 10, Array(95..<100)), (100, 5, []), (200, 5, []),
            ] as [(UInt64, Int, [UInt8])] {
                #expect(try read(objects, name, offset, count) == expected)
            }
            #expect(try read(objects, name, .max, 4) == [])
        }
    }

    @Test(arguments: Kind.allCases) func streamsAppearWholeOrNotAtAll(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let name = ObjectName.pack(names(1)[0])
            let stream = try objects.beginStream()
            try [UInt8](repeating: 7, count: 1000).withUnsafeBytes { try stream.append($0) }
            #expect(try objects.list(.packs).isEmpty)
            try [UInt8](repeating: 8, count: 1000).withUnsafeBytes { try stream.append($0) }
            try stream.commit(as: name)
            stream.cancel()
            #expect(
                try objects.get(name, limit: 5000)
                    == [UInt8](repeating: 7, count: 1000) + [UInt8](repeating: 8, count: 1000))
            let dropped = try objects.beginStream()
            try [UInt8](repeating: 7, count: 10).withUnsafeBytes { try dropped.append($0) }
            dropped.cancel()
            dropped.cancel()
            _ = try objects.beginStream()
            #expect(try objects.list(.packs).count == 1)
            #expect(try objects.removeLeftovers(dryRun: true) == 0)
        }
    }

    @Test func foreignFilesArePassedOver() throws {
        let scratch = try ScratchFolder()
        let folder = try Directory.open(scratch.path)
        let objects = FolderObjects(folder)
        let digest = names(1)[0]
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
}
