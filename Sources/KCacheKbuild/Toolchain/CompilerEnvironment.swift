package import KCacheCore

/// The environment variables that compilers, assemblers, linkers and their wrappers read.
package enum CompilerEnvironment {
    /// By name; gcc(1), clang(1), ld(1), ld.so(8), locale(7).
    package static let names: [String] = [
        "CCC_OVERRIDE_OPTIONS", "COLLECT_GCC", "COLLECT_LTO_WRAPPER", "COMPILER_PATH", "CPATH",
        "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH", "DEPENDENCIES_OUTPUT", "GCC_COLORS", "GCC_COMPARE_DEBUG",
        "GCC_EXEC_PREFIX", "GCC_EXTRA_DIAGNOSTIC_OUTPUT", "GCC_ROOT", "GNUTARGET", "LDEMULATION",
        "LD_AUDIT", "LD_BIND_NOW", "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_RUN_PATH", "LIBRARY_PATH",
        "OBJC_INCLUDE_PATH", "PATH", "POSIXLY_CORRECT", "QA_CHECK", "SOURCE_DATE_EPOCH",
        "SUNPRO_DEPENDENCIES", "SYSROOT",
    ]

    /// The locale's; Kbuild itself changes some of them for its sub-makes, the same way each time.
    static let locale: [String] = [
        "LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_NUMERIC", "LOCPATH",
    ]

    /// What decides where programs are found and what they do, by name.
    static func relevant(_ environment: [String: String]) -> [String: String] {
        let all = Set(names + locale + ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR", "ENV"])
        return environment.filter { name, _ in
            all.contains(name) || name.hasPrefix("CCACHE_") || name.hasPrefix("CLANG_")
                || name.hasPrefix("GLIBC_") || name.hasPrefix("LD_")
        }
    }

    /// One digest over them; `HOME` and the like count only where wrappers have their configuration there.
    package static func digest(_ environment: [String: String]) -> Digest {
        var hash = DigestBuilder()
        let relevant = relevant(environment)
        for name in relevant.keys.sorted() { hash.update("\(name)=\(relevant[name] ?? "")\u{0}") }
        return hash.finish()
    }
}
