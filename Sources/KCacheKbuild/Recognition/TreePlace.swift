package import KCacheCore
package import KCacheSystem
import KCacheTree
package import SystemPackage

/// Where a Kbuild tree lies: in one directory, or its outputs apart from its sources (`O=`, `KBUILD_OUTPUT`).
///
/// Apart, both are one tree to all that follows, as they are to make: what the output directory does not have is
/// found among the sources (VPATH in Kbuild's top Makefile).
package struct TreePlace: Hashable, Sendable {
    package var output: FilePath
    /// Nil for a tree in one directory.
    package var source: FilePath?

    package init(output: FilePath, source: FilePath? = nil) { (self.output, self.source) = (output, source) }

    /// Finds the place that make would work in.
    ///
    /// - Parameters:
    ///   - directory: where make would be started: the sources, or the output directory that Kbuild made.
    ///   - words: of make's command line: `O=DIR`.
    ///   - environment: `KBUILD_OUTPUT` counts.
    /// - Throws: `KbuildError` where `O=` is given and there is no kernel to build with it.
    package static func find(
        _ directory: FilePath, words: [String] = [], environment: [String: String]
    ) throws(KbuildError) -> TreePlace {
        // Nothing else of a make's surroundings chooses the place, and a make around this one has its own.
        let relevant = environment.filter { $0.key == "KBUILD_OUTPUT" }
        let invocation = MakeInvocation(
            arguments: words, environment: relevant, workingDirectory: directory)
        switch KbuildLocation.find(invocation) {
        case .tree(let location):
            return TreePlace(
                output: location.output, source: location.output == location.source ? nil : location.source)
        case .none(let reason):
            if words.isEmpty { return TreePlace(output: directory) }
            throw KbuildError(.notKbuild, "\(words.joined(separator: " ")) means nothing here: \(reason)")
        }
    }

    /// Opens the tree.
    ///
    /// - Parameter create: makes the output directory where it is missing.
    package func open(create: Bool = false) throws(SystemError) -> Directory {
        let directory = create ? try Directory.create(output) : try Directory.open(output)
        guard let source else { return directory }
        let base = try Directory.open(source)
        let path = try base.realPath()
        return try directory.over(
            DirectoryBase(base, only: Self.madeEachTime) { Self.otherOutputs(of: path, links: $0) })
    }

    /// What Kbuild writes into an output directory by every make (`outputmakefile` in the top Makefile): no part of
    /// the build. Sources of the first two names are.
    private static let madeEachTime = Set(["Makefile", ".gitignore", "source"].compactMap { TreePath($0) })

    /// Output directories of other builds among the sources: those with Kbuild's link to the sources in them.
    private static func otherOutputs(of source: FilePath, links: [TreePath]) -> Set<TreePath> {
        guard let own = FileIdentity(source) else { return [] }
        return Set(
            links.filter { $0.name.elementsEqual("source".utf8) }.compactMap { link -> TreePath? in
                let text = String(decoding: link.bytes, as: UTF8.self)
                guard FileIdentity(source.appending(text)) == own else { return nil }
                return link.parent
            })
    }

    /// How command lines name the sources.
    ///
    /// - Parameter root: the opened tree.
    /// - Parameter environment: with `KBUILD_ABS_SRCTREE` Kbuild always takes the absolute path.
    package static func layout(of root: Directory, environment: [String: String]) throws(SystemError)
        -> TreeLayout
    {
        guard let base = root.base else { return .together }
        if environment["KBUILD_ABS_SRCTREE"]?.isEmpty == false { return .apart }
        return try root.realPath().removingLastComponent() == base.directory.realPath() ? .below : .apart
    }

    /// The same for a tree that is built: its saved commands tell.
    package static func recordedLayout(of root: Directory, environment: [String: String]) throws(SystemError)
        -> TreeLayout
    {
        let layout = try layout(of: root, environment: environment)
        guard layout != .together, let text = try KbuildTree.read("scripts/basic/.fixdep.cmd", root) else {
            return layout
        }
        // `source_scripts/basic/fixdep := ../scripts/basic/fixdep.c`
        let isRelative = ByteSearch.contains(text[...], Array(" ../scripts/basic/fixdep.c".utf8))
        return isRelative ? .below : .apart
    }

    /// Why Kbuild would not build apart from these sources, or nobody could tell which file it takes; nil if all is
    /// well.
    static func obstacle(_ listing: TreeListing, architecture: String, source: FilePath) -> String? {
        let generated = Array("arch/\(architecture)/include/generated/".utf8)
        let unclean = listing.files.contains { file in
            file.isInBase
                && (file.path.bytes.elementsEqual(".config".utf8) || file.path.hasPrefix("include/config/")
                    || file.path.bytes.starts(with: generated))
        }
        let doubled = listing.doubled
        if unclean || doubled.contains(where: { $0.bytes.elementsEqual(".config".utf8) }) {
            return
                "the source tree \(source.string) is not clean, and Kbuild refuses to build elsewhere from it: run "
                + "make mrproper there"
        }
        guard let first = doubled.first else { return nil }
        let more = doubled.count > 1 ? " (and \(doubled.count - 1) more)" : ""
        return
            "\(first)\(more) stands both in \(source.string) and in the output directory: make takes one, a compiler "
            + "perhaps the other; run make mrproper among the sources, or remove one of the two"
    }
}
