import Foundation
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage
import TestKernel
import Testing

/// Random histories on the fake kernel, with real make and a clean build as the oracle: pushes, pulls of older
/// and newer snapshots into fresh checkouts, stale builds and edited trees, in any order.
@Suite(.serialized) struct PullHistoryTests {
    /// `KCACHE_TEST_SEED` runs one, `KCACHE_TEST_HISTORIES` says how many (of 12 rounds each).
    static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["KCACHE_TEST_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        let count = environment["KCACHE_TEST_HISTORIES"].flatMap { Int($0) } ?? 9
        return (1...UInt64(max(1, count))).map { $0 }
    }

    @Test(arguments: seeds) func whatMakeMakesAfterAPullIsWhatACleanBuildMakes(seed: UInt64) throws {
        var run = try HistoryRun(seed: seed)
        defer { run.end() }
        try run.start()
        for _ in 0..<12 where !run.failed { try run.round() }
    }
}

/// One history: a builder's tree, other people's trees, one store.
private struct HistoryRun {
    let kernel: FakeKernel
    let seed: UInt64
    let folder: URL
    let store: Store
    let host: HostEnvironment
    var history: FakeHistory
    var random: SplitMix
    var snapshots: [(id: SnapshotID, state: FakeState)] = []
    /// Other people's trees, and the state of their sources.
    var trees: [(place: URL, state: FakeState)] = []
    var builder: (place: URL, state: FakeState)
    var count = 0
    var failed = false
    var log: [String] = []

    init(seed: UInt64) throws {
        self.seed = seed
        kernel = try FakeKernel.prepared()
        folder = FileManager.default.temporaryDirectory.appending(path: "kcache-history-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        store = try Store.open(at: FilePath(folder.appending(path: "store").path), mode: .createIfMissing)
        var environment = ProcessInfo.processInfo.environment
        environment.merge(FakeKernel.pins) { $1 }
        host = HostEnvironment(
            environment: environment, cacheFolder: FilePath(folder.appending(path: "cache").path))
        history = FakeHistory(kernel, random: SplitMix(seed: seed))
        random = SplitMix(seed: seed &* 7919 &+ 1)
        builder = (folder.appending(path: "builder"), history.state)
    }

    func end() { try? FileManager.default.removeItem(at: folder) }

    mutating func start() throws {
        try kernel.makeTree(at: builder.place, builder.state)
        try make(builder.place, builder.state, "the first build")
        try push()
    }

    mutating func round() throws {
        switch random.next() % 8 {
        case 0, 1:
            try editBuilder()
            try push()
        case 2, 3: try pullIntoCheckout()
        case 4: try pullIntoEmptyDirectory()
        case 5: try buildElsewhere()
        default: try pullIntoUsedTree()
        }
    }

    // MARK: What people do

    private mutating func editBuilder() throws {
        let before = history.state
        for _ in 0...(random.next() % 3) {
            let earlier = history.state
            try history.step()
            try history.apply(to: builder.place, from: earlier)
        }
        builder.state = history.state
        _ = before
        try make(builder.place, builder.state, "a build after edits")
    }

    private mutating func push() throws {
        guard !failed else { return }
        let report = try KbuildPusher(host: host, store: store).push(
            .init(tree: FilePath(builder.place.path)))
        if let id = report.id { snapshots.append((id, builder.state)) }
        log.append("push \(report.id?.short ?? "")")
    }

    /// A state near some snapshot's, with edits that make alone would not see as well.
    private mutating func anotherState() throws -> FakeState {
        let past = history.past
        let start = past[Int(random.next() % UInt64(past.count))]
        var branch = FakeHistory(kernel, random: SplitMix(seed: random.next()))
        branch.jump(to: start)
        for _ in 0..<(random.next() % 3) { try branch.step(FakeEdit.allCases) }
        log.append("state: \(branch.log.joined(separator: "; "))")
        return branch.state
    }

    private mutating func pullIntoCheckout() throws {
        count += 1
        let state = try anotherState()
        let place = folder.appending(
            path: "checkout number \(count)".replacingOccurrences(of: " ", with: "-"))
        try kernel.makeCheckout(at: place, state)
        try pull(place, state, "a fresh checkout")
        trees.append((place, state))
    }

    private mutating func pullIntoEmptyDirectory() throws {
        count += 1
        let chosen = snapshots[Int(random.next() % UInt64(snapshots.count))]
        let place = folder.appending(path: "empty-\(count)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        try pull(place, chosen.state, "an empty directory", snapshot: chosen.id)
        trees.append((place, chosen.state))
    }

    /// A tree that somebody built without kcache.
    private mutating func buildElsewhere() throws {
        count += 1
        let state = try anotherState()
        let place = folder.appending(path: "built-\(count)")
        try kernel.makeTree(at: place, state)
        try make(place, state, "a build elsewhere")
        trees.append((place, state))
    }

    /// Edits a used tree in ways that need not be seen by make, perhaps builds it, and pulls.
    private mutating func pullIntoUsedTree() throws {
        guard !trees.isEmpty else { return try buildElsewhere() }
        let which = Int(random.next() % UInt64(trees.count))
        let state = try anotherState()
        try state.write(to: trees[which].place, replacing: trees[which].state)
        trees[which].state = state
        try pull(trees[which].place, state, "a used tree")
    }

    // MARK: Steps and checks

    private mutating func pull(_ place: URL, _ state: FakeState, _ what: String, snapshot: SnapshotID? = nil)
        throws
    {
        guard !failed else { return }
        var request = KbuildPuller.Request(tree: FilePath(place.path))
        if let snapshot {
            request.snapshot = snapshot.description
        } else if random.next() % 2 == 0 {
            request.snapshot = snapshots[Int(random.next() % UInt64(snapshots.count))].id.description
        }
        request.sync = false
        request.derive = log.count % 2 == 0
        let report = try KbuildPuller(host: host, store: store).pull(request)
        log.append("pull \(report.announcement.id.short) into \(what)")
        try make(place, state, "a build after a pull into \(what)")
    }

    /// Runs make; what it makes again must have been foretold, and the result must be a clean build's.
    private mutating func make(_ place: URL, _ state: FakeState, _ what: String) throws {
        guard !failed else { return }
        let status = try KbuildStatus(host: host).report(FilePath(place.path))
        let foretold = status.rebuild
        let before = try MadeTargets.times(place)
        let result = try kernel.build(place)
        guard result.status == 0 else { return fail("\(what): make failed\n\(result.log.suffix(3000))") }
        let made = Set(try MadeTargets.times(place).filter { before[$0.key] != $0.value }.keys)
        let stale = Set(foretold.stale.map(\.target.description))
        let possible = Set(foretold.possible.map(\.target.description))
        let notMade = stale.subtracting(made).sorted()
        let notNamed = made.subtracting(stale).subtracting(possible).sorted()
        if !status.neverBuilt, !notMade.isEmpty {
            fail("\(what): status named what make did not make: \(notMade)")
        }
        if !status.neverBuilt, !notNamed.isEmpty {
            fail(
                "\(what): make made what status did not name: \(notNamed)\nstatus: \(foretold.stale)\n\(result.log.suffix(1500))"
            )
        }
        let differences = try kernel.differences(of: place, from: state)
        if !differences.isEmpty { fail("\(what): not a clean build's: \(differences.prefix(10))") }
    }

    private mutating func fail(_ text: String) {
        failed = true
        Issue.record("seed \(seed): \(text)\nhistory:\n\(log.joined(separator: "\n"))")
    }
}
