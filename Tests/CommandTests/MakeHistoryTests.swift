import Foundation
import TestKernel
import Testing

/// Random histories: edits of all kinds, goals, flags and accidents, with `kcache make` in one tree and plain
/// make in its twin.
@Suite(.serialized) struct MakeHistoryTests {
    /// `KCACHE_TEST_SEED` runs one, `KCACHE_TEST_HISTORIES` says how many (of 20 rounds each);
    /// `KCACHE_TEST_MAKE` has options of `kcache make`.
    static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["KCACHE_TEST_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        let count = environment["KCACHE_TEST_HISTORIES"].flatMap { Int($0) } ?? 4
        return (1...UInt64(max(1, count))).map { $0 }
    }

    private static let rounds = 20

    @Test(arguments: seeds) func makesWhatPlainMakeMakes(seed: UInt64) throws {
        let work = try Workplace()
        let kernel = try FakeKernel.prepared()
        let options = ProcessInfo.processInfo.environment["KCACHE_TEST_MAKE"] ?? ""
        var twins = try MakeTwins(
            in: work.url, options: options.split(separator: " ").map(String.init),
            environment: ["ARCH": "fake"])
        twins.name = "seed \(seed)"
        var history = FakeHistory(kernel, random: SplitMix(seed: seed))
        var random = SplitMix(seed: seed &* 6151 &+ 7)
        for kind in [MakeKind.plain, .command] {
            try kernel.makeTree(at: twins.place(kind), history.state)
            try MakeTwins.complete(twins.place(kind))
        }
        try twins.edit(Self.reach)
        try twins.make(.init(name: "the first build"))
        for _ in 0..<Self.rounds where !twins.failed {
            // Sometimes nothing is edited: that has to be seen as well.
            for _ in 0..<(random.next() % 4) {
                let (before, done) = (history.state, history.log.count)
                try history.step(FakeEdit.allCases)
                for kind in [MakeKind.plain, .command] {
                    try history.apply(to: twins.place(kind), from: before)
                }
                twins.note(history.log[done...].joined(separator: "; "))
            }
            if random.next() % 4 == 0 { try accident(&twins, &random) }
            try twins.make(step(&random))
        }
        try twins.make(.init(name: "the last build"))
        try twins.make(.init(name: "nothing to do"))
    }

    /// A directory whose makefile takes units by pattern and flags from elsewhere; no edit of a history's own
    /// comes here.
    private static let reach = """
        echo 'ccflags-y += -DINCLUDED=0' >arch/fake/kernel/flags.inc; echo -DLISTED=0 >Documentation/flags.txt
        cat >>arch/fake/kernel/Makefile <<'END'

        include $(src)/flags.inc
        ccflags-y += $(shell cat $(srctree)/Documentation/flags.txt)
        obj-y += $(patsubst $(srctree)/$(src)/%.c,%.o,$(sort $(wildcard $(srctree)/$(src)/wild-*.c)))
        END
        """

    /// Most often a whole build, as people do.
    private func step(_ random: inout SplitMix) -> MakeTwins.Step {
        var step = MakeTwins.Step(name: "a round", status: nil)
        switch random.next() % 20 {
        case 0: step.words.append("vmlinux")
        case 1: step.words.append("modules")
        case 2: step.words.append("core/run.o")
        case 3: step.words.append("drv/")
        case 4: step.words.append(contentsOf: ["net/", "lib/hash.o"])
        case 5: step.words.append("KCFLAGS=-DROUND=\(random.next() % 2)")
        case 6: step.environment["KCFLAGS"] = "-DROUND=\(random.next() % 2)"
        case 7: step.words.append("-k")
        case 8: step.words = ["olddefconfig"]
        case 9: step.words = ["-n"]
        case 10: step.withoutUs = true
        case 11: step.words.append("prepare")
        case 12: step.environment["LOCALVERSION"] = "-r\(random.next() % 2)"
        case 13: if random.next() % 3 == 0 { step.words = ["clean"] }
        default: break
        }
        return step
    }

    /// What happens to a tree apart from edits; the same file in both.
    private func accident(_ twins: inout MakeTwins, _ random: inout SplitMix) throws {
        let files = try Shell.files(in: twins.place(.plain)).filter {
            FakeKernel.isOutput($0) || $0.hasSuffix(".cmd") && !$0.hasPrefix("scripts/")
        }
        guard !files.isEmpty else { return }
        let file = files[Int(random.next() % UInt64(files.count))]
        let number = random.next() % 4
        switch random.next() % 10 {
        case 6: try twins.edit("echo 'ccflags-y += -DINCLUDED=\(number)' >arch/fake/kernel/flags.inc")
        case 7: try twins.edit("echo -DLISTED=\(number) >Documentation/flags.txt")
        case 8: try twins.edit("echo 'int wild_\(number);' >arch/fake/kernel/wild-\(number).c")
        case 9: try twins.edit("rm -f arch/fake/kernel/wild-\(number).c")
        case 0, 1: try twins.edit("rm -f '\(file)'")
        case 2: try twins.edit("touch '\(file)'")
        case 3: try twins.edit("touch -d 2001-01-01 '\(file)'")
        case 4:
            let source = file.hasSuffix(".o") ? file.dropLast(1) + "c" : "core/run.c"
            try twins.edit("if test -f '\(source)'; then touch -d 2001-01-01 '\(source)'; fi")
        default: try twins.edit("rm -f '\(file.split(separator: "/").dropLast().joined(separator: "/"))'/*.o")
        }
    }
}
