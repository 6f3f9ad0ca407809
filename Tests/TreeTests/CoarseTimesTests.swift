import CKCacheLinux
import KCacheCore
import KCacheStore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheTree

/// Plans for filesystems of every granularity, two whole seconds included, without such a filesystem.
@Suite struct CoarseTimesTests {
    let folder: TemporaryFolder
    let machine: TestMachine

    init() throws {
        folder = try TemporaryFolder()
        machine = TestMachine(
            store: try Store.open(at: folder.path.appending("store"), mode: .createIfMissing))
    }

    private static let ticks: [Int64] = [1, 100, 1000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000]

    /// Random orders of outputs and late sources: what make sees after rounding is what was seen where they were pushed.
    @Test(arguments: ticks) func makeSeesTheOrderThatWas(tick: Int64) throws {
        let resolution = TimeResolution(tick: tick)
        let now: Int64 = 1_790_000_000_123_456_789
        for seed in 1...20 as ClosedRange<UInt64> {
            var random = SplitMix(seed: seed)
            let root = try folder.folder("tree-\(seed)")
            let there = try folder.folder("there-\(seed)")
            for i in 0..<12 {
                let text = "text \(i)"
                try root.put(TreePath(literal: Array("s\(i).c".utf8)), text)
                try there.put(
                    TreePath(literal: Array("s\(i).c".utf8)), text,
                    at: 1_700_000_000 + Int64(random.next() % (i < 6 ? 100 : 200)))
                try there.put(
                    TreePath(literal: Array("o\(i).o".utf8)), "object \(i)",
                    at: 1_700_000_100 + Int64(random.next() % 100))
            }
            try root.put("s11.c", "it differs")
            try root.put("new.c", "it is new")
            let entries = SnapshotPlan(try machine.look(there), earlier: StatIndex()).entries
            let plan = try RestorePlan(snapshot: entries, local: try machine.look(root), mode: .checkout)
            let times = FreshnessPlan(plan, resolution: resolution, now: now)
            var kept: [TreePath: Int64] = [:]
            for (place, mtime) in plan.unchanged { kept[plan.entries[place].path] = mtime }
            for setting in times.sources + times.outputs {
                kept[setting.path] = resolution.floor(setting.mtime)
            }
            let orders = Dictionary(uniqueKeysWithValues: entries.map { ($0.path, $0.order) })
            for output in entries where output.role == .output {
                let made = try #require(kept[output.path])
                for (path, time) in kept where path != output.path {
                    guard let order = orders[path] else { continue }
                    if path == "s11.c" { continue }
                    // Fresh there is fresh here, and a source that was newer there is newer here.
                    if order <= output.order { #expect(time <= made, "tick \(tick), seed \(seed): \(path)") }
                    if order > output.order, path.hasSuffix(".c") {
                        #expect(time > made, "tick \(tick), seed \(seed): \(path)")
                    }
                }
                for path in ["s11.c", "new.c"] as [TreePath] { #expect(try #require(kept[path]) > made) }
                // Whatever is edited when the pull has ended is newer.
                #expect(resolution.floor(times.settledAt) > made)
            }
        }
    }

    /// Whole seconds: an output of the second in which a known source got other content may be of before.
    @Test func aChangeInTheSecondOfAnOutputCounts() throws {
        let status = kept(at: 1_700_000_005)
        let (source, output): (TreePath, TreePath) = ("a.c", "a.o")
        func entries(_ earlier: String) -> [SnapshotEntry] {
            let file = { (text: String) in
                SnapshotEntry.Kind.file(
                    Content([Chunk(digest: Digest.of(Array(text.utf8)), length: UInt32(text.utf8.count))]),
                    executable: false)
            }
            let listing = TreeListing(files: [
                ScannedFile(path: source, status: status), ScannedFile(path: output, status: status),
            ])
            let contents = TreeContents(outcomes: [
                .read(.init(kind: file("now"), holdsTreePath: false, status: status)),
                .read(.init(kind: file("object"), holdsTreePath: false, status: status)),
            ])
            let local = LocalTree(
                root: folder.directory, listing: listing, roles: [.source, .output], contents: contents)
            let index = StatIndex(sorted: [
                .init(path: source, status: status, kind: file(earlier), holdsTreePath: false)
            ])
            return SnapshotPlan(local, earlier: index).entries
        }
        let changed = entries("before")
        #expect(changed[0].order > changed[1].order)
        let same = entries("now")
        #expect(same[0].order == 0)
    }

    private func kept(at seconds: Int64) -> FileStatus {
        var st = kcache_stat()
        (st.mtime_ns, st.ctime_ns) = (seconds * 1_000_000_000, seconds * 1_000_000_000)
        return FileStatus(st)
    }

    /// Archives and images without times: sources of 1970 are older than the stamp of outputs under way.
    @Test func sourcesWithoutTimesAreNewerThanOutputsUnderWay() throws {
        let built = try folder.folder("built")
        try built.put("a.c", "int a;", at: 0)
        try built.put("a.o", "object", at: 1_700_000_000)
        let id = try machine.push(built)
        let here = try folder.folder("here")
        try here.put("a.c", "int a;", at: 0)
        try here.put("new.c", "int b;", at: 1)
        var options = TreeRestorer.Options()
        options.invalidated = { () throws -> [TreePath] in
            // The moment of a kill.
            #expect(try here.mtime("a.c") > here.mtime("a.o"))
            #expect(try here.mtime("new.c") > here.mtime("a.o"))
            return []
        }
        try machine.pull(id, into: here, options: options)
        #expect(try here.mtime("a.c") <= here.mtime("a.o"))
        #expect(try here.mtime("new.c") > here.mtime("a.o"))
    }

    @Test func pathsThatOnlyCaseTellsApart() {
        func twins(_ paths: TreePath...) -> Bool { FilesystemCheck.firstTwins(paths) != nil }
        #expect(twins("net/xt_TCPMSS.c", "net/xt_tcpmss.c"))
        #expect(twins("Net/a.c", "net/a.c"))
        #expect(!twins("net/a.c", "net/b.c"))
    }
}
