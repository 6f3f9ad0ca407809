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
    /// The directory of external modules that are built against this kernel (`M=`): the tree is then that one.
    package var module: FilePath?

    package init(output: FilePath, source: FilePath? = nil, module: FilePath? = nil) {
        (self.output, self.source, self.module) = (output, source, module)
    }

    /// Where a make works.
    init(_ location: KbuildLocation) {
        let isApart = location.output != location.source
        self.init(
            output: location.output, source: isApart ? location.source : nil, module: location.module)
    }

    /// Finds the place that make would work in.
    ///
    /// - Parameters:
    ///   - directory: where make would be started: the sources, or the output directory that Kbuild made.
    ///   - words: of make's command line: `O=DIR`, `M=DIR`.
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
            return TreePlace(location)
        case .none(let reason):
            var asked = words
            if words.isEmpty, let value = relevant["KBUILD_OUTPUT"], !value.isEmpty {
                // Without it there would be a tree.
                let plain = MakeInvocation(arguments: [], environment: [:], workingDirectory: directory)
                if case .tree = KbuildLocation.find(plain) { asked = ["KBUILD_OUTPUT=\(value)"] }
            }
            if asked.isEmpty { return TreePlace(output: directory) }
            throw KbuildError(.notKbuild, "\(asked.joined(separator: " ")) means nothing here: \(reason)")
        }
    }

    /// Opens the tree.
    ///
    /// - Parameter create: makes the output directory where it is missing.
    package func open(create: Bool = false) throws(SystemError) -> Directory {
        if let module { return create ? try Directory.create(module) : try Directory.open(module) }
        let directory = create ? try Directory.create(output) : try Directory.open(output)
        guard let source else { return directory }
        let base = try Directory.open(source)
        return try directory.over(
            DirectoryBase(base, only: Self.madeEachTime) { paths throws(SystemError) in
                try Self.otherOutputs(in: base, paths: paths)
            })
    }

    /// The kernel of external modules; nil where the tree is no such.
    ///
    /// - Throws: `KbuildError` where none can be built against it.
    func kernel(_ host: HostEnvironment) throws -> ModuleKernel? {
        guard let module else { return nil }
        if host.root != nil {
            throw KbuildError(.unfit, "external modules (M=) can't be carried with --root yet")
        }
        return try ModuleKernel(self, modules: module, host: host)
    }

    /// What Kbuild writes into an output directory by every make (`outputmakefile` in the top Makefile): no part of
    /// the build. Sources of the first two names are.
    static let madeEachTime = Set(["Makefile", ".gitignore", "source"].compactMap { TreePath($0) })

    /// Output directories of other builds among the sources: those with Kbuild's link to their sources or a configuration
    /// in them. Whose they are does not matter, so that one that a container has made, with the sources at another path, is
    /// known too.
    private static func otherOutputs(in source: Directory, paths: [TreePath]) throws(SystemError)
        -> Set<TreePath>
    {
        var found: Set<TreePath> = []
        for path in paths
        where path.name.elementsEqual("source".utf8) || path.name.elementsEqual(".config".utf8) {
            if let folder = path.parent, try isOutputDirectory(folder, in: source) { found.insert(folder) }
        }
        return found
    }

    /// What other builds made among the sources, as those of external modules do: files with a saved command beside them.
    /// Make may read them as sources, but their times are those builds'.
    static func othersOutputs(_ listing: TreeListing) -> Set<TreePath> {
        var found: Set<TreePath> = []
        for file in listing.files where file.isInBase {
            guard let target = CommandEvidence.target(of: file.path.name) else { continue }
            found.insert(file.path)
            if let made = TreePath(file.path.bytes[..<file.path.nameStart] + target) { found.insert(made) }
        }
        return found
    }

    /// True if Kbuild wrote a Makefile there that leads to sources, or a configuration was built there.
    private static func isOutputDirectory(_ folder: TreePath, in source: Directory) throws(SystemError)
        -> Bool
    {
        func place(_ name: String) -> TreePath? { folder.appending(entry: Array(name.utf8)) }
        if let makefile = place("Makefile"), try source.status(makefile)?.kind == .file,
            let text = try source.readFile(makefile, limit: 1 << 20), KbuildLocation.includedTree(text) != nil
        {
            return true
        }
        return try place("include/config/auto.conf").map { path throws(SystemError) in
            try source.status(path) != nil
        } ?? false
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

    /// The sources that the saved commands of an output directory name by their path, where those are not its own: make
    /// would build everything anew.
    static func otherSources(of root: Directory) throws(SystemError) -> FilePath? {
        guard let base = root.base?.directory,
            let text = try KbuildTree.read("scripts/basic/.fixdep.cmd", root),
            let named = Self.source(in: text)
        else { return nil }
        let place = named.removingLastComponent().removingLastComponent().removingLastComponent()
        if let own = FileIdentity(try base.realPath()), FileIdentity(place) == own { return nil }
        return place
    }

    private static func source(in text: [UInt8]) -> FilePath? {
        do throws(CmdFileError) {
            let path = FilePath(String(decoding: try CmdFile(parsing: text).source, as: UTF8.self))
            return path.isAbsolute ? path : nil
        } catch _ { return nil }
    }

    /// Why Kbuild would not build apart from these sources, or nobody could tell which file it takes; nil if all is
    /// well.
    static func obstacle(_ tree: Classification, architecture: String, source: FilePath) -> String? {
        let listing = tree.listing
        let generated = Array("arch/\(architecture)/include/generated/".utf8)
        let unclean = listing.files.contains { file in
            file.isInBase
                && (file.path.bytes.elementsEqual(".config".utf8) || file.path.hasPrefix("include/config/")
                    || file.path.bytes.starts(with: generated))
        }
        // What no build reads may well be in both: lists of tags, an editor's files.
        let doubled = listing.doubled.filter { path in
            guard case .leftOut(let reason)? = tree[path] else { return true }
            return reason == .secret
        }
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
