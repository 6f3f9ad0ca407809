import Foundation
import KCacheCore
import KCacheKbuild
import KCacheStore
import SystemPackage
import TestKernel
import Testing

/// Fake kernels, a store, and what is done with them.
struct StoredTrees {
    let kernel: FakeKernel
    let work: Workplace
    let store: Store
    let host: HostEnvironment

    init() throws {
        kernel = try FakeKernel.prepared()
        work = try Workplace()
        store = try Store.open(at: FilePath(work.place("store").path), mode: .createIfMissing)
        var environment = ProcessInfo.processInfo.environment
        environment.merge(FakeKernel.pins) { $1 }
        host = HostEnvironment(environment: environment, cacheFolder: FilePath(work.place("cache").path))
    }

    func built(_ name: String, _ state: FakeState) throws -> URL {
        let place = work.place(name)
        try kernel.makeTree(at: place, state)
        #expect(try kernel.build(place).status == 0)
        return place
    }

    func push(_ place: URL) throws -> SnapshotID {
        try #require(try push(TreePlace(output: FilePath(place.path))).id)
    }

    func push(_ place: TreePlace) throws -> KbuildPusher.Report {
        try KbuildPusher(host: host, store: store).push(.init(place))
    }

    @discardableResult
    func pull(_ id: SnapshotID?, into place: URL) throws -> KbuildPuller.Report {
        try pull(id, into: TreePlace(output: FilePath(place.path)))
    }

    @discardableResult
    func pull(_ id: SnapshotID?, into place: TreePlace) throws -> KbuildPuller.Report {
        var request = KbuildPuller.Request(place)
        request.snapshot = id?.description
        request.sync = false
        return try KbuildPuller(host: host, store: store).pull(request)
    }

    func setOld(_ file: URL) throws { try Shell.run(["touch", "-d", "2001-01-01", file.path]) }

    func expectCleanBuild(_ place: URL, _ state: FakeState) throws {
        let made = try kernel.build(place)
        #expect(made.status == 0, "\(made.log)")
        let differences = try kernel.differences(of: place, from: state)
        #expect(differences.isEmpty, "\(differences)")
    }

    /// As a script runs it, with the compilers of this machine.
    var program: Program {
        var program = work.program
        program.environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        program.environment["KCACHE_STORE"] = work.place("store").path
        program.environment.merge(FakeKernel.pins) { $1 }
        return program
    }
}
