import KCacheCore
import KCacheSystem
import KCacheTree

/// The steps of `Invalidation`.
struct InvalidationFinder {
    private(set) var changes: Invalidation.Changes
    /// Places in time of the changes; empty if all of them come after every output.
    private let places: [TreePath: Int64]
    private let latest: Int64
    let outputs: Set<TreePath>
    let index: CmdIndex
    let root: Directory
    let listing: TreeListing
    private(set) var found: [TreePath: Invalidation.Reason] = [:]

    init(
        changes: Invalidation.Changes, lateness: [TreePath: Int64] = [:], outputs: Set<TreePath>,
        index: CmdIndex, root: Directory, listing: TreeListing
    ) {
        (places, latest) = (lateness, lateness.values.max() ?? .max)
        (self.changes, self.outputs, self.index) = (changes, outputs, index)
        (self.root, self.listing) = (root, listing)
    }

    mutating func run() throws {
        unreadable()
        guard !changes.all.isEmpty else { return }
        links()
        gone()
        shadows()
        stampOfTheLink()
        try unseenInputs()
        recipes()
        try payloads()
    }

    private mutating func name(_ target: TreePath, _ reason: Invalidation.Reason) {
        if let known = found[target], lateness(known) >= lateness(reason) { return }
        found[target] = reason
    }

    /// The place in time of what a reason names; the last one for what is made from the changes.
    func lateness(_ reason: Invalidation.Reason) -> Int64 {
        switch reason {
        case .shadowed(let path), .unseenInput(let path), .recipe(let path): places[path] ?? latest
        case .payload(let path):
            // One that is made is as late as what it is made from.
            if let place = places[path] {
                place
            } else if case .unseenInput(let input)? = found[path] {
                places[input] ?? latest
            } else {
                latest
            }
        case .unreadable: latest
        }
    }

    private mutating func unreadable() {
        for bad in index.unreadable {
            let name = bad.file.name.dropFirst().dropLast(4)
            guard let target = bad.file.parent.map({ $0.appending(name) }) ?? TreePath(name) else { continue }
            self.name(target, .unreadable)
        }
    }

    // MARK: Links

    /// Make takes the time of the file that a link leads to, which says nothing of the link. So all that was
    /// read through a link that differs is named, and counts as changed.
    private mutating func links() {
        let links = changes.changed.union(changes.added).filter { listing[$0]?.status.kind == .link }
        guard !links.isEmpty else { return }
        func link(on path: TreePath) -> TreePath? {
            var place: TreePath? = path
            while let here = place {
                if links.contains(here) { return here }
                place = here.parent
            }
            return nil
        }
        let through = index.names.map { name in name.path.flatMap(link) }
        let resolver = index.resolver
        for record in index.records {
            let named = index.recorded(record) + index.extra(record)
            var used = named.firstMapped { through[Int($0)] } ?? record.source.flatMap(link)
            if used == nil, !record.hasRecordedDependencies {
                let words = CommandText.words(MakeText.unescape(record.command))
                used = words.firstMapped { word in resolver.resolve(word).flatMap(link) }
            }
            if let used, record.target != used { name(record.target, .unseenInput(used)) }
        }
        for (number, name) in index.names.enumerated() where through[number] != nil {
            if let path = name.path, !name.isWildcard { changes.changed.insert(path) }
        }
    }

    // MARK: Files that are gone

    /// Kbuild gives each recorded file a rule without recipe, so that one that is gone makes its users be made anew. GNU
    /// make does not name it in `$?`, though, where .SECONDARY is set (scripts/Kbuild.include says so from Linux 5.7
    /// on), and then nothing is made.
    private mutating func gone() {
        guard !changes.removed.isEmpty else { return }
        let removed = index.names.map { name in
            name.isWildcard ? nil : name.path.flatMap { changes.removed.contains($0) ? $0 : nil }
        }
        for record in index.records {
            // Nothing makes that again.
            if let source = record.source, changes.removed.contains(source) { continue }
            for number in index.recorded(record) {
                if let path = removed[Int(number)] { name(record.target, .unseenInput(path)) }
            }
        }
    }

    // MARK: Headers that come first now

