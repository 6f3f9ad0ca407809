import Foundation
import KCacheKbuild
import SystemPackage
import TestKernel
import Testing

/// Objects that name the tree's path in their debug information.
@Suite(.serialized) struct DebugPathTests {
    let trees: StoredTrees

    init() throws { trees = try StoredTrees() }

    private static let words = ["KCFLAGS=-g"]

    @Test(arguments: [false, true]) func carried(strict: Bool) throws {
        let state = trees.kernel.initial
        let built = trees.work.place("built")
        try trees.kernel.makeTree(at: built, state)
        #expect(try trees.kernel.build(built, Self.words).status == 0)
        _ = try trees.push(built)
        let place = trees.work.place("here/in/another")
        try FileManager.default.createDirectory(
            at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        try trees.kernel.makeTree(at: place, state)
        var request = KbuildPuller.Request(tree: FilePath(place.path))
        (request.sync, request.strict) = (false, strict)
        let report = try KbuildPuller(host: trees.host, store: trees.store).pull(request)
        #expect(
            report.remarks.contains { $0.contains("pull --strict has make compile and link them") } == !strict
        )
        let made = try trees.kernel.build(place, Self.words)
        #expect(made.status == 0, "\(made.log)")
        #expect(made.toolSteps.contains("CC      core/run.o") == strict, "\(made.log)")
        #expect(made.toolSteps.isEmpty == !strict, "\(made.log)")
        let outputs = try FakeKernel.outputs(of: place)
        try FileManager.default.removeItem(at: place)
        try trees.kernel.makeTree(at: place, state)
        #expect(try trees.kernel.build(place, Self.words).status == 0)
        let clean = try FakeKernel.outputs(of: place)
        // What was linked keeps the path, archives the sizes of their members; a strict pull leaves no difference.
        let isLinked = { (path: String) in
            !strict && ([".a", ".ko"].contains { path.hasSuffix($0) } || path == "vmlinux")
        }
        let differing = clean.keys.filter { clean[$0] != outputs[$0] && !isLinked($0) }.sorted()
        #expect(differing.isEmpty, "\(differing)")
    }
}
