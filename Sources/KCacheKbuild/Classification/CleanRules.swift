import KCacheCore
import KCacheSystem
import SystemPackage

/// What the tree's own `clean`, `mrproper` and `distclean` remove.
///
/// Read from the top Makefile (CLEAN_FILES, CLEAN_DIRS, MRPROPER_FILES, MRPROPER_DIRS, DISTCLEAN_FILES and the
/// names that its `find` takes), the architecture's Makefile and scripts/link-vmlinux.sh.
struct CleanRules {
    /// Paths from the root, files or whole directories, without patterns.
    private(set) var paths: Set<TreePath> = []
    /// Patterns for names at the root.
    private(set) var rootPatterns: [NamePattern] = []
    /// Patterns for names anywhere, from the `find` commands.
    private(set) var patterns = NamePatternSet([])

    init(directory: Directory, architecture: String) throws {
        let top = try Self.read("Makefile", directory)
        let arch = try Self.read("arch/\(architecture)/Makefile", directory)
        let link = try Self.read("scripts/link-vmlinux.sh", directory)
        let topText = MakefileText(top)
        let archText = MakefileText(arch)
        var expansion = MakeExpansion(
            values: topText.values,
            given: ["SRCARCH": [architecture], "objtree": ["."], "obj": ["."], "KBUILD_EXTMOD": []],
            unknown: nil)
        let variables = ["CLEAN_FILES", "CLEAN_DIRS", "MRPROPER_FILES", "MRPROPER_DIRS", "DISTCLEAN_FILES"]
        for name in variables { add(expansion.expand(topText.values[name] ?? [])) }
        expansion = MakeExpansion(values: archText.values, given: expansion.given, unknown: nil)
        for name in variables { add(expansion.expand(archText.values[name] ?? [])) }
        add(expansion.expand(archText.removed))
        add(expansion.expand(MakefileText(script: link).removed))
        patterns = NamePatternSet(
            topText.findNames.map { NamePattern($0) }.filter { !Self.tooWide.contains($0) })
    }

    /// Patterns of other `find` commands of the top Makefile (tags, headers checks) say nothing.
    private static let tooWide: Set<NamePattern> = Set(
        ["*", "*.h", "*.c", "*.S", "*.rs", "*.[hcS]"].map { NamePattern($0) })

    private static func read(_ name: String, _ directory: Directory) throws -> [UInt8] {
        guard let path = TreePath(name) else { return [] }
        do throws(SystemError) { return try directory.readFile(path, limit: 4 << 20) ?? [] } catch {
            // A link or a directory in the place of a makefile: it has no rules then.
            if [.tooManySymbolicLinkLevels, .isDirectory, .notDirectory].contains(error.errno) { return [] }
            throw error
        }
    }

    private mutating func add(_ words: [String]) {
        for word in words {
            var text = word[...]
            while text.hasPrefix("./") { text = text.dropFirst(2) }
            while text.hasSuffix("/") { text = text.dropLast() }
            let bytes = Array(text.utf8)
            guard let path = TreePath(bytes) else { continue }
            if NamePattern.isLiteral(bytes) {
                paths.insert(path)
            } else if path.parent == nil {
                rootPatterns.append(NamePattern(bytes))
            }
        }
    }
}
