import Foundation
import KCacheCore
import KCacheKbuild
import SystemPackage
import TestKernel
import Testing

/// Programs of the build itself that can't be started where a tree is pulled.
@Suite struct HostProgramTests {
    let trees: OutputTrees

    init() throws { trees = try OutputTrees() }

    /// Of one file, of several objects, and the one that all compile steps need.
    private static let programs = ["scripts/basic/fixdep", "scripts/kconfig/conf", "scripts/mod/modpost"]

    /// As if each had been linked on a machine with another library.
    private func estrange(_ tree: URL) throws {
        for program in Self.programs {
            try Shell.run(
                [
                    "sh", "-ec",
                    "cp -p $0 old; sed -i s/libc[.]so[.]6/libc.so.5/ $0; touch -r old $0; rm old", program,
                ],
                in: tree)
            #expect(try isStrange(tree.appending(path: program)))
        }
    }

    private func isStrange(_ file: URL) throws -> Bool {
        try Data(contentsOf: file).firstRange(of: Data("libc.so.5".utf8)) != nil
    }

    private func newerObjects(_ program: String, _ tree: URL) throws -> [Substring] {
        try Shell.run(["find", ".", "-name", "*.o", "-not", "-name", ".tmp_*", "-newer", program], in: tree)
            .split(separator: "\n")
            .sorted()
    }

    private func edited(_ state: FakeState, _ path: String) -> FakeState {
        var state = state
        state.files[path, default: ""] += "\nint edited_here;\n"
        return state
    }

    @Test(arguments: [false, true]) func areMadeAlone(apart: Bool) throws {
        let state = trees.kernel.initial
        let here = try built(state, apart: apart)
        let own = try Self.programs.map { try Data(contentsOf: here.output.appending(path: $0)) }
        try estrange(here.output)
        _ = try trees.push(here.place)
        let there = try checkout(state, apart: apart)
        let report = try trees.pull(there.place)
        #expect(
            report.announcement.remarks.contains { $0.contains("can't run here: libc.so.5: cannot open") })
        #expect(report.remarks.isEmpty, "\(report.remarks)")
        // With `O=` they hold the path of their sources (`assert`).
        let made = try Self.programs.map { try Data(contentsOf: there.output.appending(path: $0)) }
        if !apart { #expect(made == own) }
        // Make compares the times of some with those of objects.
        for program in Self.programs {
            let newer = try [there, here].map { try newerObjects(program, $0.output) }
            #expect(newer[0] == newer[1])
        }
        let first = try make(there)
        #expect(first.status == 0 && first.toolSteps.isEmpty, "\(first.log)")

        let changed = edited(state, "core/run.c")
        try trees.write(changed, replacing: state, there.source, there.place)
        trees.expectSteps(try make(there), ["core/run.o"])
        try trees.expectCleanBuild(there.place, changed)
        // They are another machine's again, and no other output changes.
        let again = try trees.pull(there.place)
        #expect(again.announcement.remarks.contains { $0.contains("can't run here") })
        #expect(try Self.programs.allSatisfy { try !isStrange(there.output.appending(path: $0)) })
        #expect(try make(there).status == 0)
        try trees.expectCleanBuild(there.place, changed)
    }

    /// What such a program would do is not what the snapshot's did.
    @Test func areLeftToMakeWhereTheirSourcesDiffer() throws {
        let state = trees.kernel.initial
        try pushEstranged(state)
        let path = "scripts/mod/modpost.c"
        let there = try checkout(state, apart: false)
        let file = there.source.appending(path: path)
        try (String(contentsOf: file, encoding: .utf8) + "\nint edited_here;\n").write(
            to: file, atomically: false, encoding: .utf8)
        let report = try trees.pull(there.place)
        #expect(report.remarks.contains { $0.contains("since \(path) differs") }, "\(report.remarks)")
        for program in Self.programs {
            #expect(!FileManager.default.fileExists(atPath: there.output.appending(path: program).path))
        }
        let made = try make(there)
        #expect(made.status == 0 && made.toolSteps.contains("HOSTCC  scripts/mod/modpost.o"), "\(made.log)")
        try trees.expectCleanBuild(there.place, state)
    }

