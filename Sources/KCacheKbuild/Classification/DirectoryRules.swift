import KCacheCore

/// What the makefile of one directory says that it makes there, as scripts/Makefile.clean reads it: without
/// conditions, so that another configuration's leftovers count as well.
struct DirectoryRules {
    /// Paths from the root.
    private(set) var paths: [TreePath] = []
    /// Patterns for names in this directory.
    private(set) var patterns: [NamePattern] = []
    /// Directories that are removed whole (`clean-dirs`).
    private(set) var directories: [TreePath] = []

    /// The variables of scripts/Makefile.clean and scripts/Makefile.build whose words are files made here.
    private static let variables: [String] =
        ["clean-files", "targets", "hostprogs", "userprogs", "hostprogs-always", "generated", "host-progs"]
        + [
            "extra", "always", "hostprogs-always", "userprogs-always", "generated", "hostprogs",
            "clean-files",
        ]
        .flatMap { name in ["y", "m", "", "n"].map { "\(name)-\($0)" } }

    /// - Parameters:
    ///   - directory: nil for the root.
    ///   - isOfModules: the makefile is one of external modules, which may serve other ends too.
    init(_ text: MakefileText, directory: TreePath?, architecture: String, isOfModules: Bool = false) {
        let isTools = directory.map { $0.bytes.starts(with: "tools/".utf8) } ?? false
        let here = "\u{1}/"
        var given: [String: [String]] = [
            "obj": ["\u{1}"], "src": ["\u{1}"], "SRCARCH": [architecture], "BITS": ["32", "64"],
            "objtree": ["\u{2}"], "srctree": ["\u{2}"],
        ]
        if isTools {
            // tools/build: OUTPUT is the directory of the program, and empty in an in-tree build.
            given["OUTPUT"] = [here]
            given["CURDIR"] = ["\u{1}"]
            given["or $(OUTPUT),$(CURDIR)/"] = [here]
        }
        let expansion = MakeExpansion(values: text.values, given: given, unknown: nil)
        for name in Self.variables {
            guard let words = text.values[name] else { continue }
            for word in expansion.expand(words) { add(word, directory) }
        }
        for word in expansion.expand(text.ruleTargets) {
            // A rule's target says where it is; in the root's Kbuild file that is a path from the root.
            if word.hasPrefix(here) || !isOfModules && (word.hasPrefix("\u{2}/") || directory == nil) {
                add(word, directory)
            }
        }
        if let directory {
            for word in expansion.expand(text.values["clean-dirs"] ?? []) {
                guard let path = path(word, directory), path != directory, path.isInside(directory) else {
                    continue
                }
                directories.append(path)
            }
        }
        guard isTools, let directory else { return }
        for word in expansion.expand(text.removed) {
            add(word, directory)
            // Folders for the libraries of a program, with the headers that are installed for it.
            if let path = path(word, directory), path != directory, path.isInside(directory),
                NamePattern.isLiteral(path.bytes)
            {
                directories.append(path)
            }
        }
    }

    /// From the root; nil for what is no path.
    private func path(_ word: String, _ directory: TreePath?) -> TreePath? {
        if word.hasPrefix("/") { return nil }
        var parts: [Substring] = []
        if !word.hasPrefix("\u{2}/"), let text = directory?.text { parts = text.split(separator: "/") }
        for part in word.split(separator: "/") {
            switch part {
            case ".", "\u{1}", "\u{2}": continue
            case "..": if parts.popLast() == nil { return nil }
            default: parts.append(part)
            }
        }
        return word.contains("%") ? nil : TreePath(parts.joined(separator: "/"))
    }

    private mutating func add(_ word: String, _ directory: TreePath?) {
        guard let path = path(word, directory) else { return }
        // U-Boot's lists of device trees name sources by mistake.
        if path.hasSuffix(".dts") || path.hasSuffix(".dtsi") { return }
        if NamePattern.isLiteral(path.bytes) {
            if path != directory { paths.append(path) }
        } else if path.parent == directory,
            path.name.contains(where: { $0 != UInt8(ascii: "*") && $0 != dotByte })
        {
            patterns.append(NamePattern(path.name))
        }
    }

    private let dotByte = UInt8(ascii: ".")
}
