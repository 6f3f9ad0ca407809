import Foundation
import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild
@testable import KCacheStore

/// Files that change around the moment in which a push or a pull reads them.
@Suite(.serialized) struct StatIndexRaceTests {
    private let kernel: FakeKernel
    private let work: Workplace
    private let host: HostEnvironment
    private let store = Store(objects: MemoryObjects())

    init() throws {
        kernel = try FakeKernel.prepared()
        work = try Workplace()
        host = HostEnvironment(
            environment: FakeKernel.pins.merging(["PATH": "/usr/bin:/bin"]) { $1 },
            cacheFolder: FilePath(work.place("cache").path))
        try kernel.makeTree(at: work.place("tree"), kernel.initial)
        #expect(try kernel.build(work.place("tree")).status == 0)
    }

    private var tree: FilePath { FilePath(work.place("tree").path) }

    /// Writes the source now, and just before it is read; and lets time go by before what was read is kept.
    private func sink(adding more: String = "") throws -> ProgressSink {
        let file = work.place("tree/core/run.c")
        let text = (kernel.initial.files["core/run.c"] ?? "") + more
        try text.write(to: file, atomically: false, encoding: .utf8)
        return { event in
            switch event {
            case .started: try? text.write(to: file, atomically: false, encoding: .utf8)
            case .finished: WallClock.sleep(100_000_000)
            default: break
            }
        }
    }

    /// It may change once more in the same tick, after it was read: the next push has to read it again.
    @Test func aSourceThatChangesWhileItIsPushed() throws {
        WallClock.sleep(50_000_000)
        let pusher = KbuildPusher(host: host, store: store)
        _ = try pusher.push(.init(tree: tree))
        var request = KbuildPusher.Request(tree: tree)
        request.progress = try sink(adding: "int kcache_edit = 3;\n")
        _ = try pusher.push(request)
        #expect(try pusher.push(.init(tree: tree)).filesRead == 1)
        WallClock.sleep(50_000_000)
        #expect(try pusher.push(.init(tree: tree)).filesRead == 0)
    }

    @Test func aSourceThatChangesWhileItIsCompared() throws {
        WallClock.sleep(50_000_000)
        let pusher = KbuildPusher(host: host, store: store)
        _ = try pusher.push(.init(tree: tree))
        let puller = KbuildPuller(host: host, store: store)
        var request = KbuildPuller.Request(tree: tree)
        request.progress = try sink()
        _ = try puller.pull(request)
        let state = try TreeState(cache: host.cacheFolder, root: try Directory.open(tree))
        #expect(state.loadIndex().record(of: TreePath(literal: Array("core/run.c".utf8))) == nil)
        #expect(state.loadIndex().record(of: TreePath(literal: Array("core/queue.c".utf8))) != nil)
    }
}
