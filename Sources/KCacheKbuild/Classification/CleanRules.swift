import KCacheCore
import KCacheSystem
import SystemPackage

/// What the tree's own `clean`, `mrproper` and `distclean` remove.
///
/// Read from the top Makefile (CLEAN_FILES, CLEAN_DIRS, MRPROPER_FILES, MRPROPER_DIRS, DISTCLEAN_FILES and the
/// names that its `find` takes), the makefiles of the root that it includes, the architecture's Makefile and
/// scripts/link-vmlinux.sh.
struct CleanRules {
    /// Paths from the root, files or whole directories, without patterns.
    private(set) var paths: Set<TreePath> = []
    /// Patterns for names at the root.
    private(set) var rootPatterns: [NamePattern] = []
    /// Patterns for names anywhere, from the `find` commands.
    private(set) var patterns = NamePatternSet([])
    /// Patterns for paths below the root, component by component.
    private(set) var pathPatterns: [[NamePattern]] = []
    /// Names that are made beside others.
    private(set) var derivedNames: [DerivedName] = []
    /// Files at the root that the top Makefile has a rule for.
    private(set) var rootTargets: Set<TreePath> = []
    /// What the build ends in.
    let program: TreePath

    init(directory: Directory, architecture: String) throws {
        let top = try Self.read("Makefile", directory)
        let arch = try Self.read("arch/\(architecture)/Makefile", directory)
        let link = try Self.read("scripts/link-vmlinux.sh", directory)
        let parts = try Self.includes(MakefileText(top), directory)
        let topText = MakefileText(top + parts)
        let archText = MakefileText(arch)
        var expansion = MakeExpansion(
            values: topText.values,
            given: ["SRCARCH": [architecture], "objtree": ["."], "obj": ["."], "KBUILD_EXTMOD": []],
            unknown: nil)
        program = LinkedProgram.name(in: topText)
        derivedNames = topText.derivedNames
        rootTargets = Set(topText.ruleTargets.compactMap { TreePath($0) }.filter { $0.parent == nil })
        let variables = [
            "CLEAN_FILES", "CLEAN_DIRS", "MRPROPER_FILES", "MRPROPER_DIRS", "DISTCLEAN_FILES", "rm-files",
            "rm-dirs",
        ]
        for name in variables { add(expansion.expand(topText.values[name] ?? [])) }
        add(expansion.expand(topText.cleaned))
        // Rules with a recipe in the root's further makefiles say where they make what.
        add(expansion.expand(MakefileText(parts).ruleTargets).filter { $0.contains("/") })
        expansion = MakeExpansion(values: archText.values, given: expansion.given, unknown: nil)
        for name in variables { add(expansion.expand(archText.values[name] ?? [])) }
        add(expansion.expand(archText.removed))
        add(expansion.expand(MakefileText(script: link).removed))
        patterns = NamePatternSet(topText.findNames.map { NamePattern($0) }.filter { !Self.isTooWide($0) })
    }

    /// What `make M=DIR clean` removes from DIR.
    ///
    /// - Parameter kernel: the directory with the kernel's makefiles.
    init(modulesOf kernel: Directory) throws {
        let top = MakefileText(try Self.read("Makefile", kernel))
        program = Self.symbols
        let module = "$(KBUILD_EXTMOD)/"
        let removed = ["rm-files", "rm-dirs", "CLEAN_FILES", "CLEAN_DIRS"].flatMap { top.values[$0] ?? [] }
        add(removed.filter { $0.hasPrefix(module) }.map { String($0.dropFirst(module.count)) })
        patterns = NamePatternSet(top.findNames.map { NamePattern($0) }.filter { !Self.isTooWide($0) })
    }

    /// modpost writes it for all modules, after their objects and before they are linked.
    private static let symbols = TreePath(literal: Array("Module.symvers".utf8))

    /// True for a pattern that any source fits.
    private static func isTooWide(_ pattern: NamePattern) -> Bool {
        ["a.c", "a.h", "a.S", "a.rs", "a.dts"].contains { pattern.matches($0.utf8) }
    }

    private static func read(_ name: String, _ directory: Directory) throws -> [UInt8] {
        guard let path = TreePath(name) else { return [] }
        do throws(SystemError) { return try directory.readFile(path, limit: 4 << 20) ?? [] } catch {
            // A link or a directory in the place of a makefile: it has no rules then.
            if [.tooManySymbolicLinkLevels, .isDirectory, .notDirectory].contains(error.errno) { return [] }
            throw error
        }
    }

    /// The text of the makefiles at the root that the top one includes: `include $(srctree)/Makefile.custom`.
    private static func includes(_ top: MakefileText, _ directory: Directory) throws -> [UInt8] {
        var text: [UInt8] = []
        for word in top.includes {
            let name = word.hasPrefix("$(srctree)/") ? String(word.dropFirst(11)) : word
            guard name.hasPrefix("Makefile."), !name.contains("/"), !name.contains("$") else { continue }
            text.append(UInt8(ascii: "\n"))
            text += try read(name, directory)
        }
        return text
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
            } else if path.name.contains(where: { $0 != UInt8(ascii: "*") && $0 != UInt8(ascii: ".") }) {
                pathPatterns.append(path.components.map { NamePattern($0) })
            }
        }
    }
}
