import KCacheCore

/// The files that plain `make` sets out to make, in its order (top Makefile, Kbuild).
struct RebuildGoals {
    let graph: BuildGraph
    let model: RebuildModel

    func nodes() -> [BuildGraph.Node] {
        guard model.hasArchives else { return roots() }
        var steps: [[TreePath]] = Array(repeating: [], count: 10)
        var built: Set<TreePath> = []
        for record in model.index.records where record.target.hasSuffix("built-in.a") {
            if let directory = record.target.parent { built.insert(directory) }
        }
        for record in model.index.records {
            let path = record.target
            if let step = step(path, built: built) { steps[step].append(path) }
        }
        var paths = steps[...5].joined().map { $0 }
        paths += ["tools/objtool/objtool", "built-in.a"].compactMap { TreePath($0) }
        paths += steps[6]
        paths += ["vmlinux.a", "vmlinux.o", "modules.builtin.modinfo", "modules.builtin"].compactMap {
            TreePath($0)
        }
        // The list of a module of one object is no prerequisite: its directory's goal alone asks for it
        // (targets-for-modules in scripts/Makefile.build).
        paths += modules("mod")
        let hasModules = TreePath("Module.symvers").flatMap { graph.known($0) } != nil
        paths += [
            "modules.order", hasModules ? "Module.symvers" : "vmlinux.symvers", "vmlinux", "System.map",
        ]
        .compactMap { TreePath($0) }
        paths += steps[7...].joined()
        // scripts/Makefile.modfinal.
        paths += modules("ko")
        return paths.compactMap { graph.known($0) }
    }

    /// In any other layout: all that was made by a saved command and is no part of something, host programs
    /// first. Objects left over from another configuration belong to nothing, and aren't looked at.
    private func roots() -> [BuildGraph.Node] {
        var host: [TreePath] = []
        var others: [TreePath] = []
        for path in model.index.records.map(\.target) where !KbuildShape.isPart(path) {
            if path.hasPrefix("scripts/kconfig/"), !model.needsSync { continue }
            if path.hasPrefix("scripts/") { host.append(path) } else { others.append(path) }
        }
        // What lies at the root is linked last.
        others = others.filter { $0.parent != nil } + others.filter { $0.parent == nil }
        return (host + others).compactMap { graph.known($0) }
    }

    /// When make gets to a target that nothing else may lead to; nil for a part of something.
    private func step(_ path: TreePath, built: Set<TreePath>) -> Int? {
        if path.hasPrefix("scripts/kconfig/") { return model.needsSync ? 0 : nil }
        if path.hasPrefix("scripts/basic/") { return 1 }
        if path.hasPrefix("scripts/") {
            // Made on demand only: `make headers`, module builds.
            if path.hasSuffix("scripts/unifdef") { return nil }
            if path.hasSuffix("scripts/module.lds") { return model.wanted["MODULES"] == "y" ? 3 : nil }
            return path.hasPrefix("scripts/mod/") ? 3 : path.hasSuffix(".o") ? nil : 2
        }
        if path.hasPrefix("arch/") {
            if path.components.count > 3, path.components[2].elementsEqual("include".utf8) { return 1 }
            if path.components.count > 3, path.components[2].elementsEqual("tools".utf8) { return 2 }
            if path.hasSuffix("/kernel/asm-offsets.s") { return 4 }
        }
        if path.hasSuffix("kernel/bounds.s") { return 4 }
        if path.hasPrefix(".checked-") { return 5 }
        if path.hasPrefix("tools/") { return nil }
        if KbuildShape.isPart(path) { return nil }
        guard let directory = path.parent else { return nil }
        if path.hasPrefix("arch/"), directory.components.count == 3, directory.hasSuffix("/boot") {
            return path.hasSuffix("Image") ? 8 : nil
        }
        return nil
    }

    /// The file with this suffix of each object that modules.order leads to.
    private func modules(_ suffix: String) -> [TreePath] {
        graph.moduleObjects().map { graph.paths[Int($0)] }.sorted().compactMap {
            TreePath($0.bytes.dropLast(1) + Array(suffix.utf8))
        }
    }
}
