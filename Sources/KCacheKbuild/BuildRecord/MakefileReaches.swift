import KCacheCore
import KCacheSystem
import KCacheTree

/// What the makefiles of all directories that were built in reach.
struct MakefileReaches {
    private(set) var byDirectory: [TreePath: [MakefileReach]] = [:]
    /// Directories whose makefiles may set what the makes below see.
    private(set) var passingDown: Set<TreePath> = []
    private(set) var sourceNames: Set<[UInt8]> = []
    private(set) var wholeDirectories: Set<TreePath> = []
    private(set) var architectures: Set<[UInt8]> = []
    /// Files, and directories with all below them, that a makefile names.
    private(set) var namedPaths: Set<TreePath> = []
    /// Files that the top makefiles name by a path.
    private(set) var ofTop: Set<TreePath> = []
    /// Files outside the tree: absolute, or from the tree's top.
    private(set) var outside: Set<[UInt8]> = []

    /// Reads them.
    ///
    /// - Parameter environment: names of the variables that make is given.
    /// - Throws: `SystemError` naming a makefile that can't be read.
    init(_ scans: [RootScan], environment: [String]) throws {
        guard let built = scans.first, let source = scans.last(where: { $0.root.kind != .modules }) else {
            return
        }
        // The source tree first, as make looks for makefiles.
        let trees = source.root.path == built.root.path ? [source] : [source, built]
        let directories = Self.visited(built)
        let architecture = scans.lazy.compactMap { $0.tree?.architecture }.first ?? ""
        if !architecture.isEmpty { architectures.insert(Array(architecture.utf8)) }
        if architecture == "um" { architectures.insert(Array("x86".utf8)) }
        let sorted = directories.sorted()
        let found = try Parallel.map((sorted.count + 31) / 32) { part in
            try sorted[(part * 32)..<min(sorted.count, part * 32 + 32)].map { directory in
                try Self.read(directory, trees, architecture)
            }
        }
        let given = try readTop(trees, architecture)
            .union((environment + ["MAKEFLAGS", "MAKEOVERRIDES"]).map { Array($0.utf8) })
        for (directory, reaches) in zip(sorted, found.joined()) {
            byDirectory[directory] = reaches
            if reaches.contains(where: { $0.passesDown || !$0.assigned.isDisjoint(with: given) }) {
                passingDown.insert(directory)
            }
            for reach in reaches {
                sourceNames.formUnion(reach.sourceNames)
                architectures.formUnion(reach.architectures)
                namedPaths.formUnion(reach.paths)
                namedPaths.formUnion(reach.perhaps)
                outside.formUnion(reach.outside)
                if reach.takesWholeDirectory { wholeDirectories.insert(directory) }
            }
        }
    }

    /// Directories in which something was built, and those above, from where make gets there.
    private static func visited(_ built: RootScan) -> Set<TreePath> {
        var visited: Set<TreePath> = []
        for (i, file) in built.listing.files.enumerated() {
            let isMade = built.isOutput[i] && DescentEdges.isMarker(file.path.name)
            guard isMade || CmdIndex.isCommandFile(file.path), let parent = file.path.parent,
                visited.insert(parent).inserted
            else { continue }
            var above = parent.parent
            // What lies above in `scripts/`, `tools/` and `arch/` is the top makefile's.
            while let directory = above, !RuleFiles.decides(parent, isOutput: true),
                !(directory.depth < 3
                    && (directory.hasPrefix("arch/") || directory.bytes.elementsEqual("arch".utf8))),
                visited.insert(directory).inserted
            {
                above = directory.parent
            }
        }
        return visited
    }

    /// What the top makefiles name.
    ///
    /// - Returns: the words of all `export` lines above the directories.
    private mutating func readTop(_ scans: [RootScan], _ architecture: String) throws -> Set<[UInt8]> {
        let names = ["Makefile", "Kbuild", "arch/\(architecture)/Makefile"].compactMap { TreePath($0) }
        var exported: Set<[UInt8]> = []
        for reach in try Self.read(names, of: nil, scans, architecture) {
            outside.formUnion(reach.outside)
            ofTop.formUnion(reach.included + reach.paths + reach.perhaps)
            exported.formUnion(reach.exported)
        }
        guard let scan = scans.first else { return exported }
        for file in scan.listing.files where file.path.hasPrefix("scripts/Makefile.") {
            guard file.status.kind == .file,
                let text = try scan.root.directory.readFile(file.path, limit: 1 << 22)
            else { continue }
            exported.formUnion(MakefileReach(text, of: nil, architecture: architecture).exported)
        }
        return exported
    }

    private static func read(_ directory: TreePath, _ scans: [RootScan], _ architecture: String) throws
        -> [MakefileReach]
    {
        let names = ["Kbuild", "Makefile"].compactMap { directory.appending(Array($0.utf8)) }
        guard let makefile = names.first(where: { scans.first?.listing[$0] != nil }) else { return [] }
        return try read([makefile], of: directory, scans, architecture)
    }

    /// Reads makefiles and all that they include, each from the first tree that has it.
    private static func read(
        _ makefiles: [TreePath], of directory: TreePath?, _ scans: [RootScan], _ architecture: String
    ) throws -> [MakefileReach] {
        var found: [MakefileReach] = []
        var pending = makefiles
        var seen: Set<TreePath> = []
        while let path = pending.popLast() {
            // The generic parts of Kbuild are under scripts/, whose change means to walk everything.
            guard seen.insert(path).inserted, !path.hasPrefix("scripts/"), !path.hasPrefix("include/config/"),
                let scan = scans.first(where: { $0.listing[path] != nil })
            else { continue }
            guard scan.listing[path]?.status.kind == .file,
                let text = try scan.root.directory.readFile(path, limit: 1 << 22)
            else {
                found.append(MakefileReach(unreadIn: directory))
                continue
            }
            let reach = MakefileReach(text, of: directory, architecture: architecture)
            found.append(reach)
            pending += reach.included
        }
        return found
    }
}
