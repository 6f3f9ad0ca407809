import KCacheCore
import KCacheStore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheTree

/// Pulls that read as little as they can.
@Suite struct ThriftTests {
    let folder: TemporaryFolder
    let machine: TestMachine
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.open(at: folder.path.appending("store"), mode: .createIfMissing)
        machine = TestMachine(store: store)
    }

    /// Bytes that depend on the seed only, and that nothing compresses.
    private static func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var random = SplitMix(seed: seed)
        return (0..<count / 8).flatMap { _ in
            withUnsafeBytes(of: UInt64.random(in: .min ... .max, using: &random)) { Array($0) }
        }
    }

    private static let big = noise(2_000_000, 1)

    /// The stand-in for a compressor: turns every bit.
    private static func compress(_ bytes: [UInt8]) -> [UInt8] { bytes.map { ~$0 } }

    private func put(_ root: Directory, _ path: TreePath, _ bytes: [UInt8], at seconds: Int64 = 2000) throws {
        try root.remove(path)
        try root.createFile(path).write(bytes)
        try root.setModificationTime(path, seconds * 1_000_000_000)
    }

    /// `image.o`, its "compression" `zipped.o`, and `boot.o`, which has that inside.
    private func built(_ name: String, image: [UInt8] = big) throws -> Directory {
        let root = try folder.folder(name)
        try root.put("a.c", "int a;", at: 1000)
        try root.put("small.o", "small", at: 2000)
        try put(root, "image.o", image)
        try put(root, "zipped.o", Self.compress(image))
        try put(root, "boot.o", Self.noise(9000, 7) + Self.compress(image) + Self.noise(9000, 8))
        return root
    }

    /// Pushes the tree; the derivations are put in by hand.
    private func push(_ root: Directory, _ derivations: [TreePath: Derivation]) throws -> SnapshotID {
        let session = try store.begin()
        let writer = session.makeWriter()
        var options = ContentReader.Options()
        options.round = { $0 == "zipped.o" ? 0 : $0 == "image.o" ? 1 : 2 }
        options.consume = { batch in
            try writer.add(FrameInput(chunks: batch.chunks, bytes: batch.bytes), kind: .outputs)
        }
        var entries = SnapshotPlan(try machine.look(root, options), earlier: StatIndex()).entries
        for i in entries.indices {
            entries[i].derivation = derivations[entries[i].path]
            if let delta = entries[i].derivation?.content, let bytes = deltas[delta] {
                try writer.add(bytes, delta, kind: .outputs)
            }
        }
        var snapshot = Snapshot(header: SnapshotHeader(), entries: entries)
        snapshot.seal()
        var chunks: [Chunk] = []
        for section in SnapshotCodec.sections(of: entries) {
            let content = ContentCutter.content(of: section)
            try writer.add(section, content, kind: .manifests)
            chunks += content.chunks
        }
        _ = try writer.finish()
        return try session.commit(SnapshotRecord(header: snapshot.header, manifest: Content(chunks)))
    }

    private var deltas: [Content: [UInt8]] {
        let delta = Self.delta
        return [ContentCutter.content(of: delta): delta, Self.wrongDelta: Self.big.reversed()]
    }

    /// Every hundredth byte is another.
    private static let edited: [UInt8] = {
        var bytes = big
        for i in stride(from: 0, to: bytes.count, by: 100) { bytes[i] &+= 3 }
        return bytes
    }()
    private static let delta: [UInt8] = ContentDelta.make(from: big, to: edited, limit: .max) ?? []
    private static let wrongDelta = ContentCutter.content(of: big.reversed())

    private static let compressed: [TreePath: Derivation] = [
        "zipped.o": .compressed(.gzip, inputs: ["image.o"])
    ]
    private static let patched: [TreePath: Derivation] = [
        "image.o": .patch(
            base: ContentCutter.content(of: big).digest, delta: ContentCutter.content(of: delta)),
        "zipped.o": .compressed(.gzip, inputs: ["image.o"]),
    ]

    private func pull(
        _ id: SnapshotID, into root: Directory, rate: UInt64? = nil,
        compress: @escaping @Sendable (Derivation.Compressor, [UInt8], Int) -> [UInt8]? = { _, bytes, _ in
            ThriftTests.compress(bytes)
        }
    ) throws -> (summary: TreeRestorer.Summary, read: UInt64) {
        let session = try store.begin()
        let local = try machine.look(root)
        session.lend(.init(SnapshotCodec.sections(of: local.entries()).prefix(2)))
        let entries = try session.snapshot(id).entries
        let plan = try RestorePlan(snapshot: entries, local: local, mode: .checkout)
        var options = TreeRestorer.Options()
        options.thrift = Thrift(local: local, compress: compress)
        options.thrift?.bytesPerSecond = rate
        let summary = try TreeRestorer(
            root: root, plan: plan, rules: .plain, session: session, options: options
        ).run()
        return (summary, session.bytesRead.value)
    }

    private func checkSame(_ here: Directory, _ there: Directory) throws {
        let (a, b) = (try TreeScanner().scan(here).files, try TreeScanner().scan(there).files)
        #expect(a.map(\.path) == b.map(\.path))
        for file in a where file.status.kind == .file {
            let same = try here.readFile(file.path) == there.readFile(file.path)
            #expect(same, "\(file.path)")
        }
    }

    private func checkout(_ name: String = "here") throws -> Directory {
        let root = try folder.folder(name)
        try root.put("a.c", "int a;")
        return root
    }

    @Test func aCompressionIsMadeAndServesTheFilesAroundIt() throws {
        let there = try built("there")
        let id = try push(there, Self.compressed)
        let here = try checkout()
        let (summary, read) = try pull(id, into: here)
        try checkSame(here, there)
        #expect(summary.thrift.derived == ["zipped.o"] && summary.thrift.failed == [])
        // The image and the edges of boot.o; not the compression.
        #expect(read < 2_400_000, "\(read)")
        #expect(summary.thrift.spared.value > 1_700_000)
    }

    /// What is read more quickly than it is made is read; on a slow line, or beside much else, it is made.
    @Test func theLineDecidesWhatACompressorDoes() throws {
        let there = try built("there")
        let id = try push(there, Self.compressed)
        // 2 MB of input take 0.13 s; all there is, 4 MB, is read in 0.4 s or in 0.04.
        for (rate, isMade) in [(10_000_000 as UInt64, true), (100_000_000, false), (1, true), (.max, false)] {
            let here = try checkout("here\(rate)")
            let (summary, _) = try pull(id, into: here, rate: rate)
            try checkSame(here, there)
            #expect(summary.thrift.derived == (isMade ? ["zipped.o"] : []), "\(rate)")
            #expect(summary.thrift.failed == [])
        }
        // Where the rest stands here already, less time is left for it.
        let here = try checkout("here")
        try put(here, "image.o", Self.big)
        let (summary, _) = try pull(id, into: here, rate: 20_000_000)
        #expect(summary.thrift.derived == [])
    }

    @Test func withoutThriftEverythingIsRead() throws {
        let there = try built("there")
        let id = try push(there, Self.compressed)
        let here = try checkout()
        let (_, summary) = try machine.pull(id, into: here)
        try checkSame(here, there)
        #expect(summary.thrift == Thrift.Summary())
    }

    @Test func anEditTravelsAsADelta() throws {
        let first = try push(try built("before"), Self.compressed)
        let there = try built("there", image: Self.edited)
        let id = try push(there, Self.patched)
        let here = try checkout()
        _ = try pull(first, into: here)
        let (summary, read) = try pull(id, into: here)
        try checkSame(here, there)
        #expect(Set(summary.thrift.derived) == ["image.o", "zipped.o"])
        #expect(read < 200_000, "\(read)")
        let again = try pull(id, into: here)
        #expect(again.summary.written == 0 && again.read < 1000, "\(again.read)")
        // Times are those of any pull: outputs after the source, and in order.
        #expect(try here.mtime("a.c") < here.mtime("image.o"))
    }

    /// Whatever a compressor yields, or if it is not there: the right bytes end in the tree.
    @Test func aCompressorThatFails() throws {
        let there = try built("there")
        let id = try push(there, Self.compressed)
        let answers: [@Sendable ([UInt8]) -> [UInt8]?] = [
            { _ in nil }, { _ in [] }, { $0 }, { ThriftTests.compress($0) + [0] },
            { ThriftTests.compress($0).dropLast() },
            {
                var bytes = ThriftTests.compress($0)
                bytes[1_234_567] ^= 1
                return bytes
            },
        ]
        for (i, answer) in answers.enumerated() {
            let here = try checkout("here\(i)")
            let (summary, _) = try pull(id, into: here) { _, bytes, _ in answer(bytes) }
            try checkSame(here, there)
            #expect(summary.thrift.failed == ["zipped.o"] && summary.thrift.derived == [], "\(i)")
        }
    }

    /// Inputs that are missing, are links, wait for themselves, or come from another compression.
    @Test func derivationsThatCanNotBe() throws {
        let there = try built("there")
        try there.makeLink("link.o", target: Array("image.o".utf8))
        let cases: [[TreePath: Derivation]] = [
            ["zipped.o": .compressed(.gzip, inputs: ["nowhere.o"])],
            ["zipped.o": .compressed(.gzip, inputs: ["link.o"])],
            ["zipped.o": .compressed(.gzip, inputs: ["zipped.o"])],
            ["zipped.o": .compressed(.gzip, inputs: ["boot.o"])],
            ["zipped.o": .compressed(.gzip, inputs: [])],
            [
                "zipped.o": .compressed(.gzip, inputs: ["boot.o"]),
                "boot.o": .compressed(.gzip, inputs: ["zipped.o"]),
            ],
            ["zipped.o": .patch(base: Digest.of([1]), delta: Self.wrongDelta)],
        ]
        for (i, derivations) in cases.enumerated() {
            let here = try checkout("here\(i)")
            let (summary, _) = try pull(try push(there, derivations), into: here)
            try checkSame(here, there)
            #expect(summary.thrift.derived == [], "\(i)")
        }
    }

    /// A delta that is none, one that is for something else, and a base that has changed since it was looked at.
    @Test func deltasThatDoNotFit() throws {
        let first = try push(try built("before"), [:])
        let there = try built("there", image: Self.edited)
        let base = ContentCutter.content(of: Self.big).digest
        let other = ContentCutter.content(of: Self.compress(Self.big)).digest
        let delta = ContentCutter.content(of: Self.delta)
        let cases: [Derivation] = [
            .patch(base: base, delta: Self.wrongDelta), .patch(base: other, delta: delta),
            .patch(base: base, delta: .empty),
        ]
        for (i, derivation) in cases.enumerated() {
            let here = try checkout("here\(i)")
            _ = try pull(first, into: here)
            let (summary, _) = try pull(try push(there, ["image.o": derivation]), into: here)
            try checkSame(here, there)
            #expect(summary.thrift.derived == [] && summary.thrift.failed == ["image.o"], "\(i)")
        }
    }

    /// A file that is to be copied is changed when it has just been put in its place.
    @Test func anEditOfWhatIsCopied() throws {
        let there = try built("there")
        try put(there, "copy.o", Self.edited)
        try put(there, "twin.o", Self.edited)
        let id = try push(there, Self.compressed)
        let here = try checkout()
        let error = #expect(throws: TreeError.self) {
            _ = try pull(id, into: here) { _, bytes, _ in
                // The other files are written meanwhile.
                for _ in 0..<2000 {
                    if let status = try? here.status("copy.o"), status.size == Self.edited.count { break }
                    WallClock.sleep(5_000_000)
                }
                try? here.openForWriting("copy.o").write([9, 9, 9], at: 1_000_000)
                return ThriftTests.compress(bytes)
            }
        }
        #expect(error?.code == .changing)
        #expect(try here.readFile("twin.o") == nil)
    }

    /// Pieces are taken from files that were changed after they were looked at: each piece is checked.
    @Test func piecesThatAreNoLongerWhatTheyWere() throws {
        let there = try built("there", image: Self.edited)
        let id = try push(there, [:])
        let here = try built("here")
        try here.remove("boot.o")
        // The old image here is the new one but for its start, when it is looked at.
        try put(here, "image.o", Array(Self.edited[..<1_500_000]) + Self.noise(500_000, 5))
        let local = try machine.look(here)
        try put(here, "image.o", Self.noise(2_000_000, 6))
        let session = try store.begin()
        let plan = try RestorePlan(snapshot: try session.snapshot(id).entries, local: local, mode: .checkout)
        var options = TreeRestorer.Options()
        options.thrift = Thrift(local: local)
        _ = try TreeRestorer(root: here, plan: plan, rules: .plain, session: session, options: options).run()
        try checkSame(here, there)
    }

    /// A snapshot that lies about a chunk's length gets no piece of another one.
    @Test func piecesOfAnotherLengthAreNone() throws {
        let local = try machine.look(try built("here"))
        let chunk = try #require(ContentCutter.content(of: Self.big).chunks.first)
        let right = LocalPieces(local, chunks: [chunk.digest: chunk.length], wholes: [])
        #expect(right.contains(chunk.digest))
        let wrong = LocalPieces(local, chunks: [chunk.digest: chunk.length - 1], wholes: [])
        #expect(!wrong.contains(chunk.digest) && wrong.isEmpty)
    }

    /// A file's pieces come from where another one is put in its place meanwhile.
    @Test func filesThatChangePlaces() throws {
        let there = try folder.folder("there")
        try there.put("a.c", "int a;", at: 1000)
        try put(there, "x.o", Self.noise(400_000, 1))
        try put(there, "y.o", Self.noise(400_000, 2))
        let here = try folder.folder("here")
        try here.put("a.c", "int a;", at: 1000)
        try put(here, "x.o", Self.noise(400_000, 2))
        try put(here, "y.o", Self.noise(400_000, 1))
        let (_, read) = try pull(try push(there, [:]), into: here)
        try checkSame(here, there)
        #expect(read < 1000, "\(read)")
    }

    @Test func aDeltaKeepsItsChunksInTheStore() throws {
        _ = try push(try built("before"), [:])
        let there = try built("there", image: Self.edited)
        let id = try push(there, Self.patched)
        _ = try store.collect()
        let session = try store.begin()
        #expect(try session.read(content: ContentCutter.content(of: Self.delta)) == Self.delta)
        #expect(try session.snapshot(id).entries.contains { $0.derivation != nil })
    }
}
