import Foundation
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheTree
import SystemPackage
import TestKernel
import Testing

/// Differences that make can't see, on the fake kernel with real make: what it makes after a pull is what a
/// clean build makes.
@Suite(.serialized) struct PullSafetyTests {
    let trees: StoredTrees

    init() throws { trees = try StoredTrees() }

    /// make does not see that a header is gone in whose place another one is found.
    @Test func aHeaderThatIsGone() throws {
        var state = trees.kernel.initial
        state.files["arch/fake/include/fake/limits.h"] = "#define FAKE_LIMIT 40\n"
        let id = try trees.push(try trees.built("built", state))
        let place = trees.work.place("here")
        try trees.kernel.makeTree(at: place, trees.kernel.initial)
        let report = try trees.pull(id, into: place)
        #expect(report.missing.count == 1 && !report.invalidated.isEmpty)
        try trees.expectCleanBuild(place, trees.kernel.initial)
    }

    /// What an earlier link left there is no sign that this one was interrupted.
    @Test func aPushAfterAPullIntoABuiltTree() throws {
        var state = trees.kernel.initial
        let place = try trees.built("here", state)
        state.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        let id = try trees.push(try trees.built("there", state))
        try state.write(to: place, replacing: trees.kernel.initial)
        #expect(try trees.pull(id, into: place).written > 0)
        #expect(try trees.push(place) == id)
        try trees.expectCleanBuild(place, state)
    }

    /// A copy without hidden files: objects of other sources, and nothing that says what made them.
    @Test func objectsWithoutSavedCommandsAreMadeAgain() throws {
        let id = try trees.push(try trees.built("built", trees.kernel.initial))
        var other = trees.kernel.initial
        other.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        let place = try trees.built("copied", other)
        try trees.kernel.initial.write(to: place, replacing: other)
        try Shell.run(["find", place.path, "-name", ".*.cmd", "-delete"])
        let report = try trees.pull(id, into: place)
        #expect(report.conflicts.contains { $0 == TreePath("core/queue.o") }, "\(report.conflicts)")
        try trees.expectCleanBuild(place, trees.kernel.initial)
    }

    /// Modification and change times of all files.
    private func times(_ place: URL) throws -> String {
        try Shell.run(["find", place.path, "-type", "f", "-printf", "%P %T@ %C@\\n"])
            .split(separator: "\n").sorted().joined(separator: "\n")
    }

    @Test func aSecondPullTouchesNothing() throws {
        let id = try trees.push(try trees.built("built", trees.kernel.initial))
        let place = trees.work.place("checkout")
        try trees.kernel.makeCheckout(at: place, trees.kernel.initial)
        try trees.pull(id, into: place)
        let before = try times(place)
        let report = try trees.pull(id, into: place)
        #expect(report.written == 0 && report.kept > 50)
        #expect(try times(place) == before)
        try trees.pull(id, into: place)
        #expect(try times(place) == before)
        #expect(try trees.kernel.build(place).toolSteps.isEmpty)
        try trees.expectCleanBuild(place, trees.kernel.initial)
    }

    /// A tree that was built, edited and built again: some sources are newer than some outputs.
    private func builtTwice(_ name: String) throws -> (id: SnapshotID, state: FakeState) {
        let builder = try trees.built(name, trees.kernel.initial)
        var state = trees.kernel.initial
        state.files["core/queue.c", default: ""] += "\nint late(void) { return 6; }\n"
        state.files["net/net.h", default: ""] += "\n#define LATE 1\n"
        try state.write(to: builder, replacing: trees.kernel.initial)
        #expect(try trees.kernel.build(builder).status == 0)
        return (try trees.push(builder), state)
    }

    @Test func aSecondPullOfWhatWasEditedTouchesNothing() throws {
        let (id, state) = try builtTwice("built")
        let place = trees.work.place("checkout")
        try trees.kernel.makeCheckout(at: place, state)
        try trees.pull(id, into: place)
        let before = try times(place)
        for _ in 0..<3 {
            #expect(try trees.pull(id, into: place).written == 0)
            #expect(try times(place) == before)
        }
        #expect(try trees.kernel.build(place).toolSteps.isEmpty)
        try trees.expectCleanBuild(place, state)
    }

    /// The same content, and times in which make would see work: a pull sets them right again.
    @Test(
        arguments: [
            "touch core/run.c", "touch -d 2001-01-01 core/run.o", "touch -d '1 hour' core/run.c",
            "touch core/.run.o.cmd core/run.o", "touch -d '1 hour' core/run.o", "touch .config",
            "touch include/config/auto.conf", "find . -name '*.o' | xargs touch -r Makefile",
            "cp -p vmlinux v && mv v vmlinux",
        ], [false, true])
    func timesAreSetRightAgain(_ script: String, afterAnEdit: Bool) throws {
        let (id, before) =
            afterAnEdit
            ? try builtTwice("built")
            : (try trees.push(try trees.built("built", trees.kernel.initial)), trees.kernel.initial)
        let place = trees.work.place("checkout")
        try trees.kernel.makeCheckout(at: place, before)
        try trees.pull(id, into: place)
        Thread.sleep(forTimeInterval: 0.02)
        try Shell.run(["sh", "-c", script], in: place)
        try trees.pull(id, into: place)
        #expect(try trees.kernel.build(place).toolSteps.isEmpty)
        // An edit right after it is seen.
        var state = before
        state.files["core/run.c", default: ""] += "\nint after(void) { return 5; }\n"
        try state.write(to: place, replacing: before)
        try trees.expectCleanBuild(place, state)
    }

