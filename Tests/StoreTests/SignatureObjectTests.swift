import KCacheCore
import KCacheSystem
import TestStore
import Testing

@testable import KCacheStore

/// Signatures as objects of a store; whose they are is tested with ssh-keygen elsewhere.
@Suite struct SignatureObjectTests {
    /// A signature's form, by a key of this number.
    static func signature(_ key: UInt8, namespace: String = "kcache") throws -> SshSignature {
        func string(_ bytes: [UInt8]) -> [UInt8] { [0, 0, 0, UInt8(bytes.count)] + bytes }
        let publicKey = string(Array("ssh-ed25519".utf8)) + string([UInt8](repeating: key, count: 32))
        return try SshSignature(
            blob: Array("SSHSIG".utf8) + [0, 0, 0, 1] + string(publicKey) + string(Array(namespace.utf8))
                + string([]) + string(Array("sha512".utf8)) + string([1, 2, 3]))
    }

    @Test func severalSigners() throws {
        let store = Store(objects: MemoryObjects())
        let id = try push(store, name: "a", outputs: sampleFiles(1))
        let session = try store.begin()
        #expect(try session.signatures(id) == nil)
        #expect(try store.signedSnapshots().isEmpty)
        let (one, two) = (try Self.signature(1), try Self.signature(2))
        try session.add(one, to: id)
        try session.add(two, to: id)
        try session.add(one, to: id)
        #expect(try store.signatures(id) == [two, one])
        #expect(try store.signedSnapshots() == [id])
        for key in 3...16 as ClosedRange<UInt8> { try session.add(try Self.signature(key), to: id) }
        let full = storeError { try session.add(try Self.signature(17), to: id) }
        #expect(full?.code == .refused)
        // One that is there already has its place.
        try session.add(two, to: id)
        #expect(try store.verify().isSound)
        #expect(try store.verify().signatures == 1)
    }

    /// Record, signature, catalog entry: what is listed is signed. Without a signature nothing is listed.
    @Test func signedBeforeItIsListed() throws {
        struct Refused: Error {}
        let objects = MemoryObjects()
        let store = Store(objects: objects)
        let id = try push(store, name: "a", outputs: sampleFiles(2))
        let record = try #require(try store.begin().record(id))
        try store.forget([id])
        let session = try store.begin()
        #expect(throws: Refused.self) { try session.commit(record) { _ in throw Refused() } }
        #expect(try store.catalog().entries.isEmpty)
        let signature = try Self.signature(1)
        let again = try session.commit(record) { (asked) throws in
            #expect(asked == id)
            #expect(try !store.holds(id))
            return [signature]
        }
        #expect(try again == id && store.holds(id) && store.signatures(id) == [signature])
    }

    @Test func forgetAndCollectTakeThemAlong() throws {
        let objects = MemoryObjects()
        let store = Store(objects: objects)
        let (kept, gone) = (
            try push(store, name: "a", outputs: sampleFiles(3)),
            try push(store, name: "b", outputs: sampleFiles(4))
        )
        let before = try store.statistics().recordBytes
        let signature = try Self.signature(1)
        for id in [kept, gone] { try store.begin().add(signature, to: id) }
        let size = UInt64(SnapshotSignatures.encode([signature]).count)
        #expect(try store.statistics().recordBytes.value == before.value + 2 * size)
        try store.forget([gone])
        #expect(try store.signedSnapshots() == [kept])
        // A push that was killed between signature and catalog entry.
        try objects.put(.signature(gone.digest), SnapshotSignatures.encode([signature]))
        #expect(try store.verify().isSound)
        #expect(try store.verify().notes.contains { $0.contains("is signed and not listed") })
        let summary = try store.collect()
        #expect(summary.removedSignatures == 1)
        #expect(try store.signedSnapshots() == [kept])
        let all = try store.collect(GarbageOptions(maxSize: .zero))
        #expect(all.forgotten.isEmpty && all.notes.count == 1)
    }

    @Test func damageIsTold() throws {
        let objects = MemoryObjects()
        let store = Store(objects: objects)
        let id = try push(store, name: "a", outputs: sampleFiles(5))
        let good = SnapshotSignatures.encode([try Self.signature(1)])
        let wrong = [
            [], Array("hello\n".utf8), good + [10], Array(good.dropLast()),
            [UInt8](repeating: 65, count: 1 << 20),
        ]
        for bytes in wrong {
            try objects.put(.signature(id.digest), bytes)
            #expect(storeError { _ = try store.signatures(id) }?.code == .damaged)
            let report = try store.verify()
            #expect(report.problems.count == 1 && report.problems[0].contains("the signature of snapshot"))
            #expect(try store.collect().removedSignatures == 0)
            // Another push puts a good one in its place.
            try store.begin().add(try Self.signature(2), to: id)
            #expect(try store.signatures(id)?.count == 1)
        }
        try objects.put(
            .signature(id.digest), SnapshotSignatures.encode([try Self.signature(1, namespace: "git")]))
        #expect(try store.verify().problems.first?.contains("is for git, not for kcache") == true)
    }
}
