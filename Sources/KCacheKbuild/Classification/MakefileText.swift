import KCacheCore

/// What a makefile assigns, which files its rules make and which its recipes remove: a reading without
/// conditions, in which all branches count.
///
/// It serves to find names that a build could have made, so it takes too many words rather than too few, and
/// never evaluates anything. Time and memory are linear in the text.
struct MakefileText {
    /// Values by variable, in all branches and whatever the operator.
    private(set) var values: [String: [String]] = [:]
    /// Targets of explicit rules that have a recipe.
    private(set) var ruleTargets: [String] = []
    /// Operands of `rm` and `$(RM)` in recipes or in a shell script.
    private(set) var removed: [String] = []
    /// Arguments of `-name` to find(1) in the recipes of `clean` and `mrproper`.
    private(set) var findNames: [String] = []
    /// The part of `removed` that stands in the recipes of `clean` and `mrproper`.
    private(set) var cleaned: [String] = []
    /// Names that `find -name FROM | sed 's/…/…/' | xargs rm` makes of others.
    private(set) var derivedNames: [DerivedName] = []
    /// Words of `include` lines.
    private(set) var includes: [String] = []
    /// Prerequisites of `.PHONY`: goals that are no files.
    private var phonyTargets: Set<String> = []

    init(_ bytes: [UInt8]) {
        var pendingTargets: [String] = []
        var cleans = false
        for line in LogicalLines(bytes) {
            if line.first == UInt8(ascii: "\t") {
                ruleTargets += pendingTargets
                pendingTargets = []
                let before = (removed.count, findNames.count)
                readRecipe(line)
                if cleans {
                    cleaned += removed[before.0...]
                } else {
                    // What other goals look for (`tags`, `checkstack`) is mostly sources.
                    findNames.removeLast(findNames.count - before.1)
                }
                continue
            }
            let text = line.prefix { $0 != UInt8(ascii: "#") }
            readInclude(text)
            guard let mark = text.firstIndex(where: { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") })
            else { continue }
            pendingTargets = []
            if let (name, value) = Self.assignment(text, mark) {
                values[name, default: []] += MakeWords.split(value)
            } else if let colon = Self.ruleColon(text) {
                pendingTargets = MakeWords.split(text[..<colon])
                cleans = pendingTargets == ["clean"] || pendingTargets == ["mrproper"]
                readPrerequisites(text[colon...].dropFirst(), &pendingTargets)
            }
        }
        let phony = phonyTargets.union(values["PHONY"] ?? [])
        ruleTargets.removeAll { phony.contains($0) }
    }

    /// What follows a rule's colon.
    private mutating func readPrerequisites(_ text: ArraySlice<UInt8>, _ targets: inout [String]) {
        if targets == [".PHONY"] { phonyTargets.formUnion(MakeWords.split(text)) }
        // A recipe may follow on the same line; an empty one makes nothing.
        if let mark = text.firstIndex(of: UInt8(ascii: ";")) {
            if !MakeWords.split(text[(mark + 1)...]).isEmpty { ruleTargets += targets }
            targets = []
        } else if let mark = text.firstIndex(of: UInt8(ascii: "=")),
            let (name, value) = Self.assignment(
                text, text[..<mark].firstIndex(of: UInt8(ascii: ":")) ?? mark),
            ["rm-files", "rm-dirs"].contains(name)
        {
            // `doc-clean: rm-files := …`: a variable of that goal.
            values[name, default: []] += MakeWords.split(value)
        }
    }

    private mutating func readInclude(_ text: ArraySlice<UInt8>) {
        guard text.starts(with: "include ".utf8) || text.starts(with: "-include ".utf8) else { return }
        includes += MakeWords.split(text).dropFirst()
    }

    /// Reads a shell script's `rm` lines alone.
    init(script bytes: [UInt8]) {
        for line in LogicalLines(bytes) { readRecipe(line) }
    }

    private static func assignment(_ text: ArraySlice<UInt8>, _ mark: Int) -> (
        String, ArraySlice<UInt8>
    )? {
        var nameEnd = mark
        var valueStart = mark + 1
        if text[mark] == UInt8(ascii: ":") {
            while valueStart < text.endIndex, text[valueStart] == UInt8(ascii: ":") { valueStart += 1 }
            guard valueStart < text.endIndex, text[valueStart] == UInt8(ascii: "=") else { return nil }
            valueStart += 1
        } else if nameEnd > text.startIndex,
            [UInt8(ascii: "+"), UInt8(ascii: "?")].contains(text[nameEnd - 1])
        {
            nameEnd -= 1
        }
        let words = MakeWords.split(text[..<nameEnd])
        guard let name = words.last, words.count == 1 || ["export", "override"].contains(words[0]) else {
            return nil
        }
        return (name, text[valueStart...])
    }

    /// The colon that ends a rule's targets: outside of `$(…)`.
    private static func ruleColon(_ text: ArraySlice<UInt8>) -> Int? {
        var depth = 0
        for i in text.indices {
            switch text[i] {
            case UInt8(ascii: "("), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: ":"): if depth <= 0 { return i }
            default: break
            }
        }
        return nil
    }

    private mutating func readRecipe(_ line: ArraySlice<UInt8>) {
        guard
            line.contains(UInt8(ascii: "r")) || line.contains(UInt8(ascii: "R"))
                || line.contains(UInt8(ascii: "-"))
        else { return }
        let words = MakeWords.split(line)
        if let name = DerivedName(recipe: words) { derivedNames.append(name) }
        var removing = false
        var i = 0
        while i < words.count {
            let word = words[i]
            if word == "-name", i + 1 < words.count {
                findNames.append(words[i + 1].filter { $0 != "'" && $0 != "\"" })
                i += 1
            } else if word == "rm" || word == "$(RM)" || word.hasSuffix(")rm") || word == "@rm"
                || word.hasSuffix(")$(RM)")
            {
                removing = true
            } else if [";", "&&", "||", "|", "\\"].contains(word) {
                removing = false
            } else if removing, !word.hasPrefix("-"), !word.contains("\""), !word.contains("'") {
                removed.append(word.hasSuffix(";") ? String(word.dropLast()) : word)
                if word.hasSuffix(";") { removing = false }
            }
            i += 1
        }
    }
}

/// The lines of a makefile, with `\`-newline joined to a space.
private struct LogicalLines: Sequence, IteratorProtocol {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> ArraySlice<UInt8>? {
        guard at < bytes.count else { return nil }
        var joined: [UInt8] = []
        var start = at
        while true {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            at = end + 1
            let continues = end > start && bytes[end - 1] == UInt8(ascii: "\\")
            if !continues {
                if joined.isEmpty { return bytes[start..<end] }
                return (joined + bytes[start..<end])[...]
            }
            joined += bytes[start..<(end - 1)]
            joined.append(UInt8(ascii: " "))
            start = at
            if start >= bytes.count { return joined[...] }
        }
    }
}

/// Words as make counts them.
enum MakeWords {
    /// Splits at white space outside of `$(…)` and `${…}`.
    static func split(_ text: ArraySlice<UInt8>) -> [String] {
        var words: [String] = []
        var depth = 0
        var start: Int?
        for i in text.indices {
            let byte = text[i]
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                if depth <= 0, let from = start {
                    words.append(String(decoding: text[from..<i], as: UTF8.self))
                    start = nil
                }
                continue
            case UInt8(ascii: "("), UInt8(ascii: "{"):
                if i > text.startIndex, depth > 0 || text[i - 1] == UInt8(ascii: "$") { depth += 1 }
            case UInt8(ascii: ")"), UInt8(ascii: "}"): if depth > 0 { depth -= 1 }
            default: break
            }
            if start == nil { start = i }
        }
        if let from = start { words.append(String(decoding: text[from...], as: UTF8.self)) }
        return words
    }
}

/// The reading of makefiles, for fuzzing it.
package enum MakefileReading {
    /// Reads the bytes as a makefile and as a script.
    package static func read(_ bytes: [UInt8]) {
        let text = MakefileText(bytes)
        _ = DirectoryRules(text, directory: TreePath("arch/x86"), architecture: "x86")
        _ = MakefileText(script: bytes)
    }
}