    @Test func aLinkThatLeadsElsewhereCountsAsChanged() throws {
        let id = try trees.push(try trees.built("built", trees.kernel.initial))
        var state = trees.kernel.initial
        state.files["include/fake/other-limits.h"] = "#define FAKE_LIMIT 88\n"
        let place = trees.work.place("checkout")
        try trees.kernel.makeCheckout(at: place, state)
        let (link, other) = ("include/fake/limits.h", "include/fake/other-limits.h")
        try Shell.run(["ln", "-sf", "other-limits.h", place.appending(path: link).path])
        try trees.pull(id, into: place)
        // It was added here and has a new time: a file outside the tree would keep its old one.
        try trees.setOld(place.appending(path: other))
        state.files["include/fake/limits.h"] = state.files["include/fake/other-limits.h"]
        try trees.expectCleanBuild(place, state)
    }

    /// The builder's make did not see the edit; where the sources are the same, a pull must.
    @Test func anUnseenEditAfterTheBuildIsSeenByAPull() throws {
        let builder = try trees.built("built", trees.kernel.initial)
        var state = trees.kernel.initial
        state.files["scripts/fake/pack.sh"] = "pack() { tr a-z c-za-b; }\n"
        state.files["arch/fake/include/fake/limits.h"] = "#define FAKE_LIMIT 96\n"
        try state.write(to: builder, replacing: trees.kernel.initial)
        let id = try trees.push(builder)
        let place = trees.work.place("checkout")
        try trees.kernel.makeCheckout(at: place, state)
        try trees.pull(id, into: place)
        try trees.expectCleanBuild(place, state)
        // Once it is right, nothing is left out any more.
        let again = trees.work.place("again")
        try trees.kernel.makeCheckout(at: again, state)
        #expect(try trees.pull(try trees.push(place), into: again).invalidated.isEmpty)
        try trees.expectCleanBuild(again, state)
        // All stands in its place in the builder's own tree, and in a copy over what was pulled: that is not enough.
        for copied in [false, true] {
            let tree = copied ? place : builder
            if copied {
                try trees.pull(id, into: place)
                try Shell.run(["cp", "-a", builder.path + "/.", place.path])
                try trees.pull(id, into: place)
            }
            #expect(try !trees.pull(id, into: tree).invalidated.isEmpty || copied)
            try trees.expectCleanBuild(tree, state)
        }
    }

    /// A compile that was killed leaves half an object beside the saved command of the one before.
    @Test func aPartialSnapshotHasNoHalfObject() throws {
        let builder = try trees.built("built", trees.kernel.initial)
        var state = trees.kernel.initial
        state.files["core/queue.c", default: ""] += "\nint added(void) { return 3; }\n"
        try state.write(to: builder, replacing: trees.kernel.initial)
        usleep(12_000)
        try Data([0x7f, 0x45, 0x4c, 0x46]).write(to: builder.appending(path: "core/queue.o"))
        var request = KbuildPusher.Request(tree: FilePath(builder.path))
        request.partial = true
        let id = try #require(try KbuildPusher(host: trees.host, store: trees.store).push(request).id)
        let place = trees.work.place("checkout")
        try trees.kernel.makeCheckout(at: place, state)
        try trees.pull(id, into: place)
        try trees.expectCleanBuild(place, state)
    }

    /// Moved into place with its old time: make can't see it, and a second push must not forget it.
    @Test func aBackdatedEditStaysSeen() throws {
        let builder = try trees.built("built", trees.kernel.initial)
        _ = try trees.push(builder)
        var state = trees.kernel.initial
        state.files["include/fake/limits.h"] = "#define FAKE_LIMIT 72\n"
        try state.write(to: builder, replacing: trees.kernel.initial)
        try trees.setOld(builder.appending(path: "include/fake/limits.h"))
        usleep(40_000)
        _ = try trees.push(builder)
        let id = try trees.push(builder)
        let place = trees.work.place("checkout")
        try trees.kernel.makeCheckout(at: place, state)
        try trees.pull(id, into: place)
        try trees.expectCleanBuild(place, state)
        // Another file is built now, so that outputs are newer than the change.
        var edited = state
        edited.files["net/Makefile", default: ""] += "# no change\n"
        edited.files["lib/extra-note.c"] = "int note;\n"
        edited.files["init/Makefile", default: ""] += "ccflags-y += -DNOTE\n"
        try edited.write(to: builder, replacing: state)
        #expect(try trees.kernel.build(builder).status == 0)
        usleep(40_000)
        let later = trees.work.place("later")
        try trees.kernel.makeCheckout(at: later, edited)
        try trees.pull(try trees.push(builder), into: later)
        try trees.expectCleanBuild(later, edited)
    }
}
