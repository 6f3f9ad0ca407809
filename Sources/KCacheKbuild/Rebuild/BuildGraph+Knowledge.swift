import KCacheCore
import KCacheSystem
import KCacheTree

extension BuildGraph {
    /// Adds the prerequisites of `KbuildKnowledge` for files that are here.
    mutating func addKnowledge(modules: Bool) {
        for (target, inputs) in KbuildKnowledge.plainEdges {
            addEdges(target, inputs, rule: .plain)
        }
        for (target, inputs) in KbuildKnowledge.comparedEdges {
            addEdges(target, inputs, rule: .compared)
        }
        for record in index.records {
            let path = record.target
            if path.hasSuffix("/kernel/vmlinux.lds"), path.hasPrefix("arch/") {
                // KBUILD_LDS, scripts/Makefile.vmlinux.
                link("vmlinux", from: path)
            } else if path.hasSuffix("/kernel/asm-offsets.s"), path.hasPrefix("arch/") {
                // Kbuild: `asm-offsets.s: timeconst.h bounds.h`, and the filechk of asm-offsets.h.
                addEdges("include/generated/asm-offsets.h", [path.description], rule: .compared)
            } else if path.hasSuffix(".mod.o"),
                let made = TreePath(path.bytes.dropLast(1) + Array("c".utf8))
            {
                // scripts/mod/modpost.c, write_mod_c_file: written if it differs.
                let file = node(made)
                if rules[Int(file)] == nil { rules[Int(file)] = .compared }
                for name in ["Module.symvers", "modules-only.symvers"] {
                    if let symbols = TreePath(name).flatMap({ known($0) }) { add(file, from: symbols) }
                }
            }
        }
        if let vmlinux = TreePath("vmlinux").flatMap({ known($0) }),
            let map = TreePath("System.map").flatMap({ existing($0) })
        {
            // scripts/link-vmlinux.sh writes it beside vmlinux.
            rules[Int(map)] = .with
            add(map, from: vmlinux)
        }
    }

    /// Notes targets whose directory's makefile is newer: it may say something else of them.
    mutating func addMakefileDoubts(_ makefile: (TreePath?) -> TreePath?) {
        for record in index.records {
            guard let node = known(record.target), let time = mtimes[Int(node)],
                let makefile = makefile(record.target.parent),
                let changed = times.listing[makefile]?.status.mtime, changed > time
            else { continue }
            doubts[node] = .makefileChanged(makefile)
        }
    }

    private mutating func addEdges(_ target: String, _ inputs: [String], rule: Rule) {
        guard let path = TreePath(target), let target = existing(path) else { return }
        for input in inputs {
            guard let path = TreePath(input), let input = existing(path) else { continue }
            add(target, from: input)
        }
        if rules[Int(target)] == nil { rules[Int(target)] = rule }
    }

    private mutating func link(_ target: String, from path: TreePath) {
        guard let target = TreePath(target).flatMap({ known($0) }) else { return }
        add(target, from: node(path))
    }

    /// Adds what assembler sources take in by `.incbin`: Makefiles name these as prerequisites.
    mutating func addPayloads(_ root: Directory) throws {
        for record in index.records {
            guard let source = record.source, source.hasSuffix(".S"), let target = known(record.target),
                times.listing[source] != nil, let text = try root.readFile(source, limit: 1 << 22)
            else { continue }
            for payload in CommandText.incbins(text) {
                guard let path = index.resolver.resolve(payload), let input = existing(path) else { continue }
                add(target, from: input)
            }
        }
    }
}

extension BuildGraph {
    /// Objects of modules, from the top modules.order down.
    func moduleObjects() -> [Node] {
        guard let top = TreePath("modules.order").flatMap({ known($0) }) else { return [] }
        var found: [Node] = []
        var seen: Set<Node> = [top]
        var pending = [top]
        while let list = pending.popLast() {
            for member in edges[Int(list)] where seen.insert(member).inserted {
                if paths[Int(member)].hasSuffix("modules.order") {
                    pending.append(member)
                } else {
                    found.append(member)
                }
            }
        }
        return found
    }

    /// Adds the last steps of modules that are new: `x.mod.c`, `x.mod.o`, `x.ko`.
    mutating func addWantedModules() {
        for object in moduleObjects() {
            let stem = paths[Int(object)].bytes.dropLast(1)
            func path(_ suffix: String) -> TreePath? { TreePath(stem + Array(suffix.utf8)) }
            guard let list = path("mod"), let text = path("mod.c"), let compiled = path("mod.o"),
                let module = path("ko")
            else { continue }
            let nodes = (node(list), node(text), node(compiled), node(module))
            wanted.formUnion([nodes.0, nodes.2, nodes.3])
            if rules[Int(nodes.1)] == nil {
                rules[Int(nodes.1)] = .compared
                if let symbols = TreePath("Module.symvers").flatMap({ known($0) }) {
                    add(nodes.1, from: symbols)
                }
            }
            add(nodes.2, from: nodes.1)
            add(nodes.3, from: object)
            add(nodes.3, from: nodes.2)
        }
    }
}