    private mutating func shadows() {
        guard !changes.added.isEmpty else { return }
        var byName: [ArraySlice<UInt8>: [TreePath]] = [:]
        for path in changes.added { byName[path.name, default: []].append(path) }
        // For each name of the index: added files of the same last component.
        let rivals = index.names.map { name in
            name.isWildcard
                ? [] : name.path.map { path in (byName[path.name] ?? []).filter { $0 != path } } ?? []
        }
        let folders = ShadowFolders(index: index, rivals: rivals)
        for record in index.records {
            if let stem = Self.stem(record.target, ".o") {
                // `x.S` beside `x.c`: another source for the same object.
                for suffix in [".c", ".S", ".rs"] {
                    if let path = TreePath(stem + Array(suffix.utf8)), changes.added.contains(path),
                        path != record.source
                    {
                        name(record.target, .shadowed(by: path))
                    }
                }
            }
            guard index.recorded(record).contains(where: { !rivals[Int($0)].isEmpty }) else { continue }
            let searched = folders.searched(by: record)
            for number in index.recorded(record) where !rivals[Int(number)].isEmpty {
                guard let included = index.names[Int(number)].path else { continue }
                for rival in rivals[Int(number)] where folders.mayShadow(rival, included, searched) {
                    name(record.target, .shadowed(by: rival))
                }
            }
        }
    }

    private static func stem(_ path: TreePath, _ suffix: StaticString) -> [UInt8]? {
        path.hasSuffix(suffix) ? Array(path.bytes.dropLast(suffix.utf8CodeUnitCount)) : nil
    }

    // MARK: What the link makes inside

    /// Made by scripts/link-vmlinux.sh in the middle of the link (since Linux 6.1): no prerequisite of vmlinux.
    private static let stamp = TreePath(literal: Array("init/version-timestamp.o".utf8))
    private static let vmlinux = TreePath(literal: Array("vmlinux".utf8))

    private mutating func stampOfTheLink() {
        guard outputs.contains(Self.vmlinux),
            let record = index.records.first(where: { $0.target == Self.stamp })
        else { return }
        let differing = changes.all
        let read = index.recorded(record).compactMap { index.names[Int($0)].path }
        for path in [record.source].compactMap({ $0 }) + read where differing.contains(path) {
            name(Self.vmlinux, .unseenInput(path))
        }
    }

    // MARK: What recipes use

    private mutating func unseenInputs() throws {
        let plain = MentionIndex(index: index) { !$0.hasRecordedDependencies }
        for path in changes.all where path.hasSuffix(".h") || path.hasSuffix(".c") || path.hasSuffix(".S") {
            // Read as text by a recipe, as `sed … x.h > y`: mostly a prerequisite, but nothing says so.
            for record in plain.records(mentioning: path) {
                name(index.records[record].target, .unseenInput(path))
            }
        }
        // Programs of the host that will be made again.
        var changed = changes.all.filter { !Self.isSettledByMake($0) }
        for program in changedPrograms() { changed.insert(program) }
        guard !changed.isEmpty else { return }
        let mentions = MentionIndex(index: index) { _ in true }
        let scripts = try ScriptGraph(
            root: root, listing: listing, mentioned: mentions.mentionedFiles(listing), outputs: outputs)
        for path in changed.sorted() {
            // Itself, and every script that calls it, however far away.
            for user in scripts.users(of: path) {
                for record in mentions.records(mentioning: user) {
                    let target = index.records[record].target
                    if target == path || Self.isHostObject(index.records[record]) { continue }
                    name(target, .unseenInput(path))
                }
            }
        }
    }

    /// Compiled sources have recorded users; Makefiles and Kconfig files are make's and Kconfig's own.
    private static func isSettledByMake(_ path: TreePath) -> Bool {
        if path.hasPrefix("Documentation/") { return true }
        for suffix: StaticString in [".c", ".h", ".S", ".rst", ".gitignore", "Kbuild"]
        where path.hasSuffix(suffix) {
            return true
        }
        let name = path.name
        return name.starts(with: "Makefile".utf8) || name.starts(with: "Kconfig".utf8)
    }

    /// A step towards a host program: make follows these by itself.
    private static func isHostObject(_ record: CmdIndex.Record) -> Bool {
        record.target.hasSuffix(".o") && record.target.hasPrefix("scripts/")
    }

