import KCacheCore

/// Tells files after whose change every directory has to be walked.
enum RuleFiles {
    /// Makefiles, Kconfig files, scripts, host tools and the configuration.
    static func decides(_ path: TreePath, isOutput: Bool) -> Bool {
        if path.hasPrefix("scripts/") || path.hasPrefix("tools/") || path.hasPrefix("include/config/") {
            return true
        }
        if path.parent == nil { return !isOutput }
        if path.hasPrefix("include/generated/") {
            return path.hasSuffix("/autoconf.h") || path.hasSuffix("/rustc_cfg")
        }
        return !isOutput && isMakefile(path.name)
    }

    static func isMakefile(_ name: ArraySlice<UInt8>) -> Bool {
        // arch/mips/Makefile includes a `Platform` of several directories.
        ["Makefile", "Kbuild", "Kconfig"].contains { name.starts(with: $0.utf8) }
            || name.elementsEqual("Platform".utf8)
            || [".mk", ".include", ".postlink"].contains { name.suffix($0.utf8.count).elementsEqual($0.utf8) }
    }
}
