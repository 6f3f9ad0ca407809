import Foundation
import KCacheCore
import TestKernel
import Testing

/// CONFIG_LOCALVERSION_AUTO: the release takes in what git says of the sources (scripts/setlocalversion).
@Suite(.serialized) struct LocalVersionTests {
    let trees: StoredTrees
    let state: FakeState

    init() throws {
        trees = try StoredTrees()
        var state = trees.kernel.initial
        state.files["Kconfig", default: ""] += "\nconfig LOCALVERSION_AUTO\n\tbool\n\tdefault y\n"
        // As init/version.c has it, by which make links again when the release is another.
        state.files["init/main.c"] =
            "#include <generated/utsrelease.h>\n" + (state.files["init/main.c"] ?? "")
        state.config = try trees.kernel.completed(state.config, state)
        self.state = state
    }

    private enum Checkout: String, CaseIterable { case same, dirty, otherCommit, noGit }

    private func git(_ place: URL, _ words: String...) throws {
        try Shell.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@y", "-c", "init.defaultBranch=main"] + words,
            in: place,
            environment: [
                "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
            ])
    }

    /// A git checkout of the state, and what is different about it.
    private func checkout(_ name: String, _ kind: Checkout) throws -> URL {
        let place = trees.work.place(name)
        try trees.kernel.makeCheckout(at: place, state)
        if kind == .noGit { return place }
        try git(place, "init", "-q")
        try ".config\n*.o\n*.cmd\n".write(
            to: place.appending(path: ".git/info/exclude"), atomically: false, encoding: .utf8)
        try git(place, "add", "-A", "-f", ".")
        try git(place, "commit", "-q", "-m", "one")
        if kind == .otherCommit { try git(place, "commit", "-q", "--allow-empty", "-m", "two") }
        if kind == .dirty {
            try (state.files["lib/sort.c"] ?? "").appending("\n/* dirty */\n").write(
                to: place.appending(path: "lib/sort.c"), atomically: false, encoding: .utf8)
        }
        return place
    }

    @Test func inEveryCheckout() throws {
        let built = try checkout("built", .same)
        #expect(try trees.kernel.build(built).status == 0)
        let release = try String(
            contentsOf: built.appending(path: "include/config/kernel.release"), encoding: .utf8)
        #expect(release.contains("-g"), "\(release)")
        let id = try trees.push(built)
        let isFull = ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil
        for kind in isFull ? Checkout.allCases : [.same, .otherCommit] {
            let place = try checkout("here", kind)
            try trees.pull(id, into: place)
            let made = try trees.kernel.build(place)
            #expect(made.status == 0, "\(kind): \(made.log)")
            if kind == .same { #expect(made.toolSteps.isEmpty, "\(made.log)") }
            #expect(try trees.kernel.build(place).toolSteps.isEmpty)
            let outputs = try FakeKernel.outputs(of: place)
            try FileManager.default.moveItem(at: place, to: trees.work.place("warm-\(kind)"))
            let clean = try checkout("here", kind)
            #expect(try trees.kernel.build(clean).status == 0)
            let right = try FakeKernel.outputs(of: clean)
            let differing = right.keys.filter { right[$0] != outputs[$0] }.sorted()
            #expect(differing.isEmpty, "\(kind): \(differing) \(made.log)")
            try FileManager.default.removeItem(at: clean)
        }
    }
}
