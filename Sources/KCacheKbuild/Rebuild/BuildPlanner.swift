import KCacheCore
import KCacheSystem
import KCacheTree

/// Reads the Makefiles of directories whose lists or flags may have changed.
final class BuildPlanner {
    let root: Directory
    let listing: TreeListing
    let config: AutoConf
    /// `arch/$(SRCARCH)`, from what the build left.
    let architecture: TreePath?
    private var plans: [TreePath?: DirectoryPlan?] = [:]
    private var texts: [TreePath: [UInt8]?] = [:]

    init(root: Directory, listing: TreeListing, config: AutoConf, index: CmdIndex) {
        (self.root, self.listing, self.config) = (root, listing, config)
        architecture =
            index.records.first {
                $0.target.hasPrefix("arch/") && $0.target.hasSuffix("/kernel/vmlinux.lds")
            }?
            .target.parent?.parent
    }

    /// The Kbuild file of a directory: `Kbuild` before `Makefile` (scripts/Makefile.build).
    func makefile(of directory: TreePath?) -> TreePath? {
        for name in ["Kbuild", "Makefile"] {
            let bytes = Array(name.utf8)
            if let path = directory.map({ $0.appending(bytes) }) ?? TreePath(bytes), listing[path] != nil {
                return path
            }
        }
        return nil
    }

    func text(of path: TreePath) -> [UInt8]? {
        if let known = texts[path] { return known }
        var text: [UInt8]?
        if listing[path]?.status.kind == .file {
            do { text = try root.readFile(path, limit: 1 << 22) } catch { text = nil }
        }
        texts[path] = .some(text)
        return text
    }

    func plan(_ directory: TreePath?) -> DirectoryPlan? {
        if let known = plans[directory] { return known }
        let plan = makePlan(directory)
        plans[directory] = .some(plan)
        return plan
    }

    private func reader() -> MakefileReader {
        var reader = MakefileReader(
            config: config, read: { [self] in text(of: $0) }, exists: { [listing] in listing[$0] != nil })
        if let architecture {
            reader.set("SRCARCH", String(decoding: architecture.name, as: UTF8.self))
            // arch/x86/Makefile and others export the word size.
            reader.set("BITS", config["64BIT"] == "y" ? "64" : "32")
        }
        return reader
    }

    private func makePlan(_ directory: TreePath?) -> DirectoryPlan? {
        guard let makefile = makefile(of: directory), let text = text(of: makefile) else { return nil }
        var reader = reader()
        let name = directory?.text ?? "."
        reader.set("obj", name)
        reader.set("src", name)
        if directory == nil { addArchitecture(&reader) }
        reader.run(text)
        return DirectoryPlan(directory: directory, makefile: makefile, reader: reader)
    }

    /// The top Kbuild takes directories that the architecture's Makefile lists (ARCH_CORE, ARCH_LIB,
    /// ARCH_DRIVERS in the top Makefile).
    private func addArchitecture(_ top: inout MakefileReader) {
        let names = [
            ("ARCH_CORE", ["core-y"]), ("ARCH_LIB", ["libs-y"]),
            ("ARCH_DRIVERS", ["drivers-y", "drivers-m"]),
        ]
        var reader = reader()
        reader.set("libs-y", "lib/")
        let makefile = architecture?.appending(Array("Makefile".utf8))
        if let text = makefile.flatMap({ text(of: $0) }) { reader.run(text) } else { reader.doubt = true }
        for (name, sources) in names {
            var words: [[UInt8]]? = []
            for source in sources {
                if let found = reader.words(source) { words? += found } else { words = nil }
            }
            let text = MakefileReader.join((words ?? []).filter { $0.last == UInt8(ascii: "/") })
            top.variables[Array(name.utf8)] = MakefileReader.Variable(
                text: text, isSimple: true, isDoubtful: words == nil)
        }
    }

    /// Flags that a directory's units have beside the kernel's own: `subdir-ccflags-y` of all directories
    /// above, then `ccflags-y`; nil if they can't be told.
    func directoryFlags(_ directory: TreePath?) -> [[UInt8]]? {
        guard let plan = plan(directory), let own = plan.ownFlags else { return nil }
        var chain: [[UInt8]] = []
        var at = directory
        while let here = at {
            if let plan = self.plan(here) {
                guard let inherited = plan.inherited else { return nil }
                chain = inherited + chain
            }
            at = here.parent
        }
        return chain + own
    }
}
