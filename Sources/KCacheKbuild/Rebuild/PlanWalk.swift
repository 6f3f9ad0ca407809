import KCacheCore
import KCacheSystem
import KCacheTree

/// Goes through the directories as make does, and brings the graph up to what changed Makefiles and symbols
/// ask for.
struct PlanWalk {
    let model: RebuildModel
    let planner: BuildPlanner
    var graph: BuildGraph
    /// CONFIG symbols changed, or were set since the last link: every directory is read.
    let configIsNew: Bool
    private var oldest: [TreePath?: Int64] = [:]
    private var flags: CompileFlags?
    private var seen: Set<TreePath?> = []

    init(model: RebuildModel, planner: BuildPlanner, graph: BuildGraph) {
        (self.model, self.planner, self.graph) = (model, planner, graph)
        let auto = RebuildModel.autoConfPath.flatMap { model.listing[$0]?.status.mtime }
        let link = TreePath("vmlinux").flatMap { model.listing[$0]?.status.mtime }
        configIsNew =
            model.needsSync && !model.wanted.differences(from: model.built).isEmpty
            || (auto ?? 0) > (link ?? Int64.max)
        for record in model.index.records {
            let directory = record.target.parent
            let time = model.listing[record.target]?.status.mtime ?? 0
            oldest[directory] = min(oldest[directory] ?? Int64.max, time)
        }
    }

    /// True if a Makefile of the directory or one above is newer than something made there.
    private func isNew(_ directory: TreePath?) -> Bool {
        if configIsNew { return true }
        guard let oldest = oldest[directory] else { return true }
        var at = directory
        while true {
            if let makefile = planner.makefile(of: at),
                let time = model.listing[makefile]?.status.mtime, time > oldest
            {
                return true
            }
            guard let here = at else { return false }
            at = here.parent
        }
    }

    mutating func run() {
        visit(nil, builtin: true, order: model.wanted["MODULES"] == "y")
    }

    private func child(_ directory: TreePath?, _ name: String) -> TreePath? {
        directory.map { $0.appending(Array(name.utf8)) } ?? TreePath(name)
    }

    private mutating func visit(_ directory: TreePath?, builtin: Bool, order: Bool) {
        guard seen.insert(directory).inserted, (directory?.depth ?? 0) < 64 else { return }
        if isNew(directory), let plan = planner.plan(directory) {
            if builtin { take(plan.builtin, for: child(directory, "built-in.a"), plan) }
            if let library = plan.library,
                !library.isEmpty || child(directory, "lib.a").flatMap({ graph.known($0) }) != nil
            {
                take(library, for: child(directory, "lib.a"), plan)
            }
            if order { take(plan.order, for: child(directory, "modules.order"), plan) }
            takeModules(plan)
            takeRules(plan)
            takeFlags(plan)
        }
        var below: [(TreePath, Bool, Bool)] = []
        for (name, isBuiltin) in [("built-in.a", true), ("modules.order", false)] {
            guard let node = child(directory, name).flatMap({ graph.known($0) }) else { continue }
            for member in graph.edges[Int(node)] {
                let path = graph.paths[Int(member)]
                guard path.hasSuffix("/built-in.a") || path.hasSuffix("/modules.order"), let sub = path.parent
                else { continue }
                below.append((sub, isBuiltin, !isBuiltin))
            }
        }
        var merged: [TreePath: (Bool, Bool)] = [:]
        for (path, a, b) in below {
            let old = merged[path] ?? (false, false)
            merged[path] = (old.0 || a, old.1 || b)
        }
        for (path, _, _) in below {
            guard let wants = merged.removeValue(forKey: path) else { continue }
            visit(path, builtin: wants.0, order: wants.1 || (order && wants.0))
        }
    }

    /// Sets what an archive or list is made from, and notes if that is not what it was made from.
    private mutating func take(_ members: [TreePath]?, for path: TreePath?, _ plan: DirectoryPlan) {
        guard let path else { return }
        let target = graph.node(path)
        guard let members else {
            if let time = graph.mtimes[Int(target)], let makefile = model.listing[plan.makefile],
                makefile.status.mtime > time
            {
                graph.doubts[target] = .makefileChanged(plan.makefile)
            }
            return
        }
        let old = graph.edges[Int(target)].map { graph.paths[Int($0)] }
        let nodes = members.map { graph.node($0) }
        graph.edges[Int(target)] = nodes
        if graph.rules[Int(target)] == nil { graph.wanted.insert(target) }
        guard graph.record(target) != nil, old != members else { return }
        graph.changes[target] = .membersChanged(
            added: members.filter { !old.contains($0) }, removed: old.filter { !members.contains($0) })
    }

