import Foundation
import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import Testing

@testable import KCacheKbuild

/// What the module says of a real built tree, where `KCACHE_TEST_TREE` names one.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["KCACHE_TEST_TREE"] != nil))
struct RealTreeTests {
    let root = FilePath(ProcessInfo.processInfo.environment["KCACHE_TEST_TREE"] ?? "/")

    @Test func readsEveryCommandFile() throws {
        let directory = try Directory.open(root)
        let clock = ContinuousClock()
        let scanned = clock.now
        let listing = try TreeScanner().scan(directory)
        let start = clock.now
        let index = try CmdIndex(reading: directory, listing: listing)
        let end = clock.now
        print("scan \(start - scanned), \(index.records.count) .cmd files in \(end - start)")
        print("\(index.names.count) names, \(index.dependencies.count) dependencies")
        for bad in index.unreadable { print("\(bad.file): \(bad.error)") }
        #expect(index.unreadable.isEmpty)
    }
}

extension RealTreeTests {
    @Test func whatMakeWouldDo() throws {
        let directory = try Directory.open(root)
        let listing = try TreeScanner().scan(directory)
        let clock = ContinuousClock()
        let start = clock.now
        var options = RebuildModel.Options()
        options.stampsArePinned = true
        let model = try RebuildModel(reading: directory, listing: listing, options: options)
        let middle = clock.now
        let report = try model.report()
        print("read \(middle - start), report \(clock.now - middle)")
        print("\(report.stale.count) stale, \(report.possible.count) possible")
        for target in report.stale.prefix(9000) { print("STALE \(target)") }
        for target in report.possible.prefix(9000) { print("POSSIBLE \(target)") }
    }
}

extension RealTreeTests {
    /// What is read out of Makefiles must be what make itself had worked out.
    @Test func makefilesAgreeWithSavedCommands() throws {
        let directory = try Directory.open(root)
        let listing = try TreeScanner().scan(directory)
        let model = try RebuildModel(reading: directory, listing: listing)
        var graph = BuildGraph(index: model.index, times: TreeTimes(root: directory, listing: listing))
        graph.readCommands()
        let clock = ContinuousClock()
        let start = clock.now
        let planner = BuildPlanner(root: directory, listing: listing, config: model.built, index: model.index)
        let flags = CompileFlags(model.index)
        var (told, untold, wrong, flagsTold, flagsUntold, flagsWrong) = (0, 0, 0, 0, 0, 0)
        for record in model.index.records where record.target.hasSuffix("built-in.a") {
            guard let node = graph.known(record.target), let plan = planner.plan(record.target.parent) else {
                continue
            }
            let saved = graph.edges[Int(node)].map { graph.paths[Int($0)] }
            guard let members = plan.builtin else {
                untold += 1
                print("can't tell \(plan.makefile)")
                continue
            }
            told += 1
            if members != saved {
                wrong += 1
                print(
                    "WRONG \(plan.makefile): \(members.filter { !saved.contains($0) }) \(saved.filter { !members.contains($0) })"
                )
            }
            let own = planner.directoryFlags(plan.directory)
            for unit in members {
                guard let node = graph.known(unit), let record = graph.record(node),
                    record.source?.hasSuffix(".c") == true
                else { continue }
                guard let own, let unitFlags = plan.unitFlags, let old = flags.extra(record.command) else {
                    flagsUntold += 1
                    continue
                }
                flagsTold += 1
                if old != own + (unitFlags[unit] ?? []) {
                    flagsWrong += 1
                    print(
                        "FLAGS \(unit): \(old.map { quoteForPeople($0) }) \((own + (unitFlags[unit] ?? [])).map { quoteForPeople($0) })"
                    )
                }
                if let name = CompileFlags.moduleName(record.command), let mine = plan.moduleName(of: unit),
                    name != mine
                {
                    print("NAME \(unit) \(quoteForPeople(name)) \(quoteForPeople(mine))")
                }
            }
        }
        for record in model.index.records where record.target.hasSuffix("modules.order") {
            guard let node = graph.known(record.target), let plan = planner.plan(record.target.parent) else {
                continue
            }
            let saved = graph.edges[Int(node)].map { graph.paths[Int($0)] }
            if let order = plan.order, order != saved { print("ORDER \(record.target) \(order) \(saved)") }
        }
        print(
            "lists: \(told) told, \(untold) untold, \(wrong) wrong; flags: \(flagsTold) \(flagsUntold) \(flagsWrong) in \(clock.now - start)"
        )
        #expect(wrong == 0)
        #expect(flagsWrong == 0)
    }
}

extension RealTreeTests {
    @Test func whatAPullWouldRemove() throws {
        let directory = try Directory.open(root)
        let listing = try TreeScanner().scan(directory)
        let index = try CmdIndex(reading: directory, listing: listing)
        let sets: [(Invalidation.Changes, String)] = [
            (.init(changed: paths(["kernel/fork.c", "include/linux/sched.h"])), "a unit and a header"),
            (.init(changed: paths(["scripts/kallsyms.c"])), "scripts/kallsyms.c"),
            (.init(changed: paths(["scripts/mksysmap"])), "scripts/mksysmap"),
            (.init(changed: paths(["scripts/syscalltbl.sh"])), "scripts/syscalltbl.sh"),
            (.init(changed: paths(["tools/objtool/check.c"])), "tools/objtool/check.c"),
            (.init(changed: paths(["lib/Makefile", "Kconfig", "Documentation/index.rst"])), "Makefiles"),
            (.init(added: paths(["include/linux/brand-new.h"])), "a new header"),
            (.init(added: paths(["arch/x86/include/asm/types.h"])), "a header that shadows"),
            (.init(added: paths(["tools/include/linux/fork.h", "drivers/x/types.h"])), "headers elsewhere"),
        ]
        let outputs = Set(index.records.map(\.target))
        for (changes, name) in sets {
            let clock = ContinuousClock()
            let start = clock.now
            let items = try Invalidation.outputs(
                stale: changes, outputs: outputs, index: index, root: directory, listing: listing)
            print("\(name): \(items.count) in \(clock.now - start)")
            for item in items.prefix(6) { print("   \(item.target): \(item.reason)") }
        }
    }

    func paths(_ names: [String]) -> Set<TreePath> { Set(names.compactMap { TreePath($0) }) }
}
