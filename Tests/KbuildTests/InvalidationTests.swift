import Foundation
import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Trees whose sources change under outputs that make takes for fresh, as after a pull.
@Suite(.serialized) struct InvalidationTests {
    func changes(from old: FakeState, to new: FakeState) -> Invalidation.Changes {
        var changes = Invalidation.Changes()
        for path in Set(old.files.keys).union(new.files.keys) {
            guard let at = TreePath(path), old.files[path] != new.files[path] else { continue }
            if old.files[path] == nil {
                changes.added.insert(at)
            } else if new.files[path] == nil {
                changes.removed.insert(at)
            } else {
                changes.changed.insert(at)
            }
        }
        return changes
    }

    /// Removes what make would wrongly keep; what was named.
    func invalidate(_ tree: URL, _ changes: Invalidation.Changes, sources: Set<String>) throws
        -> [Invalidation.Item]
    {
        let root = try Directory.open(FilePath(tree.path))
        let listing = try TreeScanner().scan(root)
        let index = try CmdIndex(reading: root, listing: listing)
        let outputs = Set(listing.files.map(\.path).filter { !sources.contains($0.description) })
        let items = try Invalidation.outputs(
            stale: changes, outputs: outputs, index: index, root: root, listing: listing)
        for item in items {
            #expect(outputs.contains(item.target) || listing[item.target] == nil, "\(item)")
            try root.remove(item.target)
            let file = Array(".".utf8) + item.target.name + Array(".cmd".utf8)
            if let command = item.target.parent.map({ $0.appending(file) }) ?? TreePath(file) {
                try root.remove(command)
            }
        }
        return items
    }

    func scene(_ edit: (inout FakeState) -> Void) throws -> (named: [String], differences: [String]) {
        let kernel = try FakeKernel.prepared()
        let place = FileManager.default.temporaryDirectory.appending(path: "pull-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        let old = kernel.initial
        try kernel.makeTree(at: place, old)
        #expect(try kernel.build(place).status == 0)
        var new = old
        edit(&new)
        try new.write(to: place, replacing: old)
        let sources = Set(try Shell.files(in: kernel.sources)).union(new.files.keys)
        let items = try invalidate(place, changes(from: old, to: new), sources: sources)
        let made = try kernel.build(place)
        #expect(made.status == 0, "\(made.log)")
        return (items.map(\.target.description), try kernel.differences(of: place, from: new))
    }

    @Test func headerThatComesFirst() throws {
        let (named, differences) = try scene {
            $0.files["arch/fake/include/fake/limits.h"] = "#define FAKE_LIMIT 96\n"
        }
        #expect(named.contains("core/run.o") && named.contains("kernel/bounds.s"))
        #expect(!named.contains("net/socket.o"))
        #expect(differences.isEmpty, "\(differences)")
    }

    @Test func scriptOfAScript() throws {
        let (named, differences) = try scene {
            $0.files["scripts/fake/pack.sh"] = "pack() { tr a-z c-za-b; }\n"
        }
        #expect(named == ["core/blob.bin", "core/blob.o"])
        #expect(differences.isEmpty, "\(differences)")
    }

    @Test func documentationAndKconfigChangeNothing() throws {
        let (named, differences) = try scene {
            $0.files["Documentation/x.rst"] = "text\n"
            $0.files["net/README"] = "text\n"
            $0.files["core/Makefile", default: ""] += "# no change\n"
            $0.files["Kconfig", default: ""] += "\n# no change\n"
        }
        #expect(named.isEmpty, "\(named)")
        #expect(differences.isEmpty, "\(differences)")
    }

    @Test(arguments: FakeKernelTests.seeds) func anyHistory(seed: UInt64) throws {
        let kernel = try FakeKernel.prepared()
        let place = FileManager.default.temporaryDirectory.appending(path: "pull-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        var history = FakeHistory(kernel, random: SplitMix(seed: seed &+ 1000))
        try kernel.makeTree(at: place, history.state)
        #expect(try kernel.build(place).status == 0)
        for round in 0..<8 {
            let old = history.state
            let done = history.log.count
            for _ in 0...(round % 4) { try history.step(FakeEdit.allCases) }
            try history.apply(to: place, from: old)
            let sources = Set(try Shell.files(in: kernel.sources)).union(history.state.files.keys)
            let difference = changes(from: old, to: history.state)
            let items = try invalidate(place, difference, sources: sources)
            let made = try kernel.build(place)
            let edits = history.log[done...].joined(separator: ", ")
            #expect(made.status == 0, "seed \(seed) round \(round): \(edits)\n\(made.log)")
            guard made.status == 0 else { return }
            let differences = try kernel.differences(of: place, from: history.state)
            #expect(differences.isEmpty, "seed \(seed) round \(round): \(edits)\n\(items)\n\(differences)")
        }
    }
}
