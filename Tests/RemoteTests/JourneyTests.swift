import KCacheCore
import KCacheRemote
import KCacheSystem
import Synchronization
import SystemPackage
import TestStore
import Testing

@testable import KCacheStore

/// How often a pull has to wait for a store that is far away, and what it does not ask for.
@Suite struct JourneyTests {
    private let behind = Store(objects: MemoryObjects())
    private let near = Store(objects: MemoryObjects())
    private let cache: ScratchFolder
    private let outputs = sampleFiles(3, count: 60, size: 9000)
    private let sources = sampleFiles(4, count: 400, size: 3000)

    init() throws { cache = try ScratchFolder() }

    /// The far store, and what is asked of it.
    private func far() throws -> (store: Store, log: LoggedObjects) {
        let log = LoggedObjects(behind.objects)
        let locks = StoreLocks(
            exclusive: { _ throws(StoreError) in StoreLocks.Held {} },
            sharedExpecting: { questions, _ throws(StoreError) in
                log.expect(questions)
                return StoreLocks.Held {}
            })
        var options = Store.Options()
        options.isRemote = true
        let store = Store(
            objects: log, locks: locks, indexCache: try IndexCache(in: Directory.create(cache.path)),
            options: options)
        return (store, log)
    }

    private func pushBoth(_ name: String) throws -> SnapshotID {
        try push(
            behind, name: name, outputs: outputs,
            sources: Dictionary(uniqueKeysWithValues: sources.map { ("src/" + $0.key, $0.value) }))
    }

    @Test func fewJourneysLeadToASnapshot() throws {
        let ids = try (0..<5).map { try pushBoth("n\($0)") }
        let (store, log) = try far()
        let session = try store.begin(near: try near.begin(), withoutSources: true)
        _ = try session.catalog()
        // The lock and the listings; the catalog, the records, small indexes and what kind the large ones are of;
        // the large ones that are needed.
        #expect(log.journeys == 3)
        try session.fetch(snapshots: ids)
        for id in ids { _ = try session.snapshot(id) }
        // Records that are less likely, and all manifests.
        #expect(log.journeys == 5)
        for id in ids { _ = try session.snapshot(id) }
        #expect(log.journeys == 5)
        try session.touch(ids[0])
        #expect(log.journeys == 5)
        let contents = try session.snapshot(ids[0]).entries.filter { $0.role == .output }.compactMap(
            \.content)
        try session.fetch(contents)
        for content in contents { _ = try session.read(content: content) }
        #expect(log.journeys == 6)
        #expect(log.unread == 0)

        let second = try far()
        let again = try second.store.begin(near: try near.begin(), withoutSources: true)
        _ = try again.snapshot(try #require(try again.catalog().entries.first).id)
        // Nothing of indexes.
        #expect(second.log.journeys == 3)
    }

    @Test func indexesOfSourcesStayWhereTheyAre() throws {
        let id = try pushBoth("n")
        let kinds = Dictionary(
            uniqueKeysWithValues: try behind.reader.packs().packs.map { ($0.pack, $0.table.kind) })
        for _ in 0..<2 {
            let (store, log) = try far()
            let session = try store.begin(near: try near.begin(), withoutSources: true)
            for entry in try session.snapshot(id).entries where entry.role == .output {
                let content = try #require(entry.content)
                #expect(try session.read(content: content).count == Int(content.size.value))
            }
            let fetched = log.fetched.filter { $0.kind == .index }.compactMap(\.digest)
            #expect(!fetched.contains { kinds[$0] == .sources })
            // Whoever wants them after all gets them.
            let source = try #require(session.snapshot(id).entries.first { $0.role == .source })
            let content = try #require(source.content)
            let bytes = try session.read(content: content)
            #expect(bytes == sources[String("\(source.path)".dropFirst("src/".count))])
            #expect(log.fetched.contains { $0.digest.map { kinds[$0] == .sources } ?? false })
        }
    }

    @Test func whatWasExpectedIsNotBelievedAfterAWrite() throws {
        let served = try ServedStore()
        let record = Digest.of([1])
        try served.objects.expect([.list(.signatures), .get(.format, limit: 100)])
        _ = try served.objects.info(.format)
        try served.behind.objects.put(.signature(record), [1])
        // Of the moment when it was asked.
        #expect(try served.objects.list(.signatures).isEmpty)
        #expect(try served.objects.list(.signatures).count == 1)

        try served.objects.expect([.list(.signatures)])
        #expect(try served.objects.delete([.signature(record)]) == 1)
        #expect(try served.objects.list(.signatures).isEmpty)
    }

    @Test func whyAFarStoreCanNotBeReachedIsToldOnce() throws {
        let attempts = SharedNumber()
        let objects = RemoteObjects(place: "far") { () throws(StoreError) in
            attempts.value += 1
            throw StoreError(.unreachable, "attempt \(attempts.value)", subject: "far")
        }
        objects.reach()
        while attempts.value == 0 { WallClock.sleep(1_000_000) }
        #expect(storeError { _ = try objects.list(.packs) }?.message == "attempt 1")
        #expect(storeError { _ = try objects.list(.packs) }?.message == "attempt 2")
        objects.reach()
        #expect(storeError { _ = try objects.list(.packs) }?.message == "attempt 3")
        #expect(attempts.value == 3)
    }
}

/// Objects that count how often somebody has to wait for them.
private final class LoggedObjects: ObjectPruner {
    private let objects: any ObjectPruner
    private struct State {
        /// What is asked now is answered one later.
        var journeys = 0
        /// When it was asked.
        var expected: [ObjectQuestion: Int] = [:]
        var fetched: [ObjectName] = []
    }
    private let state = Mutex(State())

