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
}
