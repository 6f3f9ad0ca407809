/// How a tree's outputs lie to its sources, and so how Kbuild's command lines name the sources.
///
/// Kbuild compares these as text, so that outputs fit only where the layout is the same (top Makefile, `srctree`).
package enum TreeLayout: UInt8, Sendable, CaseIterable {
    /// In one directory: `.`.
    case together = 0
    /// Apart (`O=`), the sources named by their absolute path.
    case apart = 1
    /// In a directory right below the sources, which are then `..`.
    case below = 2
    /// External modules (`M=`), against a kernel in one directory.
    case module = 3
    /// The same against a kernel that was built apart from its sources.
    case moduleApart = 4
    /// The same against a kernel that was built in a directory right below its sources.
    case moduleBelow = 5

    /// True for external modules, which are no kernel.
    package var isOfModules: Bool { rawValue >= TreeLayout.module.rawValue }
}
