import KCacheCore

/// Tells sources that make never looks at unless a saved command names them.
///
/// Only the compiler reads `.c`, `.h` and the like, and what it read stands in saved commands. All other files
/// count, apart from documentation, other architectures and tools that are not built here.
struct InertFiles: Sendable {
    /// Every file counts: unknown goals, or git's state of every file matters.
    var everythingCounts = false
    /// Headers are packed, installed or tested as a whole (CONFIG_IKHEADERS, CONFIG_HEADERS_INSTALL).
    var headersCount = false
    /// Makefiles check the documentation (CONFIG_WARN_MISSING_DOCUMENTS).
    var documentationCounts = false
    /// Folders of `arch/` that the build reads; empty for all.
    var architectures: Set<[UInt8]> = []
    /// Folders of `tools/` that the build reads.
    var tools: Set<[UInt8]> = []
    /// Ends of paths that makefiles name.
    var sourceNames: Set<[UInt8]> = []
    /// Files that makefiles name by their path, and directories, all below which counts.
    var namedPaths: Set<TreePath> = []
    /// Directories that count with all that lies below them.
    var wholeDirectories: Set<TreePath> = []

    static func hasInertSuffix(_ name: ArraySlice<UInt8>) -> Bool {
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")), name.count - (dot - name.startIndex) <= 5
        else {
            return false
        }
        let suffix = name[(dot + 1)...]
        if suffix.count == 1, let letter = suffix.first {
            return letter == UInt8(ascii: "c") || letter == UInt8(ascii: "h") || letter == UInt8(ascii: "S")
        }
        return suffixes.contains { suffix.elementsEqual($0) }
    }

    private static let suffixes = ["rst", "dts", "dtsi", "dtso", "yaml"].map { Array($0.utf8) }

    func isInert(_ path: TreePath) -> Bool { looksInert(path) && !isReached(path) }

    private func looksInert(_ path: TreePath) -> Bool {
        if everythingCounts { return false }
        let bytes = path.bytes
        let parts = bytes.split(separator: UInt8(ascii: "/"), maxSplits: 2)
        let name = path.name
        if parts.count > 1 {
            let top = parts[0]
            if top.elementsEqual("Documentation".utf8) {
                return !documentationCounts && !RuleFiles.isMakefile(name)
            }
            if top.elementsEqual("LICENSES".utf8) { return true }
            if parts.count > 2, top.elementsEqual("arch".utf8), !architectures.isEmpty,
                !architectures.contains(Array(parts[1]))
            {
                return true
            }
            if parts.count > 2, top.elementsEqual("tools".utf8) { return !tools.contains(Array(parts[1])) }
            if ["scripts", "usr", "certs"].contains(where: { top.elementsEqual($0.utf8) }) { return false }
        }
        if name.starts(with: ".git".utf8) { return true }
        guard Self.hasInertSuffix(name) else { return false }
        if headersCount, path.hasPrefix("include/") || path.hasPrefix("arch/") && path.hasSuffix(".h") {
            return false
        }
        return !sourceNames.contains(Array(name))
    }

    /// True for a file that a makefile names, or that is at or below a directory which it takes whole.
    private func isReached(_ path: TreePath) -> Bool {
        if namedPaths.isEmpty, wholeDirectories.isEmpty { return false }
        if namedPaths.contains(path) { return true }
        var parent = path.parent
        while let directory = parent {
            if wholeDirectories.contains(directory) || namedPaths.contains(directory) { return true }
            parent = directory.parent
        }
        return false
    }
}
