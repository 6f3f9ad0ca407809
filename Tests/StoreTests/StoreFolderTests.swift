import Glibc
import KCacheCore
import KCacheSystem
import SystemPackage
import TestStore
import Testing

@testable import KCacheStore

@Suite struct StoreFolderTests {
    private func write(_ text: String, _ name: String, _ scratch: ScratchFolder) throws {
        try AtomicFile.write(
            Array(text.utf8), to: try #require(TreePath(name)), in: try Directory.open(scratch.path))
    }

    @Test func opening() throws {
        let scratch = try ScratchFolder()
        let missing = scratch.path.appending("no")
        #expect(storeError { _ = try Store.open(at: missing) }?.code == .noStore)
        #expect(storeError { _ = try Store.open(at: scratch.path) }?.code == .noStore)
        let path = scratch.path.appending("a").appending("store")
        _ = try Store.open(at: path, mode: .createIfMissing)
        _ = try Store.open(at: path, mode: .createIfMissing)
        let store = try Store.open(at: path)
        #expect(try store.catalog().entries.isEmpty)
        let names = Set(try Directory.open(path).entries().map { String(decoding: $0.name, as: UTF8.self) })
        #expect(names == ["format", "lock", "packs", "index", "snapshots", "signatures", "catalog"])
    }

    @Test func aFolderOfOtherThingsIsLeftAlone() throws {
        let scratch = try ScratchFolder()
        try write("x", "precious", scratch)
        let error = storeError { _ = try Store.open(at: scratch.path, mode: .createIfMissing) }
        #expect(error?.code == .noStore)
        #expect(error?.message.contains("precious") == true)
        #expect(try Directory.open(scratch.path).entries().count == 1)
    }

    @Test func otherFormats() throws {
        let scratch = try ScratchFolder()
        _ = try Store.open(at: scratch.path, mode: .createIfMissing)
        try write("kcache store 2\nand more\n", "format", scratch)
        let newer = storeError { _ = try Store.open(at: scratch.path, mode: .createIfMissing) }
        #expect(newer?.code == .newerFormat)
        #expect(
            newer?.description
                == "store \(scratch.path.string) has format 2, and this kcache reads 1: use a newer kcache")
        for text in [
            "", "kcache store 1", "kcache store x\n", "kcache store 0\n", "kcache store -1\n", "\0\u{ff}",
        ] {
            try write(text, "format", scratch)
            #expect(storeError { _ = try Store.open(at: scratch.path) }?.code == .damaged, "\(text)")
        }
    }

