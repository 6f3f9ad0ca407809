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