    private mutating func takeModules(_ plan: DirectoryPlan) {
        for (object, parts) in plan.modules.sorted(by: { $0.key < $1.key }) {
            guard let list = TreePath(object.bytes.dropLast(1) + Array("mod".utf8)) else { continue }
            let node = graph.node(list)
            graph.wanted.insert(node)
            if let record = graph.record(node) {
                let old = graph.moduleMembers(listedIn: node).map { graph.paths[Int($0)] }
                if old != parts, record.target == list {
                    graph.changes[node] = .membersChanged(
                        added: parts.filter { !old.contains($0) }, removed: old.filter { !parts.contains($0) }
                    )
                }
            }
            let target = graph.node(object)
            graph.wanted.insert(target)
            if parts != [object] {
                graph.edges[Int(target)] = [node] + parts.map { graph.node($0) }
            }
        }
    }

    private mutating func takeRules(_ plan: DirectoryPlan) {
        for rule in plan.rules {
            let target = graph.node(rule.target)
            for input in rule.prerequisites {
                // Phony names are no files and have no rule that makes one.
                guard
                    model.listing[input] != nil || graph.known(input) != nil
                        || plan.rules.contains(where: { $0.target == input })
                else { continue }
                graph.add(target, from: graph.node(input))
            }
            if graph.rules[Int(target)] == nil, !KbuildShape.hasCommandFile(rule.target) {
                graph.ruled.insert(target)
            }
        }
    }

    private mutating func takeFlags(_ plan: DirectoryPlan) {
        var units: [(TreePath, Bool)] = (plan.builtin ?? []).map { ($0, false) }
        units += (plan.library ?? []).map { ($0, false) }
        for (object, parts) in plan.modules { units += (parts.isEmpty ? [object] : parts).map { ($0, true) } }
        let directoryFlags = planner.directoryFlags(plan.directory)
        for (unit, isModule) in units where unit.hasSuffix(".o") {
            guard let node = graph.known(unit), let record = graph.record(node), let source = record.source
            else { continue }
            if let was = CompileFlags.isModule(record.command), was != isModule {
                graph.changes[node] = .commandChanged("-DMODULE")
                continue
            }
            guard source.hasSuffix(".c") else { continue }
            if let was = CompileFlags.moduleName(record.command), let name = plan.moduleName(of: unit),
                was != name
            {
                graph.changes[node] = .commandChanged("-DKBUILD_MODNAME")
                continue
            }
            if flags == nil { flags = CompileFlags(model.index) }
            let time = graph.mtimes[Int(node)] ?? 0
            let isNewer = (model.listing[plan.makefile]?.status.mtime ?? 0) > time
            guard let directoryFlags, let unitFlags = plan.unitFlags, let old = flags?.extra(record.command)
            else {
                if isNewer { graph.doubts[node] = .makefileChanged(plan.makefile) }
                continue
            }
            let new = directoryFlags + (unitFlags[unit] ?? [])
            guard old != new else { continue }
            if model.sanitizes {
                graph.doubts[node] = .makefileChanged(plan.makefile)
            } else {
                let word =
                    zip(old, new).first { $0 != $1 }?.1
                    ?? (old.count < new.count ? new[old.count] : old[new.count])
                graph.changes[node] = .commandChanged(quoteForPeople(word))
            }
        }
    }
}

extension DirectoryPlan {
    /// KBUILD_MODNAME of a unit: its composite's name or its own, with `-` and `,` as `_` (name-fix-token).
    func moduleName(of unit: TreePath) -> [UInt8]? {
        let whole = partOf[unit] ?? Array(unit.name.dropLast(2))
        let base = whole.lastIndex(of: UInt8(ascii: "/")).map { Array(whole[($0 + 1)...]) } ?? whole
        guard partOf[unit] == nil || base == whole else { return nil }
        return base.map { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ",") ? UInt8(ascii: "_") : $0 }
    }
}

extension RebuildModel {
    /// Options under which flags follow the unit's own (_c_flags in scripts/Makefile.lib).
    var sanitizes: Bool {
        ["KASAN", "KCSAN", "KMSAN", "UBSAN", "KCOV", "GCOV_KERNEL"].contains { wanted[$0] == "y" }
    }
}
