import Glibc
import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage
import TestKernel
import Testing

@Suite struct RestoreTests {
    let folder: TemporaryFolder
    let machine: TestMachine

    init() throws {
        folder = try TemporaryFolder()
        machine = TestMachine(
            store: try Store.open(at: folder.path.appending("store"), mode: .createIfMissing))
    }

    /// A tree built long ago: sources at 1000, outputs at 2000 and after.
    private func built(_ name: String = "built") throws -> Directory {
        let root = try folder.folder(name)
        try root.put("a.c", "int a;", at: 1000)
        try root.put("dir with space/b.c", "int b;", at: 1001)
        try root.put(".config", "CONFIG_A=y", at: 1002)
        try root.put("a.o", "object a", at: 2000)
        try root.put("dir with space/b.o", "object b", at: 2001)
        try root.put("all.o", "object a and b", at: 2002)
        try root.put("empty.o", "", at: 2003)
        return root
    }

    private func checkout(_ name: String = "here") throws -> Directory {
        let root = try folder.folder(name)
        try root.put("a.c", "int a;")
        try root.put("dir with space/b.c", "int b;")
        try root.put(".config", "CONFIG_A=y")
        return root
    }

    @Test func outputsKeepTheirOrderAndAreNewerThanUnchangedSources() throws {
        let id = try machine.push(try built())
        let here = try checkout()
        let before = try here.mtime("a.c")
        try machine.pull(id, into: here)
        #expect(try here.text("dir with space/b.o") == "object b")
        #expect(try here.text("empty.o") == "")
        #expect(try here.mtime("a.c") == before)
        let order = try [".config", "a.o", "dir with space/b.o", "all.o", "empty.o"].map {
            try here.mtime(TreePath(literal: Array($0.utf8)))
        }
        #expect(order == order.sorted() && Set(order).count == order.count)
        #expect(try order[4] < TimeResolution.now(in: here))
    }

    @Test func aSourceThatDiffersStaysAndIsNewerThanEveryOutput() throws {
        let id = try machine.push(try built())
        let here = try checkout()
        try here.put("a.c", "int other;", at: 5)
        let (plan, _) = try machine.pull(id, into: here)
        #expect(plan.changed.map(\.path) == ["a.c"])
        #expect(try here.text("a.c") == "int other;")
        #expect(try here.mtime("a.c") > here.mtime("empty.o"))
    }

    @Test func aSourceNewerThanItsOutputWherePushedIsNewerHere() throws {
        let there = try built()
        try there.put("a.c", "int edited;", at: 2001)
        let id = try machine.push(there)
        let here = try checkout()
        try here.put("a.c", "int edited;", at: 7)
        try machine.pull(id, into: here)
        #expect(try here.mtime("a.c") > here.mtime("a.o"))
        #expect(try here.mtime("a.c") < here.mtime("all.o"))
        #expect(try here.mtime("dir with space/b.c") < here.mtime("a.o"))
    }

    @Test func aMissingSourceIsNotPutBackIntoACheckout() throws {
        let id = try machine.push(try built())
        let here = try checkout()
        try here.remove("a.c")
        let (plan, _) = try machine.pull(id, into: here)
        #expect(plan.missing == ["a.c"])
        #expect(try here.text("a.c") == nil)
    }

    @Test func anEmptyDirectoryGetsTheWholeTree() throws {
        let id = try machine.push(try built())
        let here = try folder.folder("empty")
        try machine.pull(id, into: here, mode: .whole)
        #expect(try here.text("a.c") == "int a;")
        #expect(try here.text(".config") == "CONFIG_A=y")
        #expect(try here.mtime("a.c") < here.mtime("a.o"))
        #expect(try !PullMarker.isSet(in: here))
        let again = try machine.push(here, name: "again")
        #expect(try machine.store.begin().snapshot(again).entries.map(\.path).count == 7)
    }

    @Test func aFileOfTheUsersInAnOutputsPlaceStays() throws {
        let there = try built()
        try there.put("gen.cmd", "made", at: 2004)
        let id = try machine.push(there)
        var entries = try machine.store.begin().snapshot(id).entries
        // The snapshot calls a path an output that is a source here.
        for i in entries.indices where entries[i].path == "a.c" { entries[i].role = .output }
        let here = try checkout()
        try here.put("a.c", "mine", at: 9)
        let plan = try RestorePlan(snapshot: entries, local: try machine.look(here), mode: .checkout)
        #expect(plan.conflicts.map(\.path) == ["a.c"])
        #expect(!plan.writes.contains { entries[$0].path == "a.c" })
    }

    @Test func outputsOfAnotherBuildBecomeStale() throws {
        let id = try machine.push(try built())
        let here = try checkout()
        try here.put("old.o", "left over")
        try here.put("a.o", "another a")
        let (plan, _) = try machine.pull(id, into: here)
        #expect(plan.leftovers == ["old.o"])
        #expect(try here.mtime("old.o") == FreshnessPlan.staleTime)
        #expect(try here.text("a.o") == "object a")
    }