    @Test func pushAndPull() throws {
        let scratch = try ScratchFolder()
        let store = try Store.open(at: scratch.path, mode: .createIfMissing)
        let outputs = sampleFiles(5, count: 20, size: 9000)
        let id = try push(store, name: "one", outputs: outputs, sources: ["src/a.c": Array("int a;".utf8)])
        #expect(
            try push(store, name: "one", outputs: outputs, sources: ["src/a.c": Array("int a;".utf8)]) == id)
        var expected = outputs
        expected["src/a.c"] = Array("int a;".utf8)
        #expect(try pull(try Store.open(at: scratch.path), id) == expected)
        #expect(try store.catalog().entries.map(\.id) == [id])
        #expect(try store.verify().isSound)
        let statistics = try store.statistics()
        #expect(statistics.packs == 3)
        #expect(statistics.snapshots.count == 1)
        #expect(statistics.snapshots[0].total == statistics.raw)
        #expect(statistics.snapshots[0].unique == statistics.raw)
        #expect(statistics.problems.isEmpty)
    }

    @Test func namesAndNumbers() throws {
        let store = Store(objects: MemoryObjects())
        let ids = try (0..<40).map { i in
            try push(store, name: i < 3 ? "twice" : "n\(i)", outputs: [:], created: Int64(i))
        }
        #expect(try store.resolve("twice") == ids[2])
        #expect(try store.resolve("n7") == ids[7])
        #expect(try store.resolve(ids[9].digest.hex) == ids[9])
        #expect(try store.resolve(ids[9].short) == ids[9])
        #expect(try store.resolve(ids[9].short.uppercased()) == ids[9])
        for text in ["", "nothing", String(ids[9].digest.hex.prefix(3)), "zzzz"] {
            #expect(storeError { _ = try store.resolve(text) }?.code == .unknownSnapshot, "\(text)")
        }
        // A name that is also the start of another's number.
        let odd = try push(store, name: String(ids[5].digest.hex.prefix(6)), outputs: [:], created: 99)
        let error = storeError { _ = try store.resolve(String(ids[5].digest.hex.prefix(6))) }
        #expect(error?.code == .ambiguous)
        #expect(error?.message.contains(odd.short) == true)
        #expect(error?.message.contains(ids[5].short) == true)
        #expect(try store.forget([ids[5], ids[5], SnapshotID(Digest.of([1]))]).first == ids[5])
        #expect(try store.resolve(String(ids[5].digest.hex.prefix(6))) == odd)
        #expect(try store.begin().record(ids[5]) == nil)
        #expect(storeError { _ = try store.begin().snapshot(ids[5]) }?.code == .unknownSnapshot)
    }

    @Test func snapshotsWithoutSourcesAreSound() throws {
        let store = Store(objects: MemoryObjects())
        let id = try push(
            store, name: "thin", outputs: sampleFiles(6), sources: ["a.c": [1, 2, 3]], withoutSources: true)
        #expect(try store.verify().isSound)
        #expect(storeError { _ = try pull(store, id) }?.code == .missing)
        #expect(try store.collect().notes.isEmpty)
        #expect(try store.statistics().snapshots[0].missingChunks == 0)
    }

    // MARK: Places that can't be written

    private static func mount(_ path: FilePath, _ options: String) -> Bool {
        path.withPlatformString { Glibc.mount("tmpfs", $0, "tmpfs", 0, options) } == 0
    }

    private static func unmount(_ path: FilePath) {
        _ = path.withPlatformString { umount2($0, Int32(MNT_DETACH)) }
    }

    /// Needs CAP_SYS_ADMIN, which root in a container may lack.
    private static let canMount: Bool = {
        guard let scratch = try? ScratchFolder(), mount(scratch.path, "size=1m") else { return false }
        unmount(scratch.path)
        return true
    }()

    @Test(.enabled(if: canMount, "a tmpfs can't be mounted here")) func readOnlyStores() throws {
        let scratch = try ScratchFolder()
        try #require(Self.mount(scratch.path, "size=4m"))
        defer { Self.unmount(scratch.path) }
        let path = scratch.path.appending("store")
        let files = sampleFiles(7)
        let id = try push(try Store.open(at: path, mode: .createIfMissing), name: "one", outputs: files)
        for withLock in [true, false] {
            if !withLock { try Directory.open(path).remove(try #require(TreePath("lock"))) }
            let flags = UInt(MS_REMOUNT | MS_RDONLY)
            #expect(scratch.path.withPlatformString { Glibc.mount("tmpfs", $0, "tmpfs", flags, "") } == 0)
            let store = try Store.open(at: path)
            #expect(try pull(store, id) == files)
            try store.begin().touch(id)
            #expect(try store.verify().isSound)
            #expect(try store.collect(GarbageOptions(dryRun: true)).removedPacks == 0)
            let error = storeError { try push(store, name: "two", outputs: sampleFiles(8)) }
            #expect(error?.isReadOnly == true, "\(String(describing: error))")
            #expect(storeError { _ = try store.collect() }?.isReadOnly == true)
            let back = UInt(MS_REMOUNT)
            #expect(scratch.path.withPlatformString { Glibc.mount("tmpfs", $0, "tmpfs", back, "") } == 0)
        }
    }

    @Test(.enabled(if: canMount, "a tmpfs can't be mounted here")) func fullDisk() throws {
        let scratch = try ScratchFolder()
        try #require(Self.mount(scratch.path, "size=1m"))
        defer { Self.unmount(scratch.path) }
        let path = scratch.path.appending("store")
        let store = try Store.open(at: path, mode: .createIfMissing)
        let files = sampleFiles(9)
        let id = try push(store, name: "one", outputs: files)
        let error = storeError {
            try push(store, name: "big", outputs: sampleFiles(10, count: 40, size: 100_000))
        }
        #expect(error?.systemError?.errno == .noSpace, "\(String(describing: error))")
        #expect(try store.objects.removeLeftovers(dryRun: true) == 0)
        #expect(try store.catalog().entries.map(\.id) == [id])
        #expect(try pull(store, id) == files)
        #expect(try store.verify().isSound)
        _ = try store.collect()
        #expect(try pull(store, id) == files)
    }
}
