import KCacheCore

/// What a path's name says of how Kbuild makes it.
enum KbuildShape {
    /// True for files that Kbuild makes by if_changed only, so that without `.cmd` file they are made again.
    static func hasCommandFile(_ path: TreePath) -> Bool {
        path.hasSuffix(".o") || path.hasSuffix(".a") || path.hasSuffix(".ko") || path.hasSuffix(".mod")
            || path.hasSuffix("/modules.order")
    }

    /// True for files that are made only as a part of something: not goals by themselves.
    static func isPart(_ path: TreePath) -> Bool {
        hasCommandFile(path) || path.hasSuffix(".s") || path.hasSuffix(".i") || path.hasSuffix(".lst")
            || path.hasSuffix(".ll") || path.hasSuffix(".symtypes") || path.hasSuffix(".usyms")
    }
}
