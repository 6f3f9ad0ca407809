import Foundation
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

/// Fake kernels whose outputs lie apart from their sources (`make O=`), a store, and what is done with them.
struct OutputTrees {
    let stored: StoredTrees
    var kernel: FakeKernel { stored.kernel }
    var work: Workplace { stored.work }
    var store: Store { stored.store }
    var host: HostEnvironment { stored.host }
    var program: Program { stored.program }

    init() throws { stored = try StoredTrees() }

    /// Sources, and an output directory with nothing but a configuration in it.
    func place(_ source: String, _ output: String, _ state: FakeState) throws -> TreePlace {
        if !FileManager.default.fileExists(atPath: work.place(source).path) {
            var bare = state
            bare.config = ""
            try FileManager.default.createDirectory(
                at: work.place(source).deletingLastPathComponent(), withIntermediateDirectories: true)
            try kernel.makeCheckout(at: work.place(source), bare, withConfiguration: false)
        }
        let folder = work.place(output)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try state.config.write(to: folder.appending(path: ".config"), atomically: false, encoding: .utf8)
        return TreePlace(output: FilePath(folder.path), source: FilePath(work.place(source).path))
    }

    func make(_ place: TreePlace, _ words: [String] = []) throws -> BuildResult {
        let source = URL(fileURLWithPath: try #require(place.source).string)
        return try kernel.build(source, ["O=\(place.output.string)"] + words)
    }

    func push(_ place: TreePlace) throws -> KbuildPusher.Report { try stored.push(place) }

    @discardableResult
    func pull(_ place: TreePlace, _ id: SnapshotID? = nil) throws -> KbuildPuller.Report {
        try stored.pull(id, into: place)
    }

    func expectCleanBuild(_ place: TreePlace, _ state: FakeState) throws {
        let differences = try kernel.differences(of: URL(fileURLWithPath: place.output.string), from: state)
        #expect(differences.isEmpty, "\(differences)")
    }

    /// Tool steps of a make are just these.
    func expectSteps(_ result: BuildResult, _ units: [String]) {
        #expect(result.status == 0, "\(result.log)")
        // A link assembles its symbols each time.
        let compiled = result.toolSteps.filter {
            ($0.hasPrefix("CC ") || $0.hasPrefix("AS ")) && !$0.contains(".tmp_vmlinux")
        }
        #expect(
            compiled.map { $0.split(separator: " ").last.map(String.init) ?? "" }.sorted() == units,
            "\(result.log)")
    }

    func write(_ state: FakeState, replacing earlier: FakeState, _ source: URL, _ place: TreePlace)
        throws
    {
        var (new, old) = (state, earlier)
        (new.config, old.config) = ("", "")
        try new.write(to: source, replacing: old)
        if state.config != earlier.config {
            try state.config.write(
                toFile: place.output.appending(".config").string, atomically: false, encoding: .utf8)
        }
    }
}
