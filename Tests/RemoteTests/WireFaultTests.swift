import KCacheCore
import KCacheStore
import KCacheSystem
import TestStore
import Testing

/// Connections that break: success or one error, and a store that is intact.
@Suite struct WireFaultTests {
    private let files = sampleFiles(77, count: 30)

    /// What a person does: pushes, lists, pulls.
    private func work(_ store: Store) throws {
        let id = try push(store, name: "n", outputs: files)
        #expect(try store.catalog().entries.map(\.header.name) == ["n"])
        #expect(try pull(store, id) == files)
        try store.touch(id)
    }

    private func isWhole(_ store: Store) throws {
        #expect(try store.verify().isSound)
        for entry in try store.catalog().entries { #expect(try pull(store, entry.id) == files) }
    }

    private func lengths() throws -> FaultyWire {
        let wire = FaultyWire()
        try work(wire.store(retries: 0))
        #expect(wire.connections == 1)
        return wire
    }

    /// Without another attempt: an error, nothing else; the next run goes on.
    private func breaks(_ fault: FaultyWire.Fault, patience: Int32 = 60) throws {
        let wire = FaultyWire([fault], patience: patience)
        do { try work(wire.store(retries: 0)) } catch let error as StoreError {
            #expect(error.code == .unreachable || fault.kind == .flip, "\(fault): \(error)")
            #expect(!"\(error)".contains("\n"))
        }
        try isWhole(wire.behind)
        try work(wire.store(retries: 0))
        try isWhole(wire.behind)
    }

    @Test func cutAfterEachMessage() throws {
        let ends = try lengths().ends
        #expect(ends.up.count > 20 && ends.down.count > 20)
        for (isUpward, ends) in [(true, ends.up), (false, ends.down)] {
            for end in ends { try breaks(.init(isUpward: isUpward, after: end, kind: .cut)) }
        }
    }

    @Test func cutAtRandomBytes() throws {
        let passed = try lengths().passed
        var rng = SeededGenerator(4)
        for _ in 0..<200 {
            let isUpward = Bool.random(using: &rng)
            let after = Int.random(in: 0..<(isUpward ? passed.up : passed.down), using: &rng)
            try breaks(.init(isUpward: isUpward, after: after, kind: .cut))
        }
    }

    @Test func anotherAttemptGoesOn() throws {
        let passed = try lengths().passed
        var rng = SeededGenerator(5)
        for _ in 0..<50 {
            let faults = (0..<3).map { _ -> FaultyWire.Fault in
                let isUpward = Bool.random(using: &rng)
                // Not in the greeting: what has never been reached is not tried again.
                let after = Int.random(in: 200..<(isUpward ? passed.up : passed.down), using: &rng)
                return .init(isUpward: isUpward, after: after, kind: .cut)
            }
            let wire = FaultyWire(faults)
            // Streams have to be taken up by their owner.
            let source = Store(objects: MemoryObjects())
            let id = try push(source, name: "n", outputs: files)
            let far = wire.store(retries: 3)
            let summary = try SnapshotTransfer(from: try source.begin(), to: try far.begin()).copy(id)
            #expect(summary.newChunks > 0)
            #expect(try pull(far, id) == files)
            try isWhole(wire.behind)
        }
    }

    @Test(arguments: [true, false]) func halfClosed(_ isUpward: Bool) throws {
        let ends = try lengths().ends
        let all = isUpward ? ends.up : ends.down
        for i in stride(from: 0, to: all.count, by: max(1, all.count / 12)) {
            try breaks(.init(isUpward: isUpward, after: all[i], kind: .halfClose))
        }
    }

    @Test(arguments: [true, false]) func stalls(_ isUpward: Bool) throws {
        let ends = try lengths().ends
        let all = isUpward ? ends.up : ends.down
        for i in [0, 1, all.count / 2, all.count - 2] {
            try breaks(.init(isUpward: isUpward, after: all[i], kind: .stall), patience: 1)
        }
    }

    /// The far end owes nothing while this one is still sending.
    @Test func aSlowUploadIsNoSilence() throws {
        let wire = FaultyWire(patience: 1, rate: RateLimit(bytesPerSecond: 300_000))
        var rng = SeededGenerator(9)
        let source = Store(objects: MemoryObjects())
        let id = try push(source, name: "n", outputs: ["f": randomBytes(2_500_000, &rng)])
        var options = SnapshotTransfer.Options()
        options.retries = 0
        _ = try SnapshotTransfer(
            from: try source.begin(), to: try wire.store(retries: 0).begin(), options: options
        ).copy(id)
        #expect(wire.connections == 1)
        #expect(try pull(wire.behind, id) == pull(source, id))
    }

    /// A byte that arrives as another one: an error, or a content that its digest refuses; never a wrong file.
    @Test func flippedBytes() throws {
        let passed = try lengths().passed
        var rng = SeededGenerator(6)
        for _ in 0..<100 {
            let isUpward = Bool.random(using: &rng)
            let after = Int.random(in: 0..<(isUpward ? passed.up : passed.down), using: &rng)
            try breaks(.init(isUpward: isUpward, after: after, kind: .flip), patience: 1)
        }
    }

    @Test func aBrokenPackIsNotSentTwice() throws {
        let scratch = try ScratchFolder()
        let far = try Store.open(at: scratch.path, mode: .createIfMissing)
        let source = Store(objects: MemoryObjects())
        var rng = SeededGenerator(8)
        let id = try push(source, name: "n", outputs: ["f": randomBytes(2_000_000, &rng)])
        let whole = FaultyWire(behind: Store(objects: MemoryObjects()))
        _ = try SnapshotTransfer(from: try source.begin(), to: try whole.store(retries: 0).begin()).copy(id)
        let sent = whole.passed.up

        let wire = FaultyWire([.init(isUpward: true, after: sent / 2, kind: .cut)], behind: far)
        let error = #expect(throws: StoreError.self) {
            var options = SnapshotTransfer.Options()
            options.retries = 0
            _ = try SnapshotTransfer(
                from: try source.begin(), to: try wire.store(retries: 0).begin(), options: options
            ).copy(id)
        }
        #expect(error?.code == .unreachable)
        let summary = try SnapshotTransfer(
            from: try source.begin(), to: try wire.store(retries: 0).begin()
        ).copy(id)
        #expect(summary.resumedBytes.value > UInt64(sent / 4))
        #expect(wire.passed.up < sent - sent / 4)
        #expect(try far.verify().isSound)
        #expect(try pull(far, id) == pull(source, id))
    }

