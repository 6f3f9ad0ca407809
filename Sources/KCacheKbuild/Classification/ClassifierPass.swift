import KCacheCore
import KCacheSystem
import KCacheTree

/// The state of one classification: every step only adds evidence.
struct ClassifierPass {
    let listing: TreeListing
    let directory: Directory
    let tree: KbuildTree
    let tracked: Set<TreePath>?
    let rules: CleanRules
    /// The directory is one of external modules.
    let isOfModules: Bool
    var classes: [FileClass]
    let index: DirectoryIndex
    /// Directories, by their numbers in the index, that hold a saved command.
    var built: Set<Int> = []

    init(
        listing: TreeListing, directory: Directory, tree: KbuildTree, tracked: Set<TreePath>?,
        rules: CleanRules, isOfModules: Bool = false
    ) {
        self.isOfModules = isOfModules
        self.listing = listing
        self.directory = directory
        self.tree = tree
        self.tracked = tracked
        self.rules = rules
        index = DirectoryIndex(listing)
        classes = Array(repeating: .source, count: listing.files.count)
    }

    var files: [ScannedFile] { listing.files }

    /// Takes the path at `i` for an output unless it is tracked or already something else.
    mutating func prove(_ i: Int, _ evidence: OutputEvidence) {
        // What stands among the sources of an output tree was not made by its build.
        guard classes[i] == .source, !files[i].isInBase, !isTracked(files[i].path) else { return }
        classes[i] = .output(evidence)
    }

    func isTracked(_ path: TreePath) -> Bool { tracked?.contains(path) ?? false }

    func isOutput(_ path: TreePath) -> Bool {
        guard let i = listing.index(of: path), case .output = classes[i] else { return false }
        return true
    }

    // MARK: Saved commands

    mutating func findSavedCommands() throws {
        var found: [Int] = []
        for i in files.indices
        where files[i].status.kind == .file && !files[i].isInBase && hasSuffix(i, ".cmd") {
            let name = files[i].path.name
            if CommandEvidence.target(of: name) != nil, !isTracked(files[i].path) { found.append(i) }
        }
        let (candidates, listing, directory) = (found, listing, directory)
        let proven = try Parallel.map((candidates.count + 63) / 64) { part in
            var proven: [Int] = []
            for i in candidates[(part * 64)..<min(candidates.count, part * 64 + 64)] {
                let path = listing.files[i].path
                guard let target = CommandEvidence.target(of: path.name) else { continue }
                if try Self.isSavedCommand(path, target, in: directory) { proven.append(i) }
            }
            return proven
        }
        for i in proven.joined() {
            let path = files[i].path
            classes[i] = .output(.commandFile)
            built.insert(index.home[i])
            guard let target = CommandEvidence.target(of: path.name),
                let place = TreePath(path.bytes[..<path.nameStart] + target).flatMap({ listing.index(of: $0) }
                )
            else { continue }
            prove(place, .savedCommand)
        }
    }

    private static func isSavedCommand(
        _ path: TreePath, _ target: ArraySlice<UInt8>, in directory: Directory
    ) throws -> Bool {
        guard let file = try directory.openFile(path) else { return false }
        var start = [UInt8](repeating: 0, count: 1024)
        let count = try start.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        if CommandEvidence.proves(Array(start[..<count]), target: target) { return true }
        guard count == start.count, start.starts(with: "#".utf8) else { return false }
        return CommandEvidence.proves(try file.readAll(limit: 16 << 20), target: target)
    }

    // MARK: The top makefile's clean rules

    mutating func applyCleanPaths() {
        for path in rules.paths where !Self.byOtherRule.contains(path.bytes) {
            if let i = listing.index(of: path), isMadeAtRoot(path) { prove(i, .cleanRule) }
            // A directory that is removed whole. `debian` and the like are the business of packaging.
            guard !PackagingRules.directories.contains(path.bytes) else { continue }
            for i in places(below: path) { prove(i, .generatedDirectory) }
        }
        applyPathPatterns()
        // Stamps that the top Makefile makes and no goal removes: `.binman_stamp` in U-Boot.
        for path in rules.rootTargets
        where path.name.first == UInt8(ascii: ".") && !Self.byOtherRule.contains(path.bytes) {
            if let i = listing.index(of: path) { prove(i, .cleanRule) }
        }
        for i in rootFiles
        where rules.rootPatterns.contains(where: { $0.matches(files[i].path.bytes) }) {
            if !files[i].path.hasSuffix(".spec"), isMadeAtRoot(files[i].path) { prove(i, .cleanRule) }
        }
    }

