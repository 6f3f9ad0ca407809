import KCacheCore

/// What the rules of a makefile of external modules may make, read widely: names with and without `$(obj)`, patterns,
/// directories that `clean` removes.
struct RuleNames {
    private var paths: Set<TreePath> = []
    private var patterns: [[NamePattern]] = []
    private var folders: Set<TreePath> = []

    /// - Parameter directory: of the makefile; nil for the root.
    init(_ text: MakefileText, directory: TreePath?) {
        let given = ["obj", "src", "M", "PWD", "CURDIR", "KBUILD_EXTMOD"].map { ($0, ["."]) }
        let expansion = MakeExpansion(
            values: text.values, given: Dictionary(uniqueKeysWithValues: given), unknown: nil)
        let start = directory?.components.map { Array($0) } ?? []
        func parts(_ word: String) -> [[UInt8]]? {
            if word.hasPrefix("/") { return nil }
            let own = word.utf8.split(separator: UInt8(ascii: "/")).map { Array($0) }.filter {
                $0 != Array(".".utf8)
            }
            return own.isEmpty || own.contains(Array("..".utf8)) ? nil : start + own
        }
        let slash = [UInt8(ascii: "/")]
        for word in expansion.expand(text.ruleTargets) {
            guard let parts = parts(word) else { continue }
            // Of objects and units all would fit, prebuilt ones too.
            if ["%.o", "%.ko", "%.a", "%.c", "%.S"].contains(where: { word == $0 || word.hasSuffix("/\($0)") }
            ) {
                continue
            }
            if word.contains("%") || word.contains("*") {
                patterns.append(
                    parts.map { NamePattern($0.map { $0 == UInt8(ascii: "%") ? UInt8(ascii: "*") : $0 }) })
            } else if let path = TreePath(Array(parts.joined(separator: slash))) {
                paths.insert(path)
            }
        }
        for word in expansion.expand(text.values["clean-dirs"] ?? []) {
            if let path = parts(word).flatMap({ TreePath(Array($0.joined(separator: slash))) }) {
                folders.insert(path)
            }
        }
    }

    /// True if one of the rules may make this file.
    func names(_ path: TreePath) -> Bool {
        if paths.contains(path) { return true }
        var above = path.parent
        while let folder = above {
            if folders.contains(folder) { return true }
            above = folder.parent
        }
        let parts = path.components
        return patterns.contains { pattern in
            // A pattern without a directory fits in any.
            if pattern.count == 1 { return pattern[0].matches(path.name) }
            return pattern.count == parts.count && zip(pattern, parts).allSatisfy { $0.matches($1) }
        }
    }
}
