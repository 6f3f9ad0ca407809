import KCacheCore
import Synchronization
import TestStore
import Testing

@testable import KCacheStore

/// Objects whose process dies after a number of writes: from then on every write fails, and what was being
/// written is gone.
private final class DyingObjects: ObjectPruner {
    struct Died: Error {}
    let inner: MemoryObjects
    private let left: Mutex<Int>

    init(_ inner: MemoryObjects, after writes: Int) {
        self.inner = inner
        left = Mutex(writes)
    }

    var hasDied: Bool { left.withLock { $0 < 0 } }

    fileprivate func count() throws(StoreError) {
        let alive = left.withLock { left in
            left -= 1
            return left >= 0
        }
        guard alive else { throw StoreError(.system, "died", subject: "test", cause: Died()) }
    }

    var place: String { inner.place }
    func get(_ name: ObjectName, limit: Int) throws(StoreError) -> [UInt8]? {
        try inner.get(name, limit: limit)
    }
    func read(_ name: ObjectName, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer)
        throws(StoreError) -> Int?
    { try inner.read(name, at: offset, into: buffer) }
    func info(_ name: ObjectName) throws(StoreError) -> ObjectInfo? { try inner.info(name) }
    func list(_ kind: ObjectKind) throws(StoreError) -> [ObjectInfo] { try inner.list(kind) }
    func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StoreError) {
        try count()
        try inner.put(name, bytes)
    }
    func beginStream() throws(StoreError) -> any ObjectStream {
        try count()
        return DyingStream(self, try inner.beginStream())
    }
    func touch(_ name: ObjectName, _ ns: Int64) throws(StoreError) -> Bool {
        try count()
        return try inner.touch(name, ns)
    }
    func delete(_ names: [ObjectName]) throws(StoreError) -> Int {
        var removed = 0
        for name in names {
            try count()
            removed += try inner.delete([name])
        }
        return removed
    }
    func removeLeftovers(dryRun: Bool) throws(StoreError) -> Int { try inner.removeLeftovers(dryRun: dryRun) }
}

private final class DyingStream: ObjectStream {
    private let owner: DyingObjects
    private let inner: any ObjectStream
    init(_ owner: DyingObjects, _ inner: any ObjectStream) { (self.owner, self.inner) = (owner, inner) }
    func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        try owner.count()
        try inner.append(bytes)
    }
    func commit(as name: ObjectName) throws(StoreError) {
        try owner.count()
        try inner.commit(as: name)
    }
    func cancel() { inner.cancel() }
    var length: UInt64 { inner.length }
    func suspend() { inner.suspend() }
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
        try inner.read(at: offset, into: buffer)
    }
    func digest() throws(StoreError) -> Digest { try inner.digest() }
}

/// A death between any two writes.
@Suite struct FaultTests {
    private func options() -> Store.Options {
        var options = Store.Options()
        options.fullPack = 3000
        return options
    }

    /// Repeats `body` with one more write allowed each time, until it gets through; `check` follows each death.
    private func dieEverywhere(
        _ prepare: (Store) throws -> Void, _ body: (Store) throws -> Void,
        _ check: (Store, Bool) throws -> Void
    ) throws -> Int {
        for writes in 0..<1000 {
            let inner = MemoryObjects()
            try prepare(Store(objects: inner, options: options()))
            let objects = DyingObjects(inner, after: writes)
            do { try body(Store(objects: objects, options: options())) } catch {
                #expect(objects.hasDied, "\(error)")
            }
            try check(Store(objects: inner, options: options()), objects.hasDied)
            if !objects.hasDied { return writes }
        }
        Issue.record("never got through")
        return 0
    }

    @Test func push() throws {
        let (a, b) = (sampleFiles(50, count: 6), sampleFiles(51, count: 6))
        var one: SnapshotID?
        let steps = try dieEverywhere {
            one = try TestStore.push($0, name: "a", outputs: a)
        } _: {
            try TestStore.push($0, name: "b", outputs: b)
        } _: { store, died in
            let report = try store.verify()
            #expect(report.isSound, "\(report.problems)")
            #expect(try pull(store, try #require(one)) == a)
            let others = try store.catalog().entries.filter { $0.id != one }
            for other in others { #expect(try pull(store, other.id) == b) }
            #expect(died || others.count == 1)
            // The next push and gc tidy up.
            let two = try TestStore.push(store, name: "b", outputs: b)
            #expect(try pull(store, two) == b)
            _ = try store.collect()
            #expect(try pull(store, two) == b)
            #expect(try pull(store, try #require(one)) == a)
            #expect(try store.verify().isSound)
            #expect(try store.verify().notes.isEmpty)
        }
        #expect(steps > 20)
    }

    @Test func collectAndForget() throws {
        let all = sampleFiles(52, count: 12)
        let few = Dictionary(uniqueKeysWithValues: all.sorted { $0.key < $1.key }.prefix(4).map { ($0, $1) })
        var keep: SnapshotID?
        let steps = try dieEverywhere { store in
            try TestStore.push(store, name: "all", outputs: all, created: 1)
            keep = try TestStore.push(store, name: "few", outputs: few)
            try TestStore.push(store, name: "other", outputs: sampleFiles(53))
        } _: { store in
            try store.forget([try store.resolve("all"), try store.resolve("other")])
            _ = try store.collect()
        } _: { store, died in
            let report = try store.verify()
            #expect(report.isSound, "\(report.problems)")
            #expect(try pull(store, try #require(keep)) == few)
            for entry in try store.catalog().entries { _ = try pull(store, entry.id) }
            try store.forget(try store.catalog().entries.map(\.id).filter { $0 != keep })
            _ = try store.collect()
            #expect(try pull(store, try #require(keep)) == few)
            #expect(try store.verify().isSound)
            #expect(try store.verify().notes.isEmpty)
            #expect(try store.catalog().entries.count == 1)
        }
        #expect(steps > 10)
    }
}
