import KCacheCore
import KCacheSystem
import KCacheTree

/// What the saved commands of the trees name, as places in the listings.
struct SavedCommands {
    /// Nil for external modules, whose commands are read one by one.
    let graph: BuildGraph?
    /// Absolute paths outside the roots, or of files that are not in the listings.
    private(set) var outside: Set<[UInt8]> = []
    /// No target is older than what fixdep recorded for it.
    private(set) var isAtRest = true
    /// Targets that are.
    private(set) var restless: Set<TreePath> = []
    /// For each record of the index: what stands in other roots, by root and place.
    private(set) var elsewhere: [[Place]]
    /// By name of the index: where it is if not in the first root.
    private(set) var placeOfName: [Place?] = []
    /// The commands that compiled external modules, as far as their first option.
    private(set) var moduleCompilers: Set<String> = []
    private var named: [[Bool]]
    /// Named by a word of a command, or where no compiler recorded it.
    private var plain: [[Bool]]

    struct Place: Hashable {
        var root: Int
        var file: Int
    }

    init(_ scans: [RootScan]) throws {
        named = scans.map { Array(repeating: false, count: $0.listing.files.count) }
        plain = named
        elsewhere = []
        guard let first = scans.first else {
            graph = nil
            return
        }
        if scans.contains(where: { $0.root.kind == .modules }) {
            graph = nil
            try readModules(scans)
            return
        }
        let index = try CmdIndex(reading: first.root.directory, listing: first.listing)
        if let bad = index.unreadable.first {
            throw RecordRefusal("\(bad.file) can't be understood: \(bad.error)")
        }
        var graph = BuildGraph(
            index: index, times: TreeTimes(root: first.root.directory, listing: first.listing))
        graph.readCommands()
        graph.addKnowledge(modules: true)
        try graph.addPayloads(first.root.directory)
        self.graph = graph
        findNames(index, scans)
        // The source itself is a prerequisite by Kbuild's own rule: `%.o: %.c`.
        for record in index.records {
            guard let source = record.source else { continue }
            if let i = first.listing.index(of: source) {
                (named[0][i], plain[0][i]) = (true, true)
            } else {
                missing(source, in: first.root)
            }
        }
        for (node, path) in graph.paths.enumerated() {
            if let i = first.listing.index(of: path) {
                named[0][i] = true
            } else if graph.rules[node] == nil {
                missing(path, in: first.root)
            }
        }
        readCommandWords(index, scans)
        judgeRest(graph)
        // Sources of another root are not compared.
        if scans.count > 1 { isAtRest = false }
    }

    func isNamed(_ root: Int, _ file: Int) -> Bool { named[root][file] }

    /// Named by what the compiler recorded, so that make knows all that depends on it.
    func isPlain(_ root: Int, _ file: Int) -> Bool { plain[root][file] }

    private mutating func missing(_ path: TreePath, in root: BuildRoot) {
        // Stamps of symbols come and go with auto.conf; the listing of their directory shows new ones.
        if !path.hasPrefix("include/config/"), !RootScan.isIdle(path) {
            outside.insert(RecordScan.absolute(root, path))
        }
    }

    private mutating func findNames(_ index: CmdIndex, _ scans: [RootScan]) {
        placeOfName.reserveCapacity(index.names.count)
        for name in index.names {
            var place: Place?
            if let path = name.path {
                if let i = scans[0].listing.index(of: path) {
                    plain[0][i] = true
                } else {
                    place = find(path, in: scans.dropFirst())
                }
            } else {
                place = note(name.outside, scans)
            }
            if let place {
                named[place.root][place.file] = true
                plain[place.root][place.file] = true
            }
            placeOfName.append(place)
        }
    }

    /// A relative path that is not in the output tree may be in the source tree (VPATH).
    private func find(_ path: TreePath, in scans: ArraySlice<RootScan>) -> Place? {
        for (root, scan) in zip(scans.indices, scans) {
            if let i = scan.listing.index(of: path) { return Place(root: root, file: i) }
        }
        return nil
    }

