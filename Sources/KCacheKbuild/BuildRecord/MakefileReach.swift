package import KCacheCore

/// What a directory's makefile reaches beyond what saved commands tell, read from its text alone.
///
/// Nothing is expanded: what can't be read literally counts as reaching anywhere.
package struct MakefileReach: Sendable {
    /// Sources by the end of their path (`x.c`, `x.h`, …) that the text names.
    private(set) var sourceNames: Set<[UInt8]> = []
    /// Paths outside the directory that the text names literally.
    package private(set) var paths: [TreePath] = []
    /// Paths that, read from the top, lie in another directory; they may as well be this directory's own.
    private(set) var perhaps: [TreePath] = []
    /// What stands in front of a computed name, read the same way.
    private(set) var perhapsBelow: [TreePath] = []
    /// Files outside the tree that it names: absolute, or from the tree's top.
    private(set) var outside: [[UInt8]] = []
    /// It may set what the makes below it see: flags of subdirectories, exported variables.
    private(set) var passesDown = false
    /// Variables that it sets. Make hands those on that it was itself given in its environment.
    private(set) var assigned: Set<[UInt8]> = []
    /// Words of its `export` lines.
    private(set) var exported: Set<[UInt8]> = []
    /// Makefiles that it includes by a literal path.
    private(set) var included: [TreePath] = []
    /// Folders of `arch/` that it names.
    private(set) var architectures: Set<[UInt8]> = []
    /// It asks for files by pattern, wildcard or shell, so that every file at or below it may count.
    private(set) var takesWholeDirectory = false
    /// It looks at files elsewhere that its text does not tell: make has to go there always.
    private(set) var reachesAnywhere = false

    let directory: TreePath?

    /// - Parameter architecture: SRCARCH; empty if not known.
    package init(_ text: [UInt8], of directory: TreePath?, architecture: String) {
        self.directory = directory
        let own = directory.map { $0.bytes + [slash] } ?? []
        let names: [(StaticString, [UInt8])] = [
            ("$(srctree)/", []), ("$(objtree)/", []), ("$(abs_srctree)/", []), ("$(abs_objtree)/", []),
            ("$(src)/", own), ("$(obj)/", own), ("$(SRCARCH)", Array(architecture.utf8)),
        ]
        for line in Self.lines(text) {
            let reads = Self.reading.contains { line.firstRange(of: $0) != nil }
            if reads { reachesAnywhere = true }
            if reads || line.containsText("$(wildcard") || line.contains(percent) {
                takesWholeDirectory = true
            }
            if ["subdir-", "export", "EXPORT_ALL", "KBUILD_"].contains(where: {
                line.firstRange(of: $0.utf8) != nil
            }) {
                passesDown = true
            }
            let words = line.split(whereSeparator: Self.isSeparator)
            guard let first = words.first else { continue }
            noteVariables(line, words)
            let isInclude = ["include", "-include", "sinclude"].contains { first.elementsEqual($0.utf8) }
            var afterFlag = false
            for word in words.dropFirst(isInclude ? 1 : 0) {
                let isFlag = word.first == UInt8(ascii: "-")
                defer { afterFlag = Self.searchFlags.contains { word.elementsEqual($0.utf8) } }
                if isFlag || afterFlag { continue }
                note(word, names, isInclude)
            }
        }
    }

    /// A makefile that is none of the tree's own files: it may do anything.
    init(unreadIn directory: TreePath?) {
        self.directory = directory
        (reachesAnywhere, passesDown, takesWholeDirectory) = (true, true, true)
    }

    /// Takes the names that the line sets or exports.
    private mutating func noteVariables(_ line: ArraySlice<UInt8>, _ words: [ArraySlice<UInt8>]) {
        if words.first?.elementsEqual("export".utf8) == true {
            exported.formUnion(words.dropFirst().map { Array($0) })
        }
        let isPrefixed =
            words.count > 1 && ["override", "export", "define"].contains { words[0].elementsEqual($0.utf8) }
        guard let name = isPrefixed ? words[1] : words.first else { return }
        let rest = line[name.endIndex...].drop { $0 == 0x20 || $0 == 0x09 }
        // What a shell prints.
        if rest.starts(with: "!=".utf8) { (reachesAnywhere, takesWholeDirectory) = (true, true) }
        if ["=", ":", "+=", "?=", "!="].contains(where: { rest.starts(with: $0.utf8) })
            || words[0].elementsEqual("define".utf8)
        {
            assigned.insert(Array(name))
        }
    }

    private mutating func note(
        _ word: ArraySlice<UInt8>, _ names: [(StaticString, [UInt8])], _ isInclude: Bool
    ) {
        var word = word
        while word.last == UInt8(ascii: ")"),
            word.count(of: UInt8(ascii: "(")) < word.count(of: UInt8(ascii: ")"))
        {
            word = word.dropLast()
        }
        let leaf = word[((word.lastIndex(of: slash) ?? word.startIndex - 1) + 1)...]
        if InertFiles.hasInertSuffix(leaf) {
            // A suffix alone is put behind names, or replaced.
            if leaf.contains(where: Self.isVariable) || leaf.first == dot && leaf.count <= 5 {
                takesWholeDirectory = true
            } else {
                sourceNames.insert(Array(leaf))
            }
        }
        guard word.contains(slash) else {
            // A makefile beside this one is included by `$(src)/name` or found by make's own path.
            if isInclude { reachesAnywhere = true }
            return
        }
        if let folder = Self.architecture(in: word) { architectures.insert(Array(folder)) }
        var text = Array(word)
        for (name, value) in names { text = text.replacing(name, with: value) }
        // A way around through a directory of its own, or one of the top's.
        if text == Array(word), text.containsText("/../"), !text.starts(with: "../".utf8) {
            reachesAnywhere = true
            return
        }
        let isElsewhere =
            text != Array(word) || text.starts(with: "../".utf8) || isInclude
            || ["include/", "arch/", "scripts/", "tools/", "$("].contains { text.starts(with: $0.utf8) }
        guard isElsewhere else { return noteFromTop(text) }
        if text.contains(where: Self.isVariable) {
            let own = directory.map { $0.bytes + [slash] } ?? []
            // Something of this directory by a computed name.
            let isOwn = !own.isEmpty && text.starts(with: own) && !text.containsText("..")
            if isOwn, !isInclude { takesWholeDirectory = true } else { reachesAnywhere = true }
            return
        }
        // Lists of Kbuild's count from the directory, make itself from the top.
        let base = word.starts(with: "../".utf8) && !isInclude ? directory : nil
        guard let path = PathResolver(root: []).resolve(text, in: base) else {
            reachesAnywhere = true
            outside.append(text)
            if let base { outside.append(base.bytes + [slash] + text) }
            return
        }
        if isInclude {
            included.append(path)
        } else if directory.map({ !path.isInside($0) }) ?? true {
            paths.append(path)
        }
    }

    /// A path without a variable in front: make takes it from the top of the tree, Kbuild's own lists from here.
    private mutating func noteFromTop(_ text: [UInt8]) {
        if text.first == slash {
            if text.count > 1, !text.contains(where: Self.isVariable) { outside.append(text) }
            return
        }
        let start = text.prefix { !Self.isVariable($0) }
        if start.count < text.count {
            guard let cut = start.lastIndex(of: slash), let path = TreePath(Array(text[..<cut])) else {
                return
            }
            perhapsBelow.append(path)
        } else if let path = PathResolver(root: []).resolve(text, in: nil) {
            perhaps.append(path)
        }
    }

    /// What reads files while a makefile is read.
    private static let reading = ["$(shell", "$(file ", "$(call read-file"].map { Array($0.utf8) }

    /// Lines with their continuations, less comments of a whole line; braces around names are parentheses.
    private static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var joined: ArraySlice<UInt8> = []
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let continues = line.last == UInt8(ascii: "\\")
            joined = joined.isEmpty && !continues ? line : joined + line.dropLast(continues ? 1 : 0) + [0x20]
            if continues { continue }
            if let first = joined.first(where: { $0 != 0x20 && $0 != 0x09 }), first != UInt8(ascii: "#") {
                lines.append(withParentheses(joined))
            }
            joined = []
        }
        if !joined.isEmpty { lines.append(withParentheses(joined)) }
        return lines
    }

    private static func withParentheses(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard line.containsText("${") else { return line }
        let text = Array(line).replacing("${", with: Array("$(".utf8)).replacing("}", with: Array(")".utf8))
        return text[...]
    }

    /// Flags whose next word only says where the compiler looks for headers, which saved commands then name.
    private static let searchFlags = ["-I", "-isystem", "-iquote", "-idirafter", "-include"]

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte <= 0x20 || separators.contains(byte)
    }

    private static let separators = Set("\"'`;|<>&,=:@".utf8)

    private static func isVariable(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "$") || byte == percent || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?")
    }

    /// The X of `arch/X/`.
    private static func architecture(in word: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let range = word.firstRange(of: "arch/".utf8) else { return nil }
        let folder = word[range.upperBound...].prefix { $0 != slash }
        return folder.isEmpty || folder.contains(where: isVariable) ? nil : folder
    }
}

private let percent = UInt8(ascii: "%")
private let slash = UInt8(ascii: "/")
private let dot = UInt8(ascii: ".")

extension Collection<UInt8> {
    fileprivate func count(of byte: UInt8) -> Int { reduce(0) { $0 + ($1 == byte ? 1 : 0) } }

    fileprivate func containsText(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { firstRange(of: Array($0)) != nil }
    }
}

extension [UInt8] {
    fileprivate func replacing(_ text: StaticString, with other: [UInt8]) -> [UInt8] {
        text.withUTF8Buffer { replacing(Array($0), with: other) }
    }
}
