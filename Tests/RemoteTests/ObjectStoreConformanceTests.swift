import KCacheCore
import KCacheStore
import KCacheSystem
import SystemPackage
import TestStore
import Testing

/// What every object store has to do.
@Suite struct ObjectStoreConformanceTests {
    enum Kind: CaseIterable { case memory, folder, servedMemory, servedFolder }

    private func withObjects(_ kind: Kind, _ body: (any ObjectPruner) throws -> Void) throws {
        switch kind {
        case .memory: try body(MemoryObjects())
        case .servedMemory: try body(try ServedStore().objects)
        case .folder, .servedFolder:
            let scratch = try ScratchFolder()
            let store = try Store.open(at: scratch.path, mode: .createIfMissing)
            try body(kind == .folder ? store.objects : try ServedStore(behind: store).objects)
        }
    }

    /// The objects of some snapshots in the order of a push, and no others: what is served is checked.
    private func sample(_ count: UInt64) throws -> [(name: ObjectName, bytes: [UInt8])] {
        let store = Store(objects: MemoryObjects())
        for seed in 0..<count { try push(store, name: "s\(seed)", outputs: sampleFiles(seed)) }
        return try [ObjectKind.packs, .index, .snapshots, .catalog].flatMap { kind in
            try store.objects.list(kind).sorted { $0.name.path < $1.name.path }.map {
                ($0.name, try #require(try store.objects.get($0.name, limit: 1 << 20)))
            }
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

    @Test(arguments: Kind.allCases) func missesAreNil(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let name = ObjectName.pack(Digest.of([0]))
            #expect(try objects.get(name, limit: 10) == nil)
            #expect(try objects.get([name, name], limit: 10) == [nil, nil])
            #expect(try objects.info(name) == nil)
            #expect(try read(objects, name, 0, 1) == nil)
            #expect(try objects.list(.packs).isEmpty)
            #expect(try objects.touch(name, 1) == false)
            #expect(try objects.delete([name]) == 0)
            #expect(try objects.removeLeftovers(dryRun: false) == 0)
        }
    }

    @Test(arguments: Kind.allCases) func putGetListDelete(_ kind: Kind) throws {
        let sample = try sample(3)
        try withObjects(kind) { (objects) throws in
            for (name, bytes) in sample { try objects.put(name, bytes) }
            // Once more: the same bytes replace themselves.
            for (name, bytes) in sample { try objects.put(name, bytes) }
            for (name, bytes) in sample {
                #expect(try objects.get(name, limit: bytes.count) == bytes)
                #expect(try objects.info(name)?.size == ByteCount(bytes.count))
                #expect(throws: StoreError.self) { try objects.get(name, limit: bytes.count - 1) }
            }
            #expect(try objects.get(sample.map(\.name), limit: 1 << 20) == sample.map(\.bytes))
            for kind in ObjectKind.allCases {
                let listed = try objects.list(kind)
                #expect(Set(listed.map(\.name)) == Set(sample.map(\.name).filter { $0.kind == kind }))
                for info in listed {
                    #expect(
                        info.size.value
                            == UInt64(try #require(sample.first { $0.name == info.name }).bytes.count))
                }
            }
            let last = sample[sample.count - 1].name
            #expect(try objects.touch(last, 5_000_000_000))
            #expect(try objects.info(last)?.modified == 5_000_000_000)
            #expect(try objects.delete(sample.suffix(4).map(\.name)) == 4)
            #expect(try objects.delete(sample.suffix(5).map(\.name)) == 1)
            #expect(try objects.info(last) == nil)
        }
    }

    @Test(arguments: Kind.allCases) func rangesEndWhereTheObjectEnds(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let bytes = [UInt8](0..<100)
            let name = ObjectName.pack(Digest.of(bytes))
            try objects.put(name, bytes)
            for (offset, count, expected) in [
                (0, 10, Array(0..<10)), (95, 10, Array(95..<100)), (100, 5, []), (200, 5, []),
            ] as [(UInt64, Int, [UInt8])] {
                #expect(try read(objects, name, offset, count) == expected)
            }
            #expect(try read(objects, name, .max, 4) == [])
        }
    }

    @Test(arguments: Kind.allCases) func whatIsSaidToBeReadCanBeReadInAnyOrder(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let name = ObjectName.pack(Digest.of(bytes))
            try objects.put(name, bytes)
            let ranges = (0..<50).map { ObjectRange(name: name, offset: UInt64($0 * 1000), length: 1000) }
            try objects.willRead(ranges)
            for i in [0, 1, 7, 3, 49, 2, 4] + Array(5..<49) + [0] {
                #expect(
                    try read(objects, name, UInt64(i * 1000), 1000)
                        == Array(bytes[i * 1000..<i * 1000 + 1000]))
            }
            try objects.willRead([])
            #expect(try read(objects, name, 5, 5) == Array(bytes[5..<10]))
        }
    }

    @Test(arguments: Kind.allCases) func streamsAppearWholeOrNotAtAll(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let bytes = [UInt8](repeating: 7, count: 1000) + [UInt8](repeating: 8, count: 1000)
            let name = ObjectName.pack(Digest.of(bytes))
            let stream = try objects.beginStream()
            try bytes[..<1000].withUnsafeBytes { try stream.append($0) }
            #expect(stream.length == 1000)
            #expect(try objects.list(.packs).isEmpty)
            try bytes[1000...].withUnsafeBytes { try stream.append($0) }
            try stream.commit(as: name)
            stream.cancel()
            #expect(try objects.get(name, limit: 5000) == bytes)
            let dropped = try objects.beginStream()
            try bytes[..<10].withUnsafeBytes { try dropped.append($0) }
            dropped.cancel()
            dropped.cancel()
            _ = try objects.beginStream()
            #expect(try objects.list(.packs).count == 1)
            #expect(try objects.removeLeftovers(dryRun: true) == 0)
        }
    }

    @Test(arguments: Kind.allCases) func aPackCanBeTakenUpWhereThatIsOffered(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let bytes = [UInt8](repeating: 9, count: 3000)
            let name = ObjectName.pack(Digest.of(bytes))
            guard let stream = try objects.resumeStream(name) else { return }
            #expect(stream.length == 0)
            try bytes.withUnsafeBytes { try stream.append($0) }
            try stream.commit(as: name)
            #expect(try objects.get(name, limit: 3000) == bytes)
        }
    }

    /// A whole life over the object store: two snapshots, one forgotten, gc, verify.
    @Test(arguments: Kind.allCases) func carriesSnapshots(_ kind: Kind) throws {
        try withObjects(kind) { (objects) throws in
            let store = Store(objects: objects)
            let (a, b) = (sampleFiles(1, count: 20), sampleFiles(2, count: 20))
            let one = try push(store, name: "one", outputs: a)
            let sources = Dictionary(uniqueKeysWithValues: a.map { ("src/\($0.key)", $0.value) })
            let two = try push(store, name: "two", outputs: b, sources: sources)
            #expect(try store.catalog().entries.map(\.header.name).sorted() == ["one", "two"])
            #expect(try pull(store, one) == a)
            #expect(try store.forget([one]) == [one])
            _ = try store.collect()
            #expect(try pull(store, two) == sources.merging(b) { $1 })
            #expect(try store.verify().isSound)
        }
    }
}
