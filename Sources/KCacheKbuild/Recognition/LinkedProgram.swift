package import KCacheCore

/// Finds the program that a build of a tree ends in: `vmlinux`, `u-boot`, `busybox`.
///
/// Kbuild's top Makefile names the directories of a program X in `X-dirs`, and all that any configuration would
/// visit in `X-alldirs` (`vmlinux-alldirs` in a kernel). A project that took Kbuild over has its own X there.
package enum LinkedProgram {
    package static let kernel = TreePath(literal: Array("vmlinux".utf8))

    /// The kernel's where nothing tells.
    static func name(in top: MakefileText) -> TreePath {
        let suffix = "-alldirs"
        let rules = Set(top.ruleTargets)
        for name in top.values.keys.sorted() where name.hasSuffix(suffix) {
            let program = String(name.dropLast(suffix.count))
            if rules.contains(program), let path = TreePath(program), path.parent == nil { return path }
        }
        return kernel
    }
}
