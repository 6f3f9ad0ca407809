import KCacheCore
import KCacheSystem
import KCacheTree

/// Which directories depend on which files.
///
/// A directory here is one that Kbuild descends into; what lies below it without being one belongs to it. Number
/// 0 is the top makefile's own work, which is always done.
struct DescentEdges {
    /// Directories by number; nil for the top.
    private(set) var owners: [TreePath?] = [nil]
    /// Those that have to be walked by every make.
    private(set) var always: Set<Int> = []
    private var numbers: [TreePath: Int] = [:]
    private let words: Int
    /// For each root a row of bits per file.
    private var bits: [[UInt64]]
    private var outside: [[UInt8]: [UInt64]] = [:]

    init(scans: [RootScan], commands: SavedCommands, reach: MakefileReaches, config: AutoConf) throws {
        var places: [TreePath] = []
        if let first = scans.first {
            for (i, file) in first.listing.files.enumerated() where first.isOutput[i] {
                if Self.isMarker(file.path.name), let parent = file.path.parent { places.append(parent) }
            }
        }
        for place in Set(places).sorted() {
            numbers[place] = owners.count
            owners.append(place)
        }
        words = (owners.count + 63) / 64
        bits = scans.map { [words] scan in Array(repeating: 0, count: scan.listing.files.count * words) }
        guard let graph = commands.graph, let first = scans.first else { return }
        addCommands(graph, commands, first.listing)
        addMakefiles(reach, scans)
        addTop(reach, scans)
        try addPayloads(graph, commands, scans)
        try addGenerated(reach, scans)
        for target in commands.restless { always.insert(owner(of: target.parent)) }
        try addKnown(scans, config)
        addUnvisited(graph, commands, first.listing)
    }

    static func isMarker(_ name: ArraySlice<UInt8>) -> Bool {
        ["built-in.a", "modules.order", "built-in.o"].contains { name.elementsEqual($0.utf8) }
    }

    /// The number of the nearest directory at or above that Kbuild descends into.
    func owner(of directory: TreePath?) -> Int {
        var place = directory
        while let path = place {
            if let number = numbers[path] { return number }
            place = path.parent
        }
        return 0
    }

    /// Numbers of the directories that depend on the file, in order.
    func dependents(root: Int, file: Int) -> [UInt32] {
        guard words > 0 else { return [] }
        return Self.members(bits[root][(file * words)..<(file * words + words)])
    }

    func dependents(path: [UInt8]) -> [UInt32] { outside[path].map { Self.members($0[...]) } ?? [] }