    @Test func aSourceFromTheFutureComesBackToNow() throws {
        let id = try machine.push(try built())
        let here = try checkout()
        let future = WallClock.system.now() / 1_000_000_000 + 86_400
        try here.put("a.c", "int a;", at: future)
        let (_, summary) = try machine.pull(id, into: here)
        #expect(summary.freshness.fromTheFuture == 1)
        #expect(try here.mtime("a.c") <= WallClock.system.now())
        #expect(try here.mtime("a.c") < here.mtime("a.o"))
        #expect(try here.mtime("a.o") <= WallClock.system.now())
    }

    @Test func aFileWhereADirectoryHasToBeIsRefusedBeforeAnythingIsWritten() throws {
        let id = try machine.push(try built())
        let here = try folder.folder("here")
        try here.put("a.c", "int a;")
        try here.put("dir with space", "a file")
        #expect(throws: TreeError.self) { try machine.pull(id, into: here) }
        #expect(try here.text("a.o") == nil)
    }

    @Test func largeAndSparseFilesComeBackByteForByte() throws {
        let there = try built()
        var generator = SplitMix(seed: 7)
        var large = (0..<3_000_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        large.replaceSubrange(1_000_000..<2_000_000, with: repeatElement(0, count: 1_000_000))
        try there.createFile("large.o").write(large)
        try there.createFile("copy.o").write(large)
        try there.createFile("hole.o").truncate(to: 9_000_000)
        let id = try machine.push(there)
        let here = try checkout()
        try machine.pull(id, into: here)
        #expect(try here.readFile("large.o") == large)
        #expect(try here.readFile("copy.o") == large)
        let hole = try #require(try here.status("hole.o"))
        #expect(hole.size == 9_000_000 && hole.blocks < 1000)
    }

    @Test func namesOfAnyBytesAndLinksComeBack() throws {
        let there = try built()
        let odd = TreePath(literal: [0xff, 0x20, 0x0a, 0x63] + Array(".o".utf8))
        try there.createFile(odd).write([1, 2, 3])
        try there.makeLink("dangling", target: Array("nowhere".utf8))
        try there.makeLink("cycle", target: Array("cycle".utf8))
        try there.makeLink("outside", target: Array("../../etc/passwd".utf8))
        let id = try machine.push(there)
        let here = try folder.folder("empty")
        try machine.pull(id, into: here, mode: .whole)
        #expect(try here.readFile(odd) == [1, 2, 3])
        #expect(try here.readLink("dangling") == Array("nowhere".utf8))
        #expect(try here.readLink("cycle") == Array("cycle".utf8))
        #expect(try here.status("outside") == nil)
    }

    @Test func aLinkInTheWayIsNotFollowed() throws {
        let there = try built()
        try there.put("sub/c.o", "object c")
        let id = try machine.push(there)
        let here = try checkout()
        let elsewhere = try folder.folder("elsewhere")
        try here.makeLink("sub", target: Array(elsewhere.path.string.utf8))
        #expect(throws: (any Error).self) { try machine.pull(id, into: here) }
        #expect(try elsewhere.entries().isEmpty)
    }

    @Test func aSecondPullWritesNothing() throws {
        let id = try machine.push(try built())
        let here = try checkout()
        try machine.pull(id, into: here)
        let (plan, summary) = try machine.pull(id, into: here)
        #expect(plan.writes.isEmpty && summary.kept == 4)
        #expect(try here.mtime("a.o") < here.mtime("all.o"))
    }

    /// A source that gets a time from the pull, and is edited at that moment to something of the same size.
    @Test func anEditThatAPullPutsATimeOn() throws {
        let there = try folder.folder("there")
        try there.put("a.c", "int a;", at: 1000)
        try there.put("b.c", "int b;", at: 1000)
        try there.put("a.o", "object", at: 2000)
        let id = try machine.push(there)
        let here = try folder.folder("here")
        // From the future: the pull brings it back to now.
        let future = try TimeResolution.now(in: here) + 1_000_000_000_000
        try here.put("a.c", "int a;")
        try here.put("b.c", "int b;")
        for path in ["a.c", "b.c"] as [TreePath] { try here.setModificationTime(path, future) }
        let session = try machine.store.begin()
        let compared = try TimeResolution.now(in: here)
        let local = try machine.look(here)
        let plan = try RestorePlan(
            snapshot: try session.snapshot(id).entries, local: local, mode: .checkout)
        var options = TreeRestorer.Options()
        options.invalidated = {
            try here.put("a.c", "int c;")
            return []
        }
        let summary = try TreeRestorer(
            root: here, plan: plan, rules: .plain, session: session, options: options
        ).run()
        #expect(summary.freshness.fromTheFuture == 2)
        let settled = try RestoredIndex.make(
            plan, local, summary.freshness, root: here, compared: compared)
        #expect(settled.edited == ["a.c"])
        let again = try machine.look(here)
        let next = try RestorePlan(
            snapshot: try session.snapshot(id).entries, local: again, mode: .checkout)
        #expect(next.changed.map(\.path) == ["a.c"])
    }

    /// What was right already is not read once more for having got a new time.
    @Test func aThirdPullReadsNothing() throws {
        let id = try machine.push(try built())
        let here = try checkout()
        try machine.pull(id, into: here)
        WallClock.sleep(30_000_000)
        let compared = try TimeResolution.now(in: here)
        let local = try machine.look(here)
        let session = try machine.store.begin()
        let entries = try session.snapshot(id).entries
        let plan = try RestorePlan(snapshot: entries, local: local, mode: .checkout)
        let summary = try TreeRestorer(root: here, plan: plan, rules: .plain, session: session).run()
        WallClock.sleep(30_000_000)
        var again = machine
        again.index = try RestoredIndex.make(
            plan, local, summary.freshness, root: here, compared: compared
        ).index
        #expect(try again.look(here).contents.bytesRead == .zero)
    }

    /// Written to between the comparison and the stamp, and between the stamp and the time.
    @Test(arguments: [false, true]) func anOutputThatIsDisturbedLooksStale(_ late: Bool) throws {
        let id = try machine.push(try built())
        let here = try checkout()
        try machine.pull(id, into: here)
        WallClock.sleep(30_000_000)
        let compared = try TimeResolution.now(in: here)
        let local = try machine.look(here)
        let session = try machine.store.begin()
        let plan = try RestorePlan(
            snapshot: try session.snapshot(id).entries, local: local, mode: .checkout)
        let was = try #require(try here.status("a.o"))
        // The same size, and the time that it had.
        @Sendable func disturb() throws {
            let length = Int(was.size)
            try here.openForWriting("a.o").write([UInt8](repeating: 0x21, count: length))
            if !late { try here.setModificationTime("a.o", was.mtime) }
        }
        var options = TreeRestorer.Options()
        if late {
            options.invalidated = {
                try disturb()
                return []
            }
        } else {
            try disturb()
        }
        let summary = try TreeRestorer(
            root: here, plan: plan, rules: .plain, session: session, options: options
        )
        .run()
        #expect(summary.disturbed == ["a.o"])
        #expect(try here.mtime("a.o") == FreshnessPlan.staleTime)
        WallClock.sleep(30_000_000)
        let index = try RestoredIndex.make(
            plan, local, summary.freshness, root: here, compared: compared
        ).index
        #expect(!index.records.contains { $0.path == "a.o" })
        #expect(index.records.contains { $0.path == "all.o" })
    }

    @Test func invalidatedOutputsAreRemoved() throws {
        let id = try machine.push(try built())
        let here = try checkout()
        var options = TreeRestorer.Options()
        options.invalidated = { ["a.o"] }
        options.computed = ["all.o": { Array("computed here".utf8) }, "empty.o": { nil }]
        let (_, summary) = try machine.pull(id, into: here, options: options)
        #expect(try here.text("a.o") == nil)
        #expect(try here.text("all.o") == "computed here")
        #expect(try here.text("empty.o") == nil)
        #expect(Set(summary.removed) == ["a.o", "empty.o"])
        #expect(try here.mtime("all.o") > here.mtime("dir with space/b.o"))
    }

    @Test func everySourceGetsItsTimeBeforeTheFirstOutput() throws {
        let there = try built()
        try there.put("a.c", "int edited;", at: 2001)
        let id = try machine.push(there)
        let here = try checkout()
        try here.put("a.c", "int edited;", at: 7)
        let (_, summary) = try machine.pull(id, into: here)
        #expect(summary.freshness.sources.map(\.path).contains("a.c"))
        #expect(summary.freshness.outputs.allSatisfy { $0.path.hasSuffix(".o") })
    }

    @Test func anOutputOfTwoTreesIsNotMadeFreshInTheOther() throws {
        let id = try machine.push(try built())
        let other = try built("other")
        let here = try checkout()
        #expect(link(other.path.appending("a.o").string, here.path.appending("a.o").string) == 0)
        try machine.pull(id, into: here)
        #expect(try here.status("a.o")?.inode != other.status("a.o")?.inode)
        #expect(try other.mtime("a.o") <= FreshnessPlan.staleTime)
    }

    @Test func aProgramThatLostItsExecuteBitGetsItBack() throws {
        let there = try built()
        try there.setPermissions("a.o", 0o755)
        let id = try machine.push(there)
        let here = try checkout()
        try here.put("a.o", "object a")
        try machine.pull(id, into: here)
        #expect(try here.status("a.o")?.isExecutable == true)
    }

    @Test func aKeyThatStaysHomeCountsAsDifferent() throws {
        let id = try machine.push(try built())
        let here = try checkout()
        try here.put("key.pem", "mine", at: 9)
        let entries = try machine.store.begin().snapshot(id).entries
        let plan = try RestorePlan(
            snapshot: entries, local: try machine.look(here), mode: .checkout, withheld: ["key.pem"])
        #expect(plan.added.map(\.path) == ["key.pem"])
        let freshness = FreshnessPlan(plan, resolution: TimeResolution(tick: 1), now: 3_000_000_000_000)
        let key = try #require(freshness.sources.first { $0.path == "key.pem" })
        #expect(freshness.outputs.allSatisfy { $0.mtime < key.mtime })
    }
}