    /// Where a path outside the first root is; it is watched by itself where that is nowhere.
    private mutating func note(_ text: [UInt8], _ scans: [RootScan]) -> Place? {
        guard let absolute = Self.absolute(text, from: scans[0].root.path) else { return nil }
        for (root, scan) in scans.enumerated() {
            if let path = scan.root.relative(absolute), let i = scan.listing.index(of: path) {
                return Place(root: root, file: i)
            }
            if let path = scan.root.relative(absolute), RootScan.isIdle(path) { return nil }
        }
        outside.insert(absolute)
        return Self.beyondTools(text).flatMap { find($0, in: scans[...]) }
    }

    /// The builds under `tools/` run in folders of their own, at least two below the tree: a name that leads
    /// out of `tools/` begins with as many `..`, and goes on from the tree.
    private static func beyondTools(_ text: [UInt8]) -> TreePath? {
        let up = Array("../".utf8)
        var rest = text[...]
        while rest.starts(with: up) { rest = rest.dropFirst(up.count) }
        return text.count - rest.count >= 2 * up.count ? TreePath(Array(rest)) : nil
    }

    /// Resolves `.` and `..` by their text.
    static func absolute(_ text: [UInt8], from base: [UInt8]) -> [UInt8]? {
        let whole = text.first == UInt8(ascii: "/") ? text : base + [UInt8(ascii: "/")] + text
        var parts: [ArraySlice<UInt8>] = []
        for part in whole.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual(".".utf8) { continue }
            if part.elementsEqual("..".utf8) {
                guard parts.popLast() != nil else { return nil }
            } else {
                parts.append(part)
            }
        }
        return parts.isEmpty ? nil : parts.reduce(into: []) { $0 += [UInt8(ascii: "/")] + $1 }
    }

    /// Files outside the output tree that commands name, as scripts of the source tree in an `O=` build.
    private mutating func readCommandWords(_ index: CmdIndex, _ scans: [RootScan]) {
        elsewhere = Array(repeating: [], count: index.records.count)
        for (i, record) in index.records.enumerated() where !record.hasRecordedDependencies || scans.count > 1
        {
            for word in CommandText.words(MakeText.unescape(record.command))
            where word.contains(UInt8(ascii: "/")) {
                guard word.first == UInt8(ascii: "/") || word.starts(with: "../".utf8),
                    let place = note(Array(word), scans)
                else { continue }
                named[place.root][place.file] = true
                if place.root > 0 { elsewhere[i].append(place) }
            }
        }
    }

    private mutating func judgeRest(_ graph: BuildGraph) {
        for record in graph.index.records {
            guard let node = graph.known(record.target), let made = graph.mtimes[Int(node)] else { continue }
            let source = record.source.flatMap { graph.times.time(of: $0) }
            let isOlder =
                source.map { $0 > made } ?? false
                || graph.index.recorded(record).contains { number in
                    let input = graph.nodeOfName[Int(number)]
                    if input >= 0, let time = graph.mtimes[Int(input)] { return time > made }
                    // One that is gone: make would rebuild the target.
                    let name = graph.index.names[Int(number)]
                    return name.path != nil && !name.isWildcard
                }
            if isOlder { restless.insert(record.target) }
        }
        isAtRest = restless.isEmpty
    }

    /// Prerequisites of external modules: relative ones are the kernel's.
    private mutating func readModules(_ scans: [RootScan]) throws {
        for scan in scans where scan.root.kind == .modules {
            for file in scan.listing.files where CmdIndex.isCommandFile(file.path) {
                guard let bytes = try scan.root.directory.readFile(file.path) else { continue }
                var words: [[UInt8]] = []
                do throws(CmdFileError) {
                    let parsed = try CmdFile(parsing: bytes)
                    parsed.forEachPrerequisite { path, _, _ in words.append(Array(path)) }
                    words.append(Array(parsed.source))
                    if parsed.hasRecordedDependencies, let command = RecordedCommands.command(bytes) {
                        moduleCompilers.insert(command)
                    }
                    words += CommandText.words(parsed.command).filter { $0.first == UInt8(ascii: "/") }.map {
                        Array($0)
                    }
                } catch {
                    throw RecordRefusal("\(file.path) can't be understood: \(error)")
                }
                for word in words where !word.isEmpty {
                    var place = note(word, scans)
                    if place == nil, word.first != UInt8(ascii: "/"), let path = TreePath(word) {
                        place = find(path, in: scans[...])
                    }
                    if let place { named[place.root][place.file] = true }
                }
            }
        }
        isAtRest = false
    }
}