    @Test func stayWhereMakeFails() throws {
        let state = trees.kernel.initial
        let id = try #require(try pushEstranged(state).id)
        let there = try checkout(state, apart: false)
        let tools = trees.work.place("tools")
        try FileManager.default.createDirectory(at: tools, withIntermediateDirectories: true)
        try Shell.run(
            [
                "sh", "-ec",
                "printf '#!/bin/sh\\necho fatal error: no elf.h; exit 2\\n' >make; chmod 755 make",
            ],
            in: tools)
        var host = trees.host
        host.environment["PATH"] = "\(tools.path):\(host.environment["PATH"] ?? "")"
        var request = KbuildPuller.Request(there.place)
        (request.snapshot, request.sync) = (id.description, false)
        let report = try KbuildPuller(host: host, store: trees.store).pull(request)
        #expect(
            report.remarks.contains {
                $0.contains("make could not make") && $0.contains("fatal error: no elf.h")
            }, "\(report.remarks)")
        for program in Self.programs { #expect(try isStrange(there.output.appending(path: program))) }
        let files = try Shell.files(in: there.output)
        #expect(!files.contains { $0.contains(".kcache-tmp") }, "\(files)")
        // Who has what it needs pulls again.
        let again = try trees.pull(there.place, id)
        #expect(again.remarks.isEmpty, "\(again.remarks)")
        #expect(try make(there).toolSteps.isEmpty)
        try trees.expectCleanBuild(there.place, state)
    }

    @Test func areNamedBeforeAnythingIsWritten() throws {
        let state = trees.kernel.initial
        try pushEstranged(state)
        let there = try checkout(state, apart: false)
        let before = try Shell.files(in: there.output)
        let shown = try trees.program.run(["pull", "--dry-run"], in: there.source)
        #expect(shown.status == 0, "\(shown.error)")
        #expect(
            shown.error.contains(
                "note: scripts/basic/fixdep can't run here: libc.so.5: cannot open shared object file"),
            "\(shown.error)")
        #expect(shown.error.contains("they are made anew here"), "\(shown.error)")
        #expect(try Shell.files(in: there.output) == before)
        let left = try trees.program.run(["pull", "--no-programs", "--no-sync"], in: there.source)
        #expect(left.status == 0 && left.error.contains("make fails where it needs them"), "\(left.error)")
        #expect(try Self.programs.allSatisfy { try isStrange(there.output.appending(path: $0)) })
    }

    // MARK: Trees

    private struct Tree {
        let place: TreePlace
        let source: URL
        var output: URL { URL(fileURLWithPath: place.output.string) }
    }

    private func built(_ state: FakeState, apart: Bool) throws -> Tree {
        let tree = try checkout(state, apart: apart, "here")
        #expect(try make(tree).status == 0)
        return tree
    }

    /// Built in one directory, and with programs of another machine in it.
    @discardableResult
    private func pushEstranged(_ state: FakeState) throws -> KbuildPusher.Report {
        let here = try built(state, apart: false)
        try estrange(here.output)
        return try trees.push(here.place)
    }

    private func checkout(_ state: FakeState, apart: Bool, _ name: String = "there/in/another") throws -> Tree
    {
        if apart {
            return Tree(
                place: try trees.place("\(name)/source", "\(name)/output", state),
                source: trees.work.place("\(name)/source"))
        }
        let place = trees.work.place(name)
        try FileManager.default.createDirectory(
            at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        try trees.kernel.makeCheckout(at: place, state)
        return Tree(place: TreePlace(output: FilePath(place.path)), source: place)
    }

    private func make(_ tree: Tree) throws -> BuildResult {
        tree.place.source == nil ? try trees.kernel.build(tree.source) : try trees.make(tree.place)
    }
}