    /// Programs that run on the host and are made from something that differs.
    private func changedPrograms() -> Set<TreePath> {
        let differing = changes.all
        let marks = index.names.map { name in name.path.map { differing.contains($0) } ?? false }
        var programs: Set<TreePath> = []
        var grew = true
        while grew {
            grew = false
            for record in index.records where !programs.contains(record.target) {
                guard !Self.isForKernel(record) else { continue }
                let reads =
                    record.source.map { differing.contains($0) || programs.contains($0) } ?? false
                    || index.recorded(record).contains { marks[Int($0)] || isProgram($0, programs) }
                    || index.extra(record).contains { marks[Int($0)] }
                let uses =
                    !record.hasRecordedDependencies
                    && CommandText.words(MakeText.unescape(record.command)).contains {
                        index.resolver.resolve($0).map { programs.contains($0) && $0 != record.target }
                            ?? false
                    }
                if reads || uses {
                    programs.insert(record.target)
                    grew = true
                }
            }
        }
        if programs.contains(where: { $0.hasPrefix("tools/objtool/") }),
            let objtool = TreePath("tools/objtool/objtool")
        {
            programs.insert(objtool)
        }
        return programs.filter { !$0.hasSuffix(".o") && !$0.hasSuffix(".a") }
    }

    private func isProgram(_ number: UInt32, _ programs: Set<TreePath>) -> Bool {
        index.names[Int(number)].path.map { programs.contains($0) } ?? false
    }

    private static func isForKernel(_ record: CmdIndex.Record) -> Bool {
        let path = record.target
        if path.hasSuffix(".a") || path.hasSuffix("modules.order") || path.hasSuffix(".mod")
            || path.hasSuffix(".ko")
        {
            return true
        }
        guard record.hasRecordedDependencies else { return path.hasSuffix(".o") && !path.hasPrefix("tools/") }
        return CompileFlags.place(of: " -D__KERNEL__ ", in: record.command) != nil
    }

    // MARK: Recipes without .cmd file

    private mutating func recipes() {
        let makefiles = changes.all.filter {
            $0.name.starts(with: "Makefile".utf8) || $0.name.elementsEqual("Kbuild".utf8)
                || $0.hasSuffix("/Kbuild.include")
        }
        guard !makefiles.isEmpty else { return }
        let commanded = Set(index.records.map(\.target))
        let shared = makefiles.filter { $0.hasPrefix("scripts/Makefile.") || $0.hasSuffix("/Kbuild.include") }
            .min()
        let tools = makefiles.filter { $0.hasPrefix("tools/") }.min()
        var local: [TreePath?: TreePath] = [:]
        for path in makefiles { local[path.parent] = path }
        for output in outputs where !commanded.contains(output) && Self.hasPlainRecipe(output) {
            if let makefile = local[output.parent] {
                name(output, .recipe(makefile))
            } else if let shared {
                name(output, .recipe(shared))
            } else if let tools, output.hasPrefix("tools/") {
                name(output, .recipe(tools))
            }
        }
    }

    /// False for what has its own check (filechk, syncconfig), or comes with another target's recipe and
    /// would not be made again by itself (`.mod.c` by modpost, System.map by the link).
    private static func hasPlainRecipe(_ path: TreePath) -> Bool {
        if path.hasPrefix("include/config/") || path.hasPrefix("include/generated/") { return false }
        if path.name.first == UInt8(ascii: ".") || path.hasSuffix(".mod.c") || path.hasSuffix("System.map") {
            return false
        }
        for suffix: StaticString in [
            ".d", ".tab.c", ".cmd", "Module.symvers", ".symversions", "modules.builtin",
        ]
        where path.hasSuffix(suffix) { return false }
        return true
    }

    // MARK: Payloads

    private mutating func payloads() throws {
        let differing = changes.all
        for record in index.records {
            guard let source = record.source, source.hasSuffix(".S"), listing[source] != nil,
                let text = try root.readFile(source, limit: 1 << 22)
            else { continue }
            for payload in CommandText.incbins(text) {
                // Looked up where the compiler runs and in its search path: the name alone decides.
                guard let path = index.resolver.resolve(payload) else { continue }
                if differing.contains(path) || found[path] != nil {
                    name(record.target, .payload(path))
                } else if let other = differing.first(where: { $0.name == path.name && $0 != path }),
                    listing[path] == nil
                {
                    name(record.target, .payload(other))
                }
            }
        }
    }
}

extension Sequence {
    fileprivate func firstMapped<T>(_ map: (Element) -> T?) -> T? {
        for element in self {
            if let found = map(element) { return found }
        }
        return nil
    }
}