    /// A lost connection has lost the lock: what was found or sent before may be gone when there is one again.
    @Test func collectedWhileTheLineWasDown() throws {
        let source = Store(objects: MemoryObjects())
        let id = try push(source, name: "n", outputs: files)
        /// A store that has half of it, for a snapshot that is forgotten while the line is down.
        func far() throws -> (store: Store, other: SnapshotID) {
            let store = Store(objects: MemoryObjects())
            let half = files.filter { $0.key.hasSuffix("1") || $0.key.hasSuffix("2") }
            return (store, try push(store, name: "half", outputs: half))
        }
        func copy(_ wire: FaultyWire) throws {
            _ = try SnapshotTransfer(from: try source.begin(), to: try wire.store(retries: 3).begin()).copy(
                id)
        }
        let whole = FaultyWire(behind: try far().store)
        try copy(whole)
        for (isUpward, ends) in [(true, whole.ends.up), (false, whole.ends.down)] {
            // Not in the greeting: what has never been reached is not tried again.
            for end in ends.dropFirst(2) {
                let (store, other) = try far()
                let wire = FaultyWire([.init(isUpward: isUpward, after: end, kind: .cut)], behind: store) {
                    _ = try? store.forget([other])
                    _ = try? store.collect()
                }
                let failure = storeError { try copy(wire) }
                #expect(failure == nil, "\(isUpward) \(end)")
                #expect(try store.verify().isSound, "\(isUpward) \(end)")
                #expect(try pull(store, id) == files, "\(isUpward) \(end)")
            }
        }
    }

    /// What lies there of an attempt that broke off may not be what was sent: a power cut, another's doing.
    @Test(arguments: [-1, 0, 5000]) func theUnfinishedIsSomethingElse(_ longer: Int) throws {
        let source = Store(objects: MemoryObjects())
        let id = try push(source, name: "n", outputs: files)
        let scratch = try ScratchFolder()
        let far = try Store.open(at: scratch.path, mode: .createIfMissing)
        let once = Store(objects: MemoryObjects())
        _ = try SnapshotTransfer(from: try source.begin(), to: try once.begin()).copy(id)
        for info in try once.objects.list(.packs) {
            let size = Int(info.size.value)
            let count = longer < 0 ? size / 2 : size + longer
            let stream = try #require(try far.objects.resumeStream(info.name))
            try [UInt8](repeating: 0, count: count).withUnsafeBytes { try stream.append($0) }
            stream.suspend()
        }
        let wire = FaultyWire(behind: far)
        _ = try SnapshotTransfer(from: try source.begin(), to: try wire.store(retries: 0).begin()).copy(id)
        #expect(try far.verify().isSound)
        #expect(try pull(far, id) == files)
    }
}
