import KCacheCore
import TestStore
import Testing

@testable import KCacheStore

/// The bytes in `docs/format.md`. If one of these tests fails, the format has changed: it needs a new version.
@Suite struct GoldenTests {
    /// Version 2.
    private let manifest = """
        4b434d460201016c0803612e6f0103612e6f05011bdfe90239c075b87cac407f
        07d3f65f8c118fc0603acee4c8db0a71ae847e98950a0001
        """.hexBytes
    /// What follows it where `a.o` is the same content with a delta of that content, or `l` through gzip.
    private let patch = """
        03612e6f01dfe90239c075b87cac407f07d3f65f8c118fc0603acee4c8db0a71
        ae847e9895011bdfe90239c075b87cac407f07d3f65f8c118fc0603acee4c8db
        0a71ae847e9895
        """.hexBytes
    private let compressed = """
        03612e6f020101016c
        """.hexBytes
    /// As it was written first; still read.
    private let manifest1 = """
        4b434d460103612e6f050a011bdfe90239c075b87cac407f07d3f65f8c118fc0
        603acee4c8db0a71ae847e9895016c080003612e6f
        """.hexBytes
    /// The frame is as zstd 1.5.4 makes it; another version may find a shorter one.
    private let pack = """
        4b43504b0101000028b52ffd241bad00007868656c6c6f2c20206b65726e656c
        0a0100e28a119710aac901000000010000000800000000000000220000001b00
        000001000000dfe90239c075b87cac407f07d3f65f8c118fc0603acee4c8db0a
        71ae847e98951b0000002a0000000000000040000000693a95beec66bd78df43
        47a6f59cd640056a16b114ebc0b5fd66fc17aa46cc2d4b435045
        """.hexBytes
    private let index = """
        4b43495801010000c2e6ee5593033c4683c34dedad0be9bd411879eb3d8dfd4d
        53de1115c1fd155e9a0000000000000001000000010000000800000000000000
        220000001b00000001000000dfe90239c075b87cac407f07d3f65f8c118fc060
        3acee4c8db0a71ae847e98951b000000c51eebd7624cc77050d7caa686960c2b
        ad971519a4e206990d11aa95bee9a492
        """.hexBytes
    private let record = """
        4b43534e0102763180c49fd50c0378383605362e312e30010243430367636306
        6763632031324bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cc
        e23c7785459a01114b4255494c445f4255494c445f55534552026d6538dcb549
        abc3f32ac4768df536783a8a693d87c973f742e530ff2112d6e8555500000000
        000000000000000000000000000000000000000000000000000000000101031b
        0001350e55c9d61aed0fac6845eaf4a5f587fa09b67dd40171af8f7a8a828b7c
        b1ef1e
        """.hexBytes
    private let catalog = """
        4b4343540102763180c49fd50c0378383605362e312e30010243430367636306
        6763632031324bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cc
        e23c7785459a01114b4255494c445f4255494c445f55534552026d6538dcb549
        abc3f32ac4768df536783a8a693d87c973f742e530ff2112d6e8555500000000
        000000000000000000000000000000000000000000000000000000000101031b
        00bd7f6b86ba50face32e1431796c79e2b286b9d187dcd0343a258a621298b2c
        fe
        """.hexBytes

    /// Bytes of the zstd frame in `pack`.
    private let frame = 8..<42

    @Test func manifestAndRecord() throws {
        #expect(SnapshotCodec.encode(try GoldenSample.entries) == manifest)
        #expect(try SnapshotCodec.decodeManifest(manifest) == GoldenSample.entries)
        #expect(try SnapshotCodec.decodeManifest(manifest1) == GoldenSample.entries)
        #expect(SnapshotCodec.encode(try GoldenSample.record(manifest: manifest1)) == record)
        #expect(try SnapshotCodec.decodeRecord(record) == GoldenSample.record(manifest: manifest1))
    }

    @Test func derivations() throws {
        let content = Content([chunk(GoldenSample.output)])
        let patched = try GoldenSample.entries(.patch(base: content.digest, delta: content))
        #expect(SnapshotCodec.encode(patched) == manifest + patch)
        #expect(try SnapshotCodec.decodeManifest(manifest + patch) == patched)
        let zipped = try GoldenSample.entries(
            .compressed(.gzip, inputs: [TreePath(literal: Array("l".utf8))]))
        #expect(SnapshotCodec.encode(zipped) == manifest + compressed)
        #expect(try SnapshotCodec.decodeManifest(manifest + compressed) == zipped)
    }

