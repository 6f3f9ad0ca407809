import KCacheCore
import KCacheSystem
import KCacheTree

/// What the makefiles of all directories that were built in reach.
struct MakefileReaches {
    private(set) var byDirectory: [TreePath: [MakefileReach]] = [:]
    private(set) var sourceNames: Set<[UInt8]> = []
    private(set) var wholeDirectories: Set<TreePath> = []
    private(set) var architectures: Set<[UInt8]> = []
    /// Files, and directories with all below them, that a makefile names.
    private(set) var namedPaths: Set<TreePath> = []
    /// Files outside the tree: absolute, or from the tree's top.
    private(set) var outside: Set<[UInt8]> = []

    /// Reads them.
    ///
    /// - Throws: `SystemError` naming a makefile that can't be read.
    init(_ scans: [RootScan]) throws {
        guard let built = scans.first, let source = scans.last(where: { $0.root.kind != .modules }) else {
            return
        }
        var directories: Set<TreePath> = []
        for file in built.listing.files where CmdIndex.isCommandFile(file.path) {
            if let parent = file.path.parent { directories.insert(parent) }
        }
        let architecture = scans.lazy.compactMap { $0.tree?.architecture }.first ?? ""
        if !architecture.isEmpty { architectures.insert(Array(architecture.utf8)) }
        if architecture == "um" { architectures.insert(Array("x86".utf8)) }
        let sorted = directories.sorted()
        let found = try Parallel.map((sorted.count + 31) / 32) { part in
            try sorted[(part * 32)..<min(sorted.count, part * 32 + 32)].map { directory in
                try Self.read(directory, source, architecture)
            }
        }
        try readTop(source, architecture)
        for (directory, reaches) in zip(sorted, found.joined()) {
            byDirectory[directory] = reaches
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

    /// What the top makefiles name outside the tree: all else of theirs is watched anyway.
    private mutating func readTop(_ scan: RootScan, _ architecture: String) throws {
        let names = ["Makefile", "Kbuild", "arch/\(architecture)/Makefile"].compactMap { TreePath($0) }
        for reach in try Self.read(names, of: nil, scan, architecture) { outside.formUnion(reach.outside) }
    }

    private static func read(_ directory: TreePath, _ scan: RootScan, _ architecture: String) throws
        -> [MakefileReach]
    {
        let names = ["Kbuild", "Makefile"].compactMap { directory.appending(Array($0.utf8)) }
        guard let makefile = names.first(where: { scan.listing[$0] != nil }) else { return [] }
        return try read([makefile], of: directory, scan, architecture)
    }

    private static func read(
        _ makefiles: [TreePath], of directory: TreePath?, _ scan: RootScan, _ architecture: String
    ) throws -> [MakefileReach] {
        var found: [MakefileReach] = []
        var pending = makefiles
        var seen: Set<TreePath> = []
        while let path = pending.popLast() {
            // The generic parts of Kbuild are under scripts/, whose change means to walk everything.
            guard seen.insert(path).inserted, !path.hasPrefix("scripts/"), !path.hasPrefix("include/config/"),
                scan.listing[path]?.status.kind == .file, seen.count < 64,
                let text = try scan.root.directory.readFile(path, limit: 1 << 22)
            else { continue }
            let reach = MakefileReach(text, of: directory, architecture: architecture)
            found.append(reach)
            pending += reach.included
        }
        return found
    }
}
