import Foundation
import KCacheKbuild
import TestKernel
import Testing

/// What `kcache doctor` prints, and that it changes nothing.
@Suite struct DoctorTests {
    @Test func aCleanTreeIsALine() throws {
        let trial = try DoctorTrial()
        let before = try trial.everything()
        let result = try trial.text()
        #expect(result.status == 0 && result.error.isEmpty, "\(result)")
        #expect(
            result.output
                == "all is well with the tree \(trial.tree.path)\n")
        let answer = try trial.ask()
        #expect(answer.well && answer.findings.isEmpty && answer.notes.isEmpty)
        #expect(answer.tree == trial.tree.path && answer.store == nil)
        #expect(try trial.everything() == before)
        // With a store, and after a pull of it elsewhere.
        try trial.push()
        let pushed = try trial.everything()
        #expect(
            try trial.text().output
                == "all is well with the tree \(trial.tree.path) and the store \(trial.store.path)\n")
        #expect(try trial.everything() == pushed)
        let other = trial.work.place("elsewhere")
        try FakeKernel.prepared().makeCheckout(at: other, FakeKernel.prepared().initial)
        let pulled = try trial.program.run(["pull"], in: other)
        #expect(pulled.status == 0, "\(pulled)")
        trial.tree = other
        let there = try trial.ask()
        #expect(there.well && there.notes.isEmpty, "\(there)")
    }

    /// One that `make O=` has built, asked from either side; what is wrong with it is found as in any other.
    @Test(arguments: ["apart", "tree/below"]) func outputTrees(_ name: String) throws {
        let trial = try DoctorTrial()
        let (kernel, sources) = (try FakeKernel.prepared(), trial.tree)
        try FileManager.default.removeItem(at: sources)
        try kernel.makeCheckout(at: sources, kernel.initial, withConfiguration: false)
        let output = trial.work.place(name)
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        try kernel.initial.config.write(
            to: output.appending(path: ".config"), atomically: false, encoding: .utf8)
        let word = "O=\(name == "apart" ? output.path : "below")"
        let built = try kernel.build(sources, [word])
        #expect(built.status == 0, "\(built.log)")
        trial.options = [word]
        #expect(try trial.text().output == "all is well with the tree \(output.path)\n")
        (trial.options, trial.tree) = ([], output)
        #expect(try trial.text().output == "all is well with the tree \(output.path)\n")

        try Shell.run(["touch", "-d", "2101-01-01", sources.appending(path: "core/run.c").path])
        try Shell.run(["rm", output.appending(path: "core/queue.o").path])
        let found = Set(try trial.ask().findings.map(\.id))
        #expect(found == ["future-sources", "interrupted-build", "stale-targets"], "\(found)")
        // The sources went to another place.
        try Shell.run(["touch", sources.appending(path: "core/run.c").path])
        guard name == "apart" else { return }
        let other = trial.work.place("moved")
        try FileManager.default.moveItem(at: sources, to: other)
        (trial.options, trial.tree) = ([word], other)
        #expect(try trial.ask().findings.map(\.id).contains("moved-tree"))
    }

    @Test func outsideOfATree() throws {
        let trial = try DoctorTrial()
        trial.tree = trial.work.place("nothing")
        try FileManager.default.createDirectory(at: trial.tree, withIntermediateDirectories: true)
        let result = try trial.text()
        #expect(result.status == 0, "\(result)")
        #expect(
            result.output
                == "all is well with this machine (no kernel tree is here)\n")
        #expect(try trial.ask().tree == nil)
    }

    @Test func wrongUsage() throws {
        let trial = try DoctorTrial()
        for words in [["--bogus"], ["--format", "xml"], ["extra"]] {
            trial.options = words
            let result = try trial.text()
            #expect(result.status == 2 && result.output.isEmpty, "\(result)")
        }
        trial.options = []
        trial.tree = trial.work.place("nowhere")
        let result = try trial.text()
        #expect(result.status == 1 && result.error.contains("nowhere"), "\(result)")
    }

    /// Twenty at once: each is found, each with its cost and mend.
    @Test func twentyHazards() throws {
        let trial = try DoctorTrial()
        let planted = [
            "links-lost", "other-makefile", "moved-tree", "future-sources", "future-outputs", "links-outside",
            "kernel-release", "secret-readable", "interrupted-build", "compiler-changed",
            "tool-changed", "old-tool", "pins-differ", "layout-seed", "module-signing-key",
            "btf-without-pahole",
            "environment-flags", "environment-search-paths", "environment-configuration", "store-damaged",
            "cache-foreign",
        ]
        try trial.push()
        let all =
            DoctorHazardTests.inTree + DoctorHazardTests.ofBuild + DoctorHazardTests.ofEnvironment
            + DoctorHazardTests.ofStore.filter { $0.id == "cache-foreign" || $0.id == "store-damaged" }
        for id in planted where id != "btf-without-pahole" && id != "store-damaged" && id != "cache-foreign" {
            try #require(all.first { $0.id == id }).plant(trial)
        }
        try trial.configure("CONFIG_DEBUG_INFO_BTF=y")
        let name = String(repeating: "ab", count: 32)
        try "rubbish".write(
            to: trial.store.appending(path: "catalog/\(name)"), atomically: false, encoding: .utf8)
        try Shell.run(["chmod", "777", trial.store.path])
        let before = try trial.everything()
        let answer = try trial.ask()
        let hasPahole = (try? Shell.run(["sh", "-c", "command -v pahole"])) != nil
        // A source from the future also has its objects made again.
        let expected = Set(planted + ["stale-targets"]).subtracting(hasPahole ? ["btf-without-pahole"] : [])
        #expect(answer.ids.isSuperset(of: expected), "missed: \(expected.subtracting(answer.ids))")
        #expect(expected.count >= 20)
        #expect(answer.findings.allSatisfy { !$0.cost.isEmpty && !$0.mend.isEmpty })
        let order = answer.findings.map(\.severity)
        let ranks = ["fails", "unsafe", "inexact", "rebuild"]
        #expect(
            order.compactMap { ranks.firstIndex(of: $0) }
                == order.compactMap { ranks.firstIndex(of: $0) }.sorted())
        let text = try trial.text()
        #expect(text.status == 1 && text.output.hasPrefix("\(answer.findings.count) findings: "), "\(text)")
        for id in expected { #expect(text.output.contains("\n\(id) ("), "\(id)") }
        #expect(try trial.everything() == before)
    }

    /// docs/doctor.md has each name, and no other.
    @Test func everyNameIsExplained() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "docs/doctor.md"), encoding: .utf8)
        let names = text.split(separator: "\n").filter { $0.hasPrefix("| `") }.compactMap { line in
            line.dropFirst(3).split(separator: "`").first.map(String.init)
        }
        #expect(names.sorted() == DoctorID.allCases.map(\.rawValue).sorted())
    }
}