    init(_ objects: any ObjectPruner) { self.objects = objects }

    var place: String { objects.place }
    var journeys: Int { state.withLock { $0.journeys } }
    /// Answers that nobody has fetched.
    var unread: Int { state.withLock { $0.expected.count } }
    /// Objects of which more than the start was asked for.
    var fetched: [ObjectName] { state.withLock { $0.fetched } }

    private func waits() { state.withLock { $0.journeys += 1 } }

    func expect(_ questions: [ObjectQuestion]) {
        state.withLock { state in
            for question in questions where state.expected[question] == nil {
                state.expected[question] = state.journeys
            }
        }
    }

    private func ask(_ questions: [ObjectQuestion]) {
        state.withLock { state in
            let asked = questions.map { state.expected.removeValue(forKey: $0) ?? state.journeys }
            if let last = asked.max() { state.journeys = max(state.journeys, last + 1) }
            for question in questions {
                switch question {
                case .get(let name, _): state.fetched.append(name)
                case .read(let range) where range.length > 8: state.fetched.append(range.name)
                default: break
                }
            }
        }
    }

    func get(_ name: ObjectName, limit: Int) throws(StoreError) -> [UInt8]? {
        ask([.get(name, limit: limit)])
        return try objects.get(name, limit: limit)
    }

    func get(_ names: [ObjectName], limit: Int) throws(StoreError) -> [[UInt8]?] {
        ask(names.map { .get($0, limit: limit) })
        return try objects.get(names, limit: limit)
    }

    func read(_ name: ObjectName, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer)
        throws(StoreError) -> Int?
    {
        ask([.read(ObjectRange(name: name, offset: offset, length: UInt32(buffer.count)))])
        return try objects.read(name, at: offset, into: buffer)
    }

    func info(_ name: ObjectName) throws(StoreError) -> ObjectInfo? {
        waits()
        return try objects.info(name)
    }

    func list(_ kind: ObjectKind) throws(StoreError) -> [ObjectInfo] {
        ask([.list(kind)])
        return try objects.list(kind)
    }

    func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StoreError) { try objects.put(name, bytes) }
    func beginStream() throws(StoreError) -> any ObjectStream { try objects.beginStream() }
    func delete(_ names: [ObjectName]) throws(StoreError) -> Int { try objects.delete(names) }

    func touch(_ name: ObjectName, _ ns: Int64) throws(StoreError) -> Bool {
        waits()
        return try objects.touch(name, ns)
    }

    func noteUse(_ name: ObjectName, _ ns: Int64) throws(StoreError) { _ = try objects.touch(name, ns) }

    func removeLeftovers(dryRun: Bool) throws(StoreError) -> Int {
        try objects.removeLeftovers(dryRun: dryRun)
    }
}