    /// The clean rules of a kernel name what it makes. Those of other projects remove at the root what people put there for
    /// a build too (`bl31.elf` in U-Boot): there a file is an output if a saved command or a rule makes it, or what its name
    /// begins with (`u-boot.map`).
    private func isMadeAtRoot(_ path: TreePath) -> Bool {
        guard rules.program != LinkedProgram.kernel, path.parent == nil, path.name.first != UInt8(ascii: ".")
        else { return true }
        func isMade(_ name: some Collection<UInt8>) -> Bool {
            guard let path = TreePath(Array(name)) else { return false }
            return isProvenByCommand(path) || rules.rootTargets.contains(path)
        }
        if isMade(path.bytes) { return true }
        return path.bytes.indices.contains {
            path.bytes[$0] == UInt8(ascii: ".") && isMade(path.bytes[..<$0])
        }
    }

    /// Paths with a pattern among their folders: `rm -f arch/*/include/asm/arch` (mrproper).
    mutating func applyPathPatterns() {
        for pattern in rules.pathPatterns {
            let folders = pattern.dropLast().prefix { NamePattern.isLiteral($0.bytes) }
            let top = TreePath(Array(folders.map(\.bytes).joined(separator: [UInt8(ascii: "/")])))
            for i in top.map({ places(below: $0) }) ?? files.indices {
                let parts = files[i].path.components
                guard parts.count == pattern.count else { continue }
                if zip(pattern, parts).allSatisfy({ $0.matches($1) }) { prove(i, .cleanRule) }
            }
        }
    }

    /// `Kbuild` beside `Kbuild.src` where mrproper removes it.
    mutating func applyDerivedNames() {
        for name in rules.derivedNames {
            let source = Array(name.source.utf8)
            for i in files.indices where files[i].path.name.elementsEqual(source) {
                let path = files[i].path
                guard let made = TreePath(path.bytes[..<path.nameStart] + Array(name.made.utf8)),
                    let place = listing.index(of: made)
                else { continue }
                prove(place, .cleanRule)
            }
        }
    }

    /// `.config` is the person's own.
    private static let byOtherRule: Set<[UInt8]> = [Array(".config".utf8)]

    /// Takes what fits `make clean`'s patterns where something else speaks for it as well: a reserved name in
    /// a directory that was built in, or an output of the same stem.
    mutating func applyCleanPatterns() {
        for i in built.sorted().flatMap({ index.members[$0] }) where classes[i] == .source {
            guard rules.patterns.matchAny(files[i].path.bytes, from: index.nameStart[i]) else { continue }
            let path = files[i].path
            if path.name.first == UInt8(ascii: ".") ? Self.isReserved(path.name) : hasBuiltStem(path) {
                prove(i, .cleanPattern)
            }
        }
        // A compile that was interrupted leaves the object and its `.NAME.d`, not yet the saved command.
        for i in files.indices where hasSuffix(i, ".o") && classes[i] == .source {
            let path = files[i].path
            let note = path.bytes[..<path.nameStart] + [UInt8(ascii: ".")] + path.name + Array(".d".utf8)
            if let note = TreePath(note), isOutput(note) { prove(i, .cleanPattern) }
        }
    }

    /// `.tmp_*`, `.NAME.d` and `.NAME.tmp`: names that only Kbuild uses.
    private static func isReserved(_ name: ArraySlice<UInt8>) -> Bool {
        name.starts(with: ".tmp_".utf8) || name.suffix(2).elementsEqual(".d".utf8)
            || name.suffix(4).elementsEqual(".tmp".utf8)
    }

    /// `x.mod.c` beside `x.mod`, `x.tab.h` beside `x.tab.o`, `x.dwo` beside `x.o`. Objects and their like
    /// always have a saved command of their own.
    private func hasBuiltStem(_ path: TreePath) -> Bool {
        guard let cut = path.name.lastIndex(of: UInt8(ascii: ".")), cut > path.nameStart else { return false }
        let suffix = path.bytes[(cut + 1)...]
        if suffix.count == 1, "aios".utf8.contains(suffix[cut + 1]) { return false }
        var stem = path.bytes[..<cut]
        // Compiler dumps: `x.c.123r.expand`.
        if let dump = path.bytes[path.nameStart...].firstRange(of: ".c.".utf8) {
            guard Self.isDump(path.bytes[dump.upperBound...]) else { return false }
            stem = path.bytes[..<dump.lowerBound]
        }
        for other in [Array(stem), stem + Array(".o".utf8), stem + Array(".s".utf8)] {
            if let other = TreePath(other), other != path, isProvenByCommand(other) { return true }
        }
        return false
    }

    /// gcc's `123r.expand` (-fdump-…): a person's `x.c.2023-01.bak` fits the pattern of `make clean` as well.
    private static func isDump(_ suffix: ArraySlice<UInt8>) -> Bool {
        let digits = suffix.prefix { (0x30...0x39).contains($0) }
        let rest = suffix.dropFirst(digits.count)
        return digits.count >= 3 && rest.count > 2 && "rti".utf8.contains(rest[rest.startIndex])
            && rest[rest.startIndex + 1] == UInt8(ascii: ".")
    }

