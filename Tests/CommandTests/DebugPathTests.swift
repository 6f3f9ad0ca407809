import Foundation
import KCacheCore
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

    /// A path that the program itself has: no pull may bring it to another place.
    /// As text, and in instructions that put it together.
    @Test(arguments: [
        "const char *const core_place = CORE_PLACE;",
        "void core_place(char *to) { __builtin_memcpy(to, CORE_PLACE, 8); }",
    ])
    func inCode(line: String) throws {
        var state = trees.kernel.initial
        state.files["core/Makefile", default: ""] +=
            "\nCFLAGS_run.o += -DCORE_PLACE='\"$(abspath $(objtree))\"'\n"
        state.files["core/run.c", default: ""] += "\n\(line)\n"
        let built = try trees.built("built", state)
        let pushed = try trees.push(TreePlace(output: FilePath(built.path)))
        #expect(pushed.leftOut.contains { $0.path.description == "core/run.o" && $0.reason.contains("path") })
        // Where it was compiled it stays, if it shows what it is.
        try trees.pull(pushed.id, into: built)
        let steps = try trees.kernel.build(built).toolSteps
        #expect(line.hasPrefix("const") ? steps.isEmpty : steps.contains("CC      core/run.o"))
        let place = trees.work.place("here/in/another")
        try FileManager.default.createDirectory(
            at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        try trees.kernel.makeCheckout(at: place, state)
        var outputs: [[String: Digest]] = []
        for _ in 0..<2 {
            try trees.pull(pushed.id, into: place)
            let made = try trees.kernel.build(place)
            #expect(made.status == 0, "\(made.log)")
            #expect(made.toolSteps.filter { $0.hasPrefix("CC ") } == ["CC      core/run.o"], "\(made.log)")
            #expect(try trees.kernel.build(place).toolSteps.isEmpty)
            outputs.append(try FakeKernel.outputs(of: place))
        }
        try FileManager.default.removeItem(at: place)
        try trees.kernel.makeCheckout(at: place, state)
        #expect(try trees.kernel.build(place).status == 0)
        let clean = try FakeKernel.outputs(of: place)
        for warm in outputs {
            let differing = clean.keys.filter { clean[$0] != warm[$0] }.sorted()
            #expect(differing.isEmpty, "\(differing)")
        }
    }
}
