package import KCacheCore
package import KCacheTree

/// What each path of a listing is.
package struct Classification: Sendable {
    package let listing: TreeListing
    /// In the order of `listing.files`.
    package let classes: [FileClass]
    /// The program that a build ends in.
    package let program: TreePath
    /// CONFIG_DEBUG_INFO_BTF_MODULES: pahole writes into each module after its command was saved, and again after each link
    /// of vmlinux (scripts/Makefile.modfinal).
    package let addsTypes: Bool

    package init(
        listing: TreeListing, classes: [FileClass], program: TreePath = LinkedProgram.kernel,
        addsTypes: Bool = false
    ) {
        (self.listing, self.classes, self.program) = (listing, classes, program)
        self.addsTypes = addsTypes
    }

    package subscript(path: TreePath) -> FileClass? { listing.index(of: path).map { classes[$0] } }

    package var counts: Counts {
        var counts = Counts()
        for one in classes {
            switch one {
            case .source: counts.sources += 1
            case .output: counts.outputs += 1
            case .configuration: counts.configurations += 1
            case .leftOut: counts.leftOut += 1
            }
        }
        return counts
    }

    package struct Counts: Hashable, Sendable {
        package var sources = 0
        package var outputs = 0
        package var configurations = 0
        package var leftOut = 0
    }
}
