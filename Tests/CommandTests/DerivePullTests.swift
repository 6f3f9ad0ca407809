import Foundation
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheTree
import SystemPackage
import TestKernel
import Testing

/// Pulls that derive, on the fake kernel with real make and real gzip: a payload of some MB and its compression stand
/// for vmlinux and its own.
@Suite(.serialized) struct DerivePullTests {
    let kernel: FakeKernel
    let work: Workplace
    let store: Store
    let environment: [String: String]

    private static let (image, zipped) = ("arch/fake/kernel/image.bin", "arch/fake/kernel/image.bin.gz")

    init() throws {
        kernel = try FakeKernel.prepared()
        work = try Workplace()
        store = try Store.open(at: FilePath(work.place("store").path), mode: .createIfMissing)
        var environment = ProcessInfo.processInfo.environment
        environment.merge(FakeKernel.pins) { $1 }
        self.environment = environment
    }

    private func host(_ path: String? = nil) -> HostEnvironment {
        var environment = environment
        if let path { environment["PATH"] = "\(path):\(environment["PATH"] ?? "")" }
        return HostEnvironment(environment: environment, cacheFolder: FilePath(work.place("cache").path))
    }

    /// Puts the payload into a built tree, as Kbuild's rules would, and its compression by the command that the
    /// saved one repeats.
    private func addImage(to place: URL, edited: Bool) throws {
        var random = SplitMix(seed: 5)
        var bytes = Data((0..<3_000_000).map { _ in UInt8(truncatingIfNeeded: random.next() % 100) })
        if edited { for i in stride(from: 0, to: bytes.count, by: 500) { bytes[i] &+= 100 } }
        try bytes.write(to: place.appending(path: Self.image))
        let command = "cat \(Self.image) | gzip -n -f -9 > \(Self.zipped)"
        try Shell.run(["sh", "-c", "cd '\(place.path)' && \(command)"])
        for (target, command) in [
            (Self.image, "objcopy -O binary vmlinux \(Self.image)"), (Self.zipped, command),
        ] {
            let url = place.appending(path: target)
            let saved = url.deletingLastPathComponent().appending(path: ".\(url.lastPathComponent).cmd")
            try "cmd_\(target) := \(command)\n".write(to: saved, atomically: true, encoding: .utf8)
        }
    }

    private func built(_ name: String, edited: Bool = false) throws -> URL {
        let place = work.place(name)
        try kernel.makeTree(at: place, kernel.initial)
        #expect(try kernel.build(place).status == 0)
        try addImage(to: place, edited: edited)
        return place
    }

    private func push(_ place: URL) throws -> KbuildPusher.Report {
        try KbuildPusher(host: host(), store: store).push(.init(tree: FilePath(place.path)))
    }

    private func pull(
        _ id: SnapshotID?, into place: URL, host: HostEnvironment, derive: Bool? = true
    ) throws -> KbuildPuller.Report {
        var request = KbuildPuller.Request(tree: FilePath(place.path))
        request.snapshot = id?.description
        request.sync = false
        request.derive = derive
        return try KbuildPuller(host: host, store: store).pull(request)
    }

    private func checkSame(_ a: URL, _ b: URL) throws {
        for target in [Self.image, Self.zipped, "vmlinux", "System.map"] {
            let same =
                try Data(contentsOf: a.appending(path: target)) == Data(contentsOf: b.appending(path: target))
            #expect(same, "\(target)")
        }
        #expect(
            try kernel.differences(of: a, from: kernel.initial).filter { !$0.contains("image.bin") } == [])
    }

    @Test func firstPullEditAndNothingNew() throws {
        let first = try built("first")
        let one = try push(first)
        let here = work.place("here")
        try kernel.makeCheckout(at: here, kernel.initial)
        let pulled = try pull(one.id, into: here, host: host())
        #expect(pulled.thrift.derived.map(\.description) == [Self.zipped] && pulled.thrift.failed == [])
        try checkSame(here, first)
        #expect(try kernel.build(here).toolSteps.isEmpty)

        try addImage(to: first, edited: true)
        let two = try push(first)
        // The same tree once more is the same snapshot, though its deltas are against another one.
        #expect(try push(first).id == two.id)
        let edited = try pull(two.id, into: here, host: host())
        #expect(Set(edited.thrift.derived.map(\.description)) == [Self.image, Self.zipped])
        #expect(edited.bytesRead.value < 100_000, "\(edited.bytesRead)")
        try checkSame(here, first)
        #expect(try kernel.build(here).toolSteps.isEmpty)

        let again = try pull(two.id, into: here, host: host())
        #expect(again.written == 0 && again.bytesRead.value < 20_000, "\(again.bytesRead)")
        // Another tree with nothing of it derives what it can, and reads the rest.
        let fresh = work.place("fresh")
        try kernel.makeCheckout(at: fresh, kernel.initial)
        let whole = try pull(two.id, into: fresh, host: host())
        #expect(whole.thrift.derived.map(\.description) == [Self.zipped])
        try checkSame(fresh, first)
    }

    @Test func anotherGzipOrNone() throws {
        let first = try built("first")
        let id = try push(first).id
        for (i, script) in ["exit 1", "exec /bin/gzip -1", "cat", "cat /dev/zero", "echo garbage"]
            .enumerated()
        {
            let bin = work.place("bin\(i)")
            try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
            let gzip = bin.appending(path: "gzip")
            try "#!/bin/sh\n\(script)\n".write(to: gzip, atomically: true, encoding: .utf8)
            try Shell.run(["chmod", "+x", gzip.path])
            let here = work.place("here\(i)")
            try kernel.makeCheckout(at: here, kernel.initial)
            let report = try pull(id, into: here, host: host(bin.path))
            #expect(report.thrift.derived == [], "\(script)")
            #expect(report.thrift.failed.map(\.description) == [Self.zipped], "\(script)")
            try checkSame(here, first)
        }
    }

    /// A folder here is read, not derived from; a store far away the other way round, unless told otherwise.
    @Test func onlyRemoteStoresAreSpared() throws {
        let first = try built("first")
        let id = try push(first).id
        let here = work.place("here")
        try kernel.makeCheckout(at: here, kernel.initial)
        let report = try pull(id, into: here, host: host(), derive: nil)
        #expect(report.thrift == Thrift.Summary())
        try checkSame(here, first)
        var options = Store.Options()
        options.isRemote = true
        let remote = try Store.open(at: FilePath(work.place("store").path), options: options)
        for (i, derive) in [nil, false].enumerated() {
            let there = work.place("there\(i)")
            try kernel.makeCheckout(at: there, kernel.initial)
            var request = KbuildPuller.Request(tree: FilePath(there.path))
            (request.sync, request.derive) = (false, derive)
            let report = try KbuildPuller(host: host(), store: remote).pull(request)
            #expect(report.thrift.derived.isEmpty == (derive == false))
            try checkSame(there, first)
        }
    }
}
