import Foundation
import Glibc
import TestKernel
import Testing

/// kill -9 at moments spread over each verb's duration, and verbs side by side, as processes.
///
/// `KCACHE_TEST_KILLS` says how many kills for each verb; `KCACHE_TEST_FULL=1` makes it 200 or more.
@Suite(.serialized) struct KillTests {
    static let isFull = ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] == "1"
    static let kills =
        ProcessInfo.processInfo.environment["KCACHE_TEST_KILLS"].flatMap { Int($0) } ?? (isFull ? 220 : 40)

    let work: Workplace
    var program: Program { work.program }
    var store: String { work.place("store").path }

    init() throws { work = try Workplace() }

    /// Starts a command and kills it at a moment between its start and a little after its usual end.
    private func killed(_ arguments: [String], in place: URL, after share: Double, of duration: Double) throws
        -> Bool
    {
        let child = try program.start(arguments + ["--store", store], in: place)
        usleep(UInt32(max(0, share * duration * 1_000_000)))
        child.kill()
        return child.wait() == 128 + SIGKILL
    }

    private func succeed(_ arguments: [String], in place: URL, _ context: String) throws -> Bool {
        let result = try program.run(arguments + ["--store", store], in: place)
        #expect(result.status == 0, "\(context): \(arguments): \(result)")
        return result.status == 0
    }

    private func snapshots() throws -> Set<String> {
        let result = try program.run(["list", "--format", "json", "--store", store], in: work.place("tree"))
        let list = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]] ?? []
        return Set(list.compactMap { $0["snapshot"] as? String })
    }

    /// Wall time of a run that isn't killed, the shortest of three.
    private func duration(_ body: (Int) throws -> Void) rethrows -> Double {
        var shortest = Double.infinity
        for i in 0..<3 {
            let start = DispatchTime.now().uptimeNanoseconds
            try body(i)
            shortest = min(shortest, Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
        }
        return shortest
    }

    @Test func push() throws {
        var random = SplitMix(seed: 1)
        let small = try SmallTree(work.place("tree"))
        func change(_ i: Int) throws {
            let words = (0..<9000).map { _ in String(random.next(), radix: 36) }.joined()
            try small.remake(i % 12, words)
        }
        guard try succeed(["push", "--name", "kept"], in: small.root, "first") else { return }
        let time = try duration { i in
            try change(i)
            _ = try succeed(["push"], in: small.root, "timing")
        }
        var known = try snapshots()
        var count = 0
        for i in 0..<Self.kills {
            try change(i)
            if try killed(
                ["push"], in: small.root, after: Double.random(in: 0..<1.1, using: &random), of: time)
            {
                count += 1
            }
            let now = try snapshots()
            #expect(now.isSuperset(of: known), "kill \(i) lost a snapshot")
            known = now
            guard try succeed(["verify", "--quiet"], in: small.root, "kill \(i)") else { return }
        }
        #expect(count > Self.kills / 4, "only \(count) of \(Self.kills) were still running")
        try pullsEverything(of: "kept")
        guard try succeed(["push", "--name", "last"], in: small.root, "after all"),
            try succeed(["gc"], in: small.root, "after all")
        else { return }
        #expect(try Shell.run(["find", store, "-name", ".kcache-tmp-*"]).isEmpty)
        try pullsEverything(of: "last", like: small.root)
    }

    private func pullsEverything(of name: String, like tree: URL? = nil) throws {
        let fresh = work.place("fresh-\(UUID().uuidString)")
        let result = try program.run(["pull", name, "--store", store], in: fresh)
        #expect(result.status == 0, "\(result)")
        if let tree { try Shell.run(["diff", "-r", tree.path, fresh.path]) }
        try Shell.run(["rm", "-rf", fresh.path])
    }

    @Test func pull() throws {
        var random = SplitMix(seed: 2)
        let small = try SmallTree(work.place("tree"))
        guard try succeed(["push", "--name", "one"], in: small.root, "first") else { return }
        let wanted = try contents(of: small.root)
        // Someone's tree: one source edited, one output of another build, one that is right, one file more.
        let used = work.place("used")
        func reset() throws {
            try Shell.run(["rm", "-rf", used.path])
            try Shell.run(["cp", "-a", small.root.path, used.path])
            try Shell.run(
                [
                    "sh", "-c",
                    "cd '\(used.path)' && rm d/f[2-9].o d/.f[2-9].o.cmd d/big.o && echo other >d/f1.o && echo mine >d/mine.c && echo 'int edited;' >d/f3.c",
                ])
        }
        try reset()
        var before = try contents(of: used)
        let time = try duration { _ in
            try reset()
            _ = try succeed(["pull", "one"], in: used, "timing")
        }
        var count = 0
        for i in 0..<Self.kills {
            // Every fourth time the tree is as the last killed pull left it.
            if i % 4 != 3 {
                try reset()
                before = try contents(of: used)
            }
            if try killed(
                ["pull", "one"], in: used, after: Double.random(in: 0..<1.1, using: &random), of: time)
            {
                count += 1
            }
            try check(used, wanted: wanted, before: before, "kill \(i)")
            if i % 5 == 0 {
                guard try succeed(["pull", "one"], in: used, "after kill \(i)") else { return }
                let now = try contents(of: used)
                for (path, text) in wanted where path.hasSuffix(".o") || path.hasSuffix(".cmd") {
                    // What was made from the edited source may be left to make.
                    if now[path] == nil, path.contains("f3.o") { continue }
                    #expect(now[path]?.text == text.text, "\(path) after kill \(i)")
                }
                #expect(!now.keys.contains { $0.contains(".kcache-tmp-") })
            }
        }
        #expect(count > Self.kills / 4, "only \(count) of \(Self.kills) were still running")
        _ = try succeed(["verify"], in: small.root, "after all")
        try emptyDirectory(wanted, &random, time)
    }

    /// The same for a pull that makes the whole tree.
    private func emptyDirectory(_ wanted: [String: FileState], _ random: inout SplitMix, _ time: Double)
        throws
    {
        let empty = work.place("empty")
        for i in 0..<max(8, Self.kills / 5) {
            try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
            _ = try killed(
                ["pull", "one"], in: empty, after: Double.random(in: 0..<1.1, using: &random), of: time)
            try check(empty, wanted: wanted, before: [:], "whole, kill \(i)")
            guard try succeed(["pull", "one"], in: empty, "whole, after kill \(i)") else { return }
            #expect(try contents(of: empty).mapValues(\.text) == wanted.mapValues(\.text))
            try Shell.run(["rm", "-rf", empty.path])
        }
    }

    private struct FileState {
        let text: Data
        let time: Double
    }

    private func contents(of tree: URL) throws -> [String: FileState] {
        var states: [String: FileState] = [:]
        for path in try Shell.files(in: tree) {
            var st = stat()
            let file = tree.appending(path: path)
            guard lstat(file.path, &st) == 0 else { continue }
            states[path] = FileState(
                text: try Data(contentsOf: file),
                time: Double(st.st_mtim.tv_sec) + Double(st.st_mtim.tv_nsec) / 1e9)
        }
        return states
    }

    /// What make could be misled by: an output that is neither whole nor stale, or newer than a source that
    /// differs; and what is the user's.
    private func check(
        _ tree: URL, wanted: [String: FileState], before: [String: FileState], _ context: String
    ) throws {
        let now = try contents(of: tree)
        let year: Double = 86_400 * 366
        var newest = 0.0
        for (path, state) in now where !path.contains(".kcache-tmp-") {
            guard path.hasSuffix(".o") || path.hasSuffix(".cmd") else {
                if let mine = before[path] { #expect(state.text == mine.text, "\(path), \(context)") }
                continue
            }
            let isStale = state.time < 11 * year
            let isWhole = state.text == wanted[path]?.text
            let isUntouched = state.text == before[path]?.text && state.time == before[path]?.time
            #expect(isWhole || isStale || isUntouched, "\(path), \(context)")
            if !isStale, !isUntouched { newest = max(newest, state.time) }
        }
        for path in before.keys { #expect(now[path] != nil, "\(path) is gone, \(context)") }
        // Once any output counts as fresh, the edited source and the user's own are newer.
        if newest > 0 {
            for path in ["d/f3.c", "d/mine.c"] where before[path] != nil {
                #expect((now[path]?.time ?? 0) > newest, "\(path), \(context)")
            }
        }
    }

    @Test func forgetAndGC() throws {
        var random = SplitMix(seed: 3)
        let small = try SmallTree(work.place("tree"), units: 4)
        guard try succeed(["push", "--name", "kept"], in: small.root, "first") else { return }
        let wanted = work.place("wanted")
        try Shell.run(["cp", "-a", small.root.path, wanted.path])
        func fill(_ i: Int) throws {
            let words = (0..<9000).map { _ in String(random.next(), radix: 36) }.joined()
            try small.remake(i % 4, words)
            _ = try succeed(["push", "--name", "victim"], in: small.root, "fill \(i)")
        }
        var times = (forget: Double.infinity, gc: Double.infinity)
        for i in 0..<3 {
            try fill(i)
            let start = DispatchTime.now().uptimeNanoseconds
            _ = try succeed(["forget", "victim"], in: small.root, "timing")
            let middle = DispatchTime.now().uptimeNanoseconds
            _ = try succeed(["gc"], in: small.root, "timing")
            times.forget = min(times.forget, Double(middle - start) / 1e9)
            times.gc = min(times.gc, Double(DispatchTime.now().uptimeNanoseconds - middle) / 1e9)
        }
        var counts = (forget: 0, gc: 0)
        for i in 0..<Self.kills {
            try fill(i)
            let share = Double.random(in: 0..<1.1, using: &random)
            if try killed(["forget", "victim"], in: small.root, after: share, of: times.forget) {
                counts.forget += 1
            }
            guard try succeed(["verify", "--quiet"], in: small.root, "forget, kill \(i)") else { return }
            let other = Double.random(in: 0..<1.1, using: &random)
            if try killed(["gc"], in: small.root, after: other, of: times.gc) { counts.gc += 1 }
            guard try succeed(["verify", "--quiet"], in: small.root, "gc, kill \(i)") else { return }
            if i % 10 == 9 {
                _ = try succeed(["gc"], in: small.root, "gc after kill \(i)")
                #expect(try Shell.run(["find", store, "-name", ".kcache-tmp-*"]).isEmpty)
                try pullsEverything(of: "kept", like: wanted)
            }
        }
        #expect(counts.forget > Self.kills / 4 && counts.gc > Self.kills / 4, "\(counts)")
    }

    /// Two pushes, a pull and a gc at once, again and again.
    @Test func sideBySide() throws {
        var random = SplitMix(seed: 4)
        let trees = try (0..<2).map { try SmallTree(work.place("tree\($0)"), units: 6, seed: UInt64($0) + 1) }
        for (i, tree) in trees.enumerated() {
            guard try succeed(["push", "--name", "tree\(i)"], in: tree.root, "first") else { return }
        }
        let used = work.place("used")
        for round in 0..<(Self.isFull ? 200 : 25) {
            let shared = (0..<4000).map { _ in String(random.next(), radix: 36) }.joined()
            for tree in trees { try tree.remake(round % 6, shared) }
            try FileManager.default.createDirectory(at: used, withIntermediateDirectories: true)
            var commands: [(arguments: [String], place: URL, name: String)] = [
                (["push", "--name", "tree0"], trees[0].root, "push"),
                (["push", "--name", "tree1"], trees[1].root, "push"),
                (["pull", "tree\(round % 2)"], used, "pull"), (["gc"], trees[0].root, "gc"),
            ]
            commands.shuffle(using: &random)
            var children: [(Child, String, String)] = []
            for (i, command) in commands.enumerated() {
                let log = work.place("log\(i)").path
                children.append(
                    (
                        try program.start(
                            command.arguments + ["--store", store], in: command.place, error: log),
                        command.name, log
                    ))
                usleep(UInt32.random(in: 0..<8000, using: &random))
            }
            for (child, name, log) in children {
                let status = child.wait()
                let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                #expect(status == 0, "\(name) in round \(round): \(text)")
            }
            guard try succeed(["verify", "--quiet"], in: used, "round \(round)") else { return }
            try Shell.run(["rm", "-rf", used.path])
            if round % 4 == 3 {
                // The least recently used go: gc then has packs to remove and to rewrite.
                _ = try succeed(["gc", "--max-size", "3M"], in: trees[0].root, "round \(round)")
            }
        }
        for (i, tree) in trees.enumerated() {
            guard try succeed(["push", "--name", "last\(i)"], in: tree.root, "last") else { return }
            try pullsEverything(of: "last\(i)", like: tree.root)
        }
    }
}