    private func isProvenByCommand(_ path: TreePath) -> Bool {
        listing.index(of: path).map { classes[$0] == .output(.savedCommand) } ?? false
    }

    /// `tools/bpf/resolve_btfids/fixdep`, which the makefile of another directory removes.
    mutating func applyLinkedTools() {
        for i in files.indices where files[i].status.isExecutable && classes[i] == .source {
            guard files[i].path.hasPrefix("tools/"),
                let parts = TreePath(files[i].path.bytes + Array("-in.o".utf8)), isProvenByCommand(parts)
            else { continue }
            prove(i, .linkedTool)
        }
    }

    mutating func applyShipped() {
        for i in files.indices where hasSuffix(i, "_shipped") {
            guard let copy = TreePath(files[i].path.bytes.dropLast(8)), copy.bytes.last != UInt8(ascii: "/"),
                built.contains(index.home[i]), let place = listing.index(of: copy)
            else { continue }
            prove(place, .shipped)
        }
    }

    // MARK: The makefiles of built directories

    mutating func applyDirectoryRules() throws {
        let numbers = built.union(homesOfPrograms()).sorted()
        let places = numbers.map { index.directories[$0] }
        let (directory, listing, architecture, isOfModules) = (
            directory, listing, tree.architecture, isOfModules
        )
        let found = try Parallel.map((places.count + 15) / 16) { part in
            try places[(part * 16)..<min(places.count, part * 16 + 16)].map { place in
                try Self.rules(of: place, directory, listing, architecture, isOfModules: isOfModules)
            }
        }
        for (number, rules) in zip(numbers, found.joined()) {
            for path in rules.paths {
                if let i = listing.index(of: path) { prove(i, .directoryRule) }
            }
            for path in rules.directories {
                for i in self.places(below: path) { prove(i, .generatedDirectory) }
            }
            guard !rules.patterns.isEmpty else { continue }
            for i in index.members[number] where classes[i] == .source {
                if rules.patterns.contains(where: { $0.matches(files[i].path.name) }) {
                    prove(i, .directoryRule)
                }
            }
        }
    }

    /// Directories with an executable that has no suffix and no evidence: `make clean` takes the saved command
    /// of a host program and leaves the program (`scripts/kconfig/conf`).
    private func homesOfPrograms() -> Set<Int> {
        var homes: Set<Int> = []
        for i in files.indices where files[i].status.isExecutable && files[i].status.kind == .file {
            guard classes[i] == .source, index.nameStart[i] > 0,
                !files[i].path.name.contains(UInt8(ascii: "."))
            else { continue }
            homes.insert(index.home[i])
        }
        return homes
    }

    private static func rules(
        of place: TreePath?, _ directory: Directory, _ listing: TreeListing, _ architecture: String,
        isOfModules: Bool
    ) throws(SystemError) -> DirectoryRules {
        // scripts/Makefile.clean: the file name Kbuild goes before Makefile. tools/build adds Build.
        var text: [UInt8] = []
        var names = ["Kbuild", "Makefile"]
        if let place, place.hasPrefix("tools/") { names = ["Build", "Makefile"] }
        for name in names {
            let path = place.map { $0.appending(name.utf8) } ?? TreePath(name)
            guard let path, let file = listing[path], file.status.kind == .file else { continue }
            text += try KbuildTree.read(String(decoding: path.bytes, as: UTF8.self), directory) ?? []
            text.append(UInt8(ascii: "\n"))
            if name == "Kbuild" { break }
        }
        if place == nil, text.isEmpty {
            return DirectoryRules(MakefileText([]), directory: nil, architecture: "")
        }
        return DirectoryRules(
            MakefileText(text), directory: place, architecture: architecture, isOfModules: isOfModules)
    }

    // MARK: Places

    /// Places of all files below a directory.
    func places(below directory: TreePath) -> Range<Int> {
        func first(_ bytes: [UInt8]) -> Int {
            var (low, high) = (0, files.count)
            while low < high {
                let middle = (low + high) / 2
                if compareBytes(files[middle].path.bytes, bytes) < 0 {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low
        }
        // "/" is followed by "0" in the order of bytes.
        return first(directory.bytes + [UInt8(ascii: "/")])..<first(directory.bytes + [UInt8(ascii: "/") + 1])
    }

    /// Places of the files at the root.
    var rootFiles: [Int] { index.number(existing: nil).map { index.members[$0] } ?? [] }

    func hasSuffix(_ i: Int, _ text: StaticString) -> Bool {
        files[i].path.bytes.withUnsafeBufferPointer { bytes in
            text.withUTF8Buffer { suffix in
                guard bytes.count >= suffix.count else { return false }
                var k = suffix.count
                while k > 0 {
                    guard bytes[bytes.count - 1 - (suffix.count - k)] == suffix[k - 1] else { return false }
                    k -= 1
                }
                return true
            }
        }
    }
}