    /// In 48 bytes of old content a number changes, and three bytes come at the end.
    @Test func delta() throws {
        let old = Array("the same at the beginning: 17, and at the end ok".utf8)
        let new = Array("the same at the beginning: 19, and at the end ok!!!".utf8)
        #expect(ContentDelta.make(from: old, to: new, limit: 100) == deltaBytes)
        #expect(try ContentDelta.apply(deltaBytes, to: old, size: new.count) == new)
    }

    private let deltaBytes = """
        4b434450013300300 01c010213000321212100
        """.hexBytes

    @Test func catalogEntry() throws {
        #expect(CatalogCodec.encode(try GoldenSample.record(manifest: manifest1).header) == catalog)
        #expect(try CatalogCodec.decode(catalog) == GoldenSample.record(manifest: manifest1).header)
    }

    /// Version 2: one that was built apart from its sources, with an empty folder.
    @Test func builtApart() throws {
        var apart = try GoldenSample.record(manifest: manifest1)
        apart.header.environment.layout = .apart
        apart.header.emptyFolders = [TreePath(literal: Array("e".utf8))]
        // The header ends before the manifest's one chunk, and in the catalog before the digest.
        let layout: [UInt8] = [1, 1, 1, UInt8(ascii: "e")]
        let tail = 2 + Digest.byteCount
        #expect(
            SnapshotCodec.encode(apart) == record[..<4] + [2] + record[5...].dropLast(tail) + layout
                + record.suffix(tail))
        #expect(try SnapshotCodec.decodeRecord(SnapshotCodec.encode(apart)) == apart)
        let entry = catalog[..<4] + [2] + catalog[5...].dropLast(Digest.byteCount) + layout
        #expect(CatalogCodec.encode(apart.header) == entry + Digest.of(Array(entry)).bytes)
        #expect(try CatalogCodec.decode(CatalogCodec.encode(apart.header)) == apart.header)
        // Those of external modules have numbers of their own.
        for (number, layout) in [(3, TreeLayout.module), (4, .moduleApart), (5, .moduleBelow)] {
            let bytes =
                record[..<4] + [2] + record[5...].dropLast(tail) + [UInt8(number), 0] + record.suffix(tail)
            #expect(try SnapshotCodec.decodeRecord(Array(bytes)).header.environment.layout == layout)
        }
        // Every record has one form.
        for wrong: [UInt8] in [
            [0, 0], [6, 0], [1, 2, 1, 101, 1, 101], [1, 1, 4] + Array(".git".utf8), [1, 1, 0],
        ] {
            let bytes = record[..<4] + [2] + record[5...].dropLast(tail) + wrong + record.suffix(tail)
            #expect(throws: FormatError.self) { try SnapshotCodec.decodeRecord(Array(bytes)) }
        }
    }

    @Test func packParts() throws {
        var table = PackTable(kind: .outputs)
        table.append([chunk(GoldenSample.output)], rawLength: 27, compressedLength: frame.count)
        let rows = table.encode()
        let trailer = PackEnvelope.Trailer(
            tableOffset: 42, tableLength: UInt32(rows.count), tableDigest: Digest.of(rows))
        #expect(
            PackEnvelope.header(.outputs) + pack[frame] + rows + PackEnvelope.encode(trailer) == pack)
        let whole = PackIndex(pack: Digest.of(pack), packSize: UInt64(pack.count), table: table)
        #expect(whole.encode() == index)
        #expect(try PackIndex.decode(index, of: Digest.of(pack)) == whole)
    }

    @Test func aStoreOfTheseBytesIsRead() throws {
        let objects = MemoryObjects()
        let id = SnapshotID(Digest.of(record))
        try objects.put(.pack(Digest.of(pack)), pack)
        try objects.put(.index(Digest.of(pack)), index)
        try objects.put(.snapshot(id.digest), record)
        try objects.put(.catalog(id.digest), catalog)
        let store = Store(objects: objects)
        let session = try store.begin()
        #expect(try session.read(content: Content([chunk(GoldenSample.output)])) == GoldenSample.output)
        let writer = session.makeWriter()
        try writer.add([manifest1], .manifests)
        _ = try writer.finish()
        #expect(try store.catalog().entries.map(\.id) == [id])
        #expect(try session.snapshot(id).entries == GoldenSample.entries)
        #expect(try store.verify().isSound)
    }
}