    private static func members(_ row: ArraySlice<UInt64>) -> [UInt32] {
        var members: [UInt32] = []
        for (i, word) in row.enumerated() where word != 0 {
            var rest = word
            while rest != 0 {
                members.append(UInt32(i * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return members
    }

    private mutating func add(_ owner: Int, root: Int, file: Int) {
        bits[root][file * words + owner / 64] |= 1 << UInt64(owner % 64)
    }

    private mutating func addCommands(_ graph: BuildGraph, _ commands: SavedCommands, _ listing: TreeListing)
    {
        let fileOfNode = graph.paths.map { listing.index(of: $0) ?? -1 }
        let rows = outsideRows(graph, commands, fileOfNode)
        var outsideBits = Array(repeating: UInt64(0), count: rows.paths.count * words)
        for (i, record) in graph.index.records.enumerated() {
            let owner = owner(of: record.target.parent)
            for number in graph.index.recorded(record) + graph.index.extra(record) {
                let node = graph.nodeOfName[Int(number)]
                if node >= 0, fileOfNode[Int(node)] >= 0 {
                    add(owner, root: 0, file: fileOfNode[Int(node)])
                } else if let place = commands.placeOfName[Int(number)] {
                    add(owner, root: place.root, file: place.file)
                } else if rows.rowOfName[Int(number)] >= 0 {
                    outsideBits[rows.rowOfName[Int(number)] * words + owner / 64] |= 1 << UInt64(owner % 64)
                }
            }
            if let file = record.source.flatMap({ listing.index(of: $0) }) { add(owner, root: 0, file: file) }
            for place in commands.elsewhere[i] { add(owner, root: place.root, file: place.file) }
        }
        for (row, path) in rows.paths.enumerated() {
            outside[path] = Array(outsideBits[(row * words)..<(row * words + words)])
        }
        for (node, inputs) in graph.edges.enumerated() where !inputs.isEmpty {
            let owner = owner(of: graph.paths[node].parent)
            for input in inputs {
                let file = fileOfNode[Int(input)]
                if file >= 0 { add(owner, root: 0, file: file) }
            }
        }
    }

    /// A row of bits for each path that is in no listing, and the row of each name; -1 for none.
    private func outsideRows(_ graph: BuildGraph, _ commands: SavedCommands, _ fileOfNode: [Int])
        -> (paths: [[UInt8]], rowOfName: [Int])
    {
        var paths: [[UInt8]] = []
        var rowOfPath: [[UInt8]: Int] = [:]
        let rowOfName = graph.index.names.enumerated().map { number, name -> Int in
            let node = graph.nodeOfName[number]
            if node >= 0, fileOfNode[Int(node)] >= 0 { return -1 }
            // Stamps of symbols that are not there are never watched by themselves.
            if commands.placeOfName[number] != nil || name.path?.hasPrefix("include/config/") == true {
                return -1
            }
            let text = name.path.map { $0.bytes } ?? name.outside
            guard let path = SavedCommands.absolute(text, from: graph.index.resolver.root) else { return -1 }
            if let row = rowOfPath[path] { return row }
            rowOfPath[path] = paths.count
            paths.append(path)
            return paths.count - 1
        }
        return (paths, rowOfName)
    }

    private mutating func addMakefiles(_ reach: MakefileReaches, _ scans: [RootScan]) {
        for (directory, reaches) in reach.byDirectory {
            let owner = owner(of: directory)
            // What it finds elsewhere may be handed down as flags. (Below its own directory, not the owner: a boot
            // image's makefile hands nothing to the rest of the architecture.)
            var dependents = [owner]
            if reach.passingDown.contains(directory) {
                for (below, number) in numbers where below.isInside(directory) { dependents.append(number) }
            }
            for one in reaches {
                if one.reachesAnywhere { always.formUnion(dependents) }
                for path in one.perhaps { _ = add(dependents, path, scans) }
                for path in one.perhapsBelow
                where !hasOwn(path, directory) && path != directory && !path.isInside(directory)
                    && self.owner(of: path) != owner
                    && scans.contains(where: { $0.listing.holdsFiles(below: path) })
                {
                    always.formUnion(dependents)
                }
                // A directory, or what may come to be.
                for path in one.paths + one.included where !add(dependents, path, scans) {
                    always.formUnion(dependents)
                }
            }
        }
    }

    /// Sources that the top makefiles name: these hand down to all.
    private mutating func addTop(_ reach: MakefileReaches, _ scans: [RootScan]) {
        for path in reach.ofTop {
            let isMade = scans.contains { scan in
                scan.listing.index(of: path).map { scan.isOutput[$0] } == true
            }
            if !isMade { _ = add(Array(owners.indices), path, scans) }
        }
    }

    /// False if there is no such file.
    private mutating func add(_ dependents: [Int], _ path: TreePath, _ scans: [RootScan]) -> Bool {
        var isFound = false
        for (root, scan) in scans.enumerated() {
            guard let file = scan.listing.index(of: path) else { continue }
            for number in dependents { add(number, root: root, file: file) }
            isFound = true
        }
        return isFound
    }

    /// True if the path means a directory below this one.
    private func hasOwn(_ path: TreePath, _ directory: TreePath) -> Bool {
        TreePath(directory.bytes + [UInt8(ascii: "/")] + path.bytes).map { numbers[$0] != nil } == true
    }

    /// Headers that a directory's makefile makes among the generated ones, while others are visited: after that
    /// directory is walked they may be new.
    private mutating func addGenerated(_ reach: MakefileReaches, _ scans: [RootScan]) throws {
        guard words > 0, let first = scans.first else { return }
        var prepared: [UInt8] = []
        for scan in scans {
            if let path = TreePath("Kbuild"), let text = try scan.root.directory.readFile(path) {
                prepared += text
            }
        }
        var made: [Int: Set<Int>] = [:]
        for (directory, reaches) in reach.byDirectory {
            let owner = owner(of: directory)
            for path in reaches.flatMap({ $0.paths + $0.perhaps })
            where path.bytes.firstRange(of: Array("include/generated/".utf8)) != nil
                && !RuleFiles.decides(path, isOutput: true)
            {
                guard let file = first.listing.index(of: path), first.isOutput[file],
                    prepared.firstRange(of: Array(path.name)) == nil
                else { continue }
                made[owner, default: []].insert(file)
            }
        }
        guard !made.isEmpty else { return }
        for (i, file) in first.listing.files.enumerated() where first.isOutput[i] {
            for header in made[owner(of: file.path.parent)] ?? [] {
                for word in 0..<words { bits[0][i * words + word] |= bits[0][header * words + word] }
            }
        }
    }

    /// What is made in a folder that make reaches from elsewhere only (`obj-y += ../other/unit.o`): whoever takes it
    /// depends on what it is made from, since nobody else makes it.
    private mutating func addUnvisited(
        _ graph: BuildGraph, _ commands: SavedCommands, _ listing: TreeListing
    ) {
        var steps: [(target: Int, inputs: [SavedCommands.Place], outside: [[UInt8]])] = []
        for (i, record) in graph.index.records.enumerated() {
            guard let parent = record.target.parent, owner(of: parent) == 0,
                !RuleFiles.decides(record.target, isOutput: true),
                let target = listing.index(of: record.target)
            else { continue }
            var inputs = commands.elsewhere[i]
            var paths: [[UInt8]] = []
            func take(_ path: TreePath) {
                if let file = listing.index(of: path) { inputs.append(.init(root: 0, file: file)) }
            }
            for number in graph.index.recorded(record) + graph.index.extra(record) {
                let name = graph.index.names[Int(number)]
                if let place = commands.placeOfName[Int(number)] {
                    inputs.append(place)
                } else if let path = name.path {
                    take(path)
                } else if let path = SavedCommands.absolute(name.outside, from: graph.index.resolver.root) {
                    paths.append(path)
                }
            }
            if let source = record.source { take(source) }
            if let node = graph.known(record.target) {
                for input in graph.edges[Int(node)] { take(graph.paths[Int(input)]) }
            }
            steps.append((target, inputs, paths))
        }
        // One may be made from another.
        var isNew = true
        while isNew {
            isNew = false
            for step in steps {
                for word in 0..<words {
                    let takers = bits[0][step.target * words + word]
                    for input in step.inputs
                    where takers & ~bits[input.root][input.file * words + word] != 0 {
                        bits[input.root][input.file * words + word] |= takers
                        isNew = true
                    }
                    for path in step.outside where takers & ~(outside[path]?[word] ?? takers) != 0 {
                        outside[path]?[word] |= takers
                        isNew = true
                    }
                }
            }
        }
    }

    /// What assembler sources take in by `.incbin`, which only makefiles tell make.
    private mutating func addPayloads(_ graph: BuildGraph, _ commands: SavedCommands, _ scans: [RootScan])
        throws
    {
        for record in graph.index.records {
            guard let source = record.source, source.hasSuffix(".S") else { continue }
            let owner = owner(of: record.target.parent)
            for (_, scan) in scans.enumerated() {
                guard scan.listing[source] != nil,
                    let text = try scan.root.directory.readFile(source, limit: 1 << 24)
                else { continue }
                guard text.firstRange(of: Array(".incbin".utf8)) != nil else { continue }
                let payloads = CommandText.incbins(text)
                var found = 0
                for payload in payloads {
                    guard let path = graph.index.resolver.resolve(payload) else { continue }
                    for (root, other) in scans.enumerated() {
                        guard let file = other.listing.index(of: path) else { continue }
                        add(owner, root: root, file: file)
                        found += 1
                    }
                }
                if payloads.isEmpty || found < payloads.count { always.insert(owner) }
            }
        }
    }

    /// Directories whose makefiles look at more than any text of theirs tells; docs/build-records.md says why.
    private mutating func addKnown(_ scans: [RootScan], _ config: AutoConf) throws {
        var known = ["usr", "certs", "drivers/base/firmware_loader", "drivers/base/firmware_loader/builtin"]
        if ["IKHEADERS", "IKCONFIG"].contains(where: { config[$0] != "n" }) { known.append("kernel") }
        for name in known {
            if let path = TreePath(name), let number = numbers[path] { always.insert(number) }
        }
        let isOld = try scans.contains { scan in
            guard let path = TreePath("scripts/Makefile.build"), scan.listing[path] != nil else {
                return false
            }
            return try scan.root.directory.readFile(path)?.firstRange(of: Array("MODVERDIR".utf8)) != nil
        }
        for (number, path) in owners.enumerated() {
            guard let path else { continue }
            // The architecture's own directory: its boot images are made from there without being listed.
            if path.depth <= 2, path.hasPrefix("arch/") || path.bytes.elementsEqual("arch".utf8) {
                always.insert(number)
            }
        }
        guard isOld, config["MODULES"] == "y", let first = scans.first else { return }
        // Up to 5.3 each visit leaves a note of the directory's modules for modpost.
        for file in first.listing.files where file.path.hasSuffix(".ko") || file.path.hasSuffix(".mod.o") {
            always.insert(owner(of: file.path.parent))
        }
    }
}
