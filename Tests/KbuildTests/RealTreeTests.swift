import Foundation
import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import Testing

@testable import KCacheKbuild

/// What the module says of a real built tree, where `KCACHE_TEST_TREE` names one.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["KCACHE_TEST_TREE"] != nil))
struct RealTreeTests {
    let root = FilePath(ProcessInfo.processInfo.environment["KCACHE_TEST_TREE"] ?? "/")

    @Test func readsEveryCommandFile() throws {
        let directory = try Directory.open(root)
        let clock = ContinuousClock()
        let scanned = clock.now
        let listing = try TreeScanner().scan(directory)
        let start = clock.now
        let index = try CmdIndex(reading: directory, listing: listing)
        let end = clock.now
        print("scan \(start - scanned), \(index.records.count) .cmd files in \(end - start)")
        print("\(index.names.count) names, \(index.dependencies.count) dependencies")
        for bad in index.unreadable { print("\(bad.file): \(bad.error)") }
        #expect(index.unreadable.isEmpty)
    }
}

extension RealTreeTests {
    @Test func whatMakeWouldDo() throws {
        let directory = try Directory.open(root)
        let listing = try TreeScanner().scan(directory)
        let clock = ContinuousClock()
        let start = clock.now
        var options = RebuildModel.Options()
        options.stampsArePinned = true
        let model = try RebuildModel(reading: directory, listing: listing, options: options)
        let middle = clock.now
        let report = try model.report()
        print("read \(middle - start), report \(clock.now - middle)")
        print("\(report.stale.count) stale, \(report.possible.count) possible")
        for target in report.stale.prefix(9000) { print("STALE \(target)") }
        for target in report.possible.prefix(9000) { print("POSSIBLE \(target)") }
    }
}
