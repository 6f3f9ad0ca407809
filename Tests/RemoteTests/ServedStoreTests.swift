import KCacheCore
import KCacheRemote
import KCacheSystem
import TestStore
import Testing

@testable import KCacheStore

/// A store behind a server, as its client sees it.
@Suite struct ServedStoreTests {
    private let bytes = [UInt8]((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })

    @Test func packsGoThereAndBack() throws {
        let served = try ServedStore()
        let name = ObjectName.pack(Digest.of(bytes))
        #expect(try served.objects.get(name, limit: 10) == nil)
        let stream = try served.objects.beginStream()
        try bytes.withUnsafeBytes { try stream.append($0) }
        try stream.commit(as: name)
        #expect(try served.objects.get(name, limit: bytes.count) == bytes)
        #expect(try served.behind.objects.get(name, limit: bytes.count) == bytes)
        #expect(try served.objects.info(name)?.size == ByteCount(bytes.count))
        #expect(try served.objects.list(.packs).map(\.name) == [name])
        #expect(throws: StoreError.self) { try served.objects.get(name, limit: bytes.count - 1) }
        #expect(try served.objects.touch(name, 7))
        #expect(try served.objects.info(name)?.modified == 7)
        #expect(try served.objects.delete([name]) == 1)
        #expect(try served.objects.list(.packs).isEmpty)
    }

    @Test func readsAheadOfTime() throws {
        let served = try ServedStore()
        let name = ObjectName.pack(Digest.of(bytes))
        try served.objects.put(name, bytes)
        let ranges = stride(from: 0, to: bytes.count + 5000, by: 7000).map {
            ObjectRange(name: name, offset: UInt64($0), length: 7000)
        }
        try served.objects.willRead(ranges)
        var whole: [UInt8] = []
        for range in ranges {
            var part = [UInt8](repeating: 0, count: Int(range.length))
            let got = try part.withUnsafeMutableBytes { (raw) throws in
                try served.objects.read(name, at: range.offset, into: raw)
            }
            whole += part[..<(try #require(got))]
        }
        #expect(whole == bytes)
    }

    @Test func whatIsNotWhatItsNameSaysIsRefused() throws {
        let served = try ServedStore()
        let wrong = Digest.of([1])
        for name in [ObjectName.pack(wrong), .snapshot(wrong), .index(wrong), .catalog(wrong), .format] {
            let error = #expect(throws: StoreError.self) { try served.objects.put(name, bytes) }
            #expect(error?.code == .damaged)
            #expect(try served.behind.objects.info(name) == nil)
        }
    }

    @Test(arguments: [WireAccess.readOnly, .appendOnly])
    func aRestrictedKeyCanDoNoMore(_ access: WireAccess) throws {
        let served = try ServedStore(access: access)
        let source = Store(objects: MemoryObjects())
        try push(source, name: "n", outputs: ["a": bytes])
        let name = try #require(try source.objects.list(.packs).max { $0.size < $1.size }?.name)
        let bytes = try #require(try source.objects.get(name, limit: 10_000_000))
        if access == .readOnly {
            let error = #expect(throws: StoreError.self) { try served.objects.put(name, bytes) }
            #expect(error?.code == .forbidden)
        } else {
            try served.objects.put(name, bytes)
            #expect(try served.objects.info(name) != nil)
        }
        let error = #expect(throws: StoreError.self) { try served.objects.delete([name]) }
        #expect(error?.code == .forbidden)
    }

    /// Named as its content is, and with chunks that are not what its table says.
    @Test(arguments: [false, true]) func aPackThatLies(_ isInStream: Bool) throws {
        let served = try ServedStore(access: .appendOnly)
        let memory = MemoryObjects()
        var builder = try PackBuilder(.outputs, in: memory)
        var rng = SeededGenerator(3)
        // So long that it does not lie in the server's memory.
        for _ in 0..<(isInStream ? 90 : 1) {
            let raw = (0..<60_000).map { _ in UInt8.random(in: 0...255, using: &rng) }
            let lie = Chunk(digest: Digest.of([7]), length: UInt32(raw.count))
            let compressor = try FrameCompressor()
            try withExtendedLifetime(compressor) {
                try raw.withUnsafeBytes {
                    try builder.append([lie], rawLength: raw.count, compressed: try compressor.compress($0))
                }
            }
        }
        let name = ObjectName.pack(try builder.seal().pack)
        let pack = try #require(try memory.get(name, limit: 10_000_000))
        #expect(pack.count > (isInStream ? 5_000_000 : 0))
        let error = #expect(throws: StoreError.self) { try served.objects.put(name, pack) }
        #expect(error?.code == .damaged && error?.description.contains("other content") == true)
        #expect(try served.behind.objects.info(name) == nil)
    }

    /// What others believe of a pack is what it says itself.
    @Test func anIndexThatIsNotThatOfItsPack() throws {
        let source = Store(objects: MemoryObjects())
        try push(source, name: "n", outputs: ["a": [1, 2, 3], "b": [4, 5, 6, 7]])
        let served = try ServedStore(access: .appendOnly)
        for info in try source.objects.list(.packs) {
            let pack = try #require(info.name.digest)
            try served.objects.put(info.name, try #require(try source.objects.get(info.name, limit: 1 << 20)))
            let bytes = try #require(try source.objects.get(.index(pack), limit: 1 << 20))
            let index = try PackIndex.decode(bytes, of: pack)
            var table = PackTable(kind: index.table.kind)
            for frame in index.table.frames {
                let chunks = index.table.chunks[frame.firstChunk..<frame.firstChunk + frame.chunkCount].map {
                    Chunk(digest: Digest.of($0.digest.hex.utf8.map { $0 }), length: $0.length)
                }
                table.append(
                    chunks, rawLength: Int(frame.rawLength), compressedLength: Int(frame.compressedLength))
            }
            let wrong = PackIndex(pack: pack, packSize: index.packSize, table: table).encode()
            let error = #expect(throws: StoreError.self) { try served.objects.put(.index(pack), wrong) }
            #expect(error?.code == .damaged)
            #expect(try served.behind.objects.info(.index(pack)) == nil)
            try served.objects.put(.index(pack), bytes)
        }
    }

    @Test func manySmallObjectsInOneJourney() throws {
        let served = try ServedStore()
        let names = try (0..<1000).map { i -> ObjectName in
            let content = Array("object \(i)".utf8)
            let name = ObjectName.pack(Digest.of(content))
            if i % 3 != 0 { try served.objects.put(name, content) }
            return name
        }
        let found = try served.objects.get(names, limit: 100)
        #expect(found.count == names.count)
        for (i, content) in found.enumerated() {
            #expect(content == (i % 3 == 0 ? nil : Array("object \(i)".utf8)))
        }
    }
}
