import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// The kernel that external modules (`M=`) are built against: a built or prepared tree, or a package of headers.
struct ModuleKernel: Sendable {
    /// The modules' own directory.
    let module: FilePath
    /// What is built of it; links resolved, as Kbuild writes it into its files.
    let output: FilePath
    /// Its sources, where they lie apart.
    let source: FilePath?
    let architecture: String
    let release: String
    /// How saved commands of its modules name its files.
    let layout: TreeLayout

    /// CONFIG_DEBUG_INFO_BTF_MODULES: pahole writes into a module after its saved command is.
    let addsTypes: Bool

    /// - Parameters:
    ///   - place: of the kernel.
    ///   - module: the modules' own directory.
    /// - Throws: `KbuildError` where no module can be built against it, or the modules are its own.
    init(_ place: TreePlace, modules module: FilePath, host: HostEnvironment) throws {
        guard
            let configuration = HostFile.read(
                place.output.appending("include/config/auto.conf"), limit: 4 << 20)
        else {
            throw KbuildError(
                .notBuilt,
                "\(place.output) is not prepared for modules (no include/config/auto.conf): build that kernel, or run "
                    + "make modules_prepare there")
        }
        let home = try Directory.open(module).realPath()
        let output = try Directory.open(place.output).realPath()
        let source = try place.source.map { path throws(SystemError) in try Directory.open(path).realPath() }
        if let own = [output, source].compactMap({ $0 }).first(where: { home.starts(with: $0) }) {
            throw KbuildError(
                .unfit,
                "\(home) lies in the kernel \(own): what is built there belongs to it; push and pull that, without M="
            )
        }
        (self.module, self.output, self.source) = (home, output, source)
        // Headers have no vmlinux, and then there are none to add.
        addsTypes =
            AutoConf(parsing: configuration)["DEBUG_INFO_BTF_MODULES"] == "y"
            && FileIdentity(output.appending("vmlinux")) != nil
        let arch = SourceArchitecture.fromHeader(configuration).map { SourceArchitecture.folder(of: $0) }
        architecture = arch ?? SourceArchitecture.ofHost(environment: host.environment, runner: host.runner)
        let name = HostFile.read(output.appending("include/config/kernel.release"), limit: 4096) ?? []
        release = String(decoding: name.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        if source == nil {
            layout = .module
        } else if host.environment["KBUILD_ABS_SRCTREE"] ?? "" == "", output.removingLastComponent() == source
        {
            layout = .moduleBelow
        } else {
            layout = .moduleApart
        }
    }

    /// The directory with its makefiles.
    var makefiles: FilePath { source ?? output }

    /// What a module's directory is as a tree; nil where Kbuild finds no makefile in it.
    func tree(_ listing: TreeListing) -> KbuildTree? {
        guard
            ["Kbuild", "Makefile"].contains(where: { TreePath($0).flatMap { listing.index(of: $0) } != nil })
        else { return nil }
        return KbuildTree(architecture: architecture, kernelRelease: release)
    }

    /// What is said of a directory without a makefile.
    static func noModules(in place: String) -> String {
        "there are no modules in \(place) (neither Kbuild nor Makefile): M= has to name the directory of their sources"
    }

    /// The file, for people.
    func name(of file: OutsideFile) -> String {
        switch file {
        case .kernel(let path): "\(path) of the kernel in \(output)"
        case .beside(let path), .elsewhere(let path): quoteForPeople(path)
        }
    }

    /// What a name in a saved command of the modules stands for; nil for none.
    ///
    /// - Parameter isMadeElsewhere: see `CmdIndex.Record`.
    func named(_ name: some Collection<UInt8>, isMadeElsewhere: Bool) -> ModuleFile? {
        guard !name.isEmpty, !name.contains(0) else { return nil }
        let full = full(name, isMadeElsewhere: isMadeElsewhere)
        let path = Self.normal(full)
        func below(_ place: FilePath) -> TreePath? {
            let prefix = Array("\(place.string)/".utf8)
            return path.starts(with: prefix) ? TreePath(Array(path.dropFirst(prefix.count))) : nil
        }
        if let place = below(module) { return .own(place) }
        // One of these may lie in the other.
        for place in [output, source].compactMap({ $0 }).sorted(by: { $0.string.count > $1.string.count }) {
            if let file = below(place) { return .outside(.kernel(file)) }
        }
        if full != path, let real = FileIdentity(FilePath(String(decoding: full, as: UTF8.self))),
            real != FileIdentity(FilePath(String(decoding: path, as: UTF8.self)))
        {
            // A link stands before `..`: only the system knows where that leads.
            return .outside(.elsewhere(full))
        }
        // `$(src)/../common/x.h` moves with the modules.
        let isOwn = full.starts(with: "\(module.string)/".utf8)
        return .outside(isOwn ? .beside(way(to: path)) : .elsewhere(path))
    }

    /// From the modules' directory.
    private func way(to path: [UInt8]) -> [UInt8] {
        let slash = UInt8(ascii: "/")
        var (from, to) = (
            Array(module.string.utf8).split(separator: slash)[...], path.split(separator: slash)[...]
        )
        while let a = from.first, let b = to.first, a.elementsEqual(b) {
            (from, to) = (from.dropFirst(), to.dropFirst())
        }
        let up = ArraySlice("..".utf8)
        return Array((from.map { _ in up } + to).joined(separator: [slash]))
    }

    /// The absolute path that a name stands for.
    func path(of name: some Collection<UInt8>, isMadeElsewhere: Bool) -> [UInt8] {
        Self.normal(full(name, isMadeElsewhere: isMadeElsewhere))
    }

    private func full(_ name: some Collection<UInt8>, isMadeElsewhere: Bool) -> [UInt8] {
        if name.first == UInt8(ascii: "/") { return Array(name) }
        return Array("\((isMadeElsewhere ? output : module).string)/".utf8) + name
    }

    /// An absolute path without `.`, `..` and empty components.
    private static func normal(_ path: [UInt8]) -> [UInt8] {
        var parts: [ArraySlice<UInt8>] = []
        for part in path.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.flatMap { [UInt8(ascii: "/")] + $0 }
    }

    /// Where the file may stand; the first that does counts, as for make (VPATH in Kbuild's top Makefile).
    func places(of file: OutsideFile) -> [FilePath] {
        switch file {
        case .kernel(let path):
            // Kbuild writes some files into an output directory that are none of the build.
            let roots = TreePlace.madeEachTime.contains(path) ? [makefiles] : [output, source]
            return roots.compactMap { $0?.appending(String(decoding: path.bytes, as: UTF8.self)) }
        case .beside(let path):
            return [module.appending(String(decoding: path, as: UTF8.self)).lexicallyNormalized()]
        case .elsewhere(let path): return [FilePath(String(decoding: path, as: UTF8.self))]
        }
    }
}

/// What a saved command of external modules names.
enum ModuleFile: Hashable, Sendable {
    case own(TreePath)
    case outside(OutsideFile)
}

/// A file that a module is made from and that lies outside of its directory.
enum OutsideFile: Hashable, Sendable {
    /// By its path in the kernel, whose sources and outputs are one tree.
    case kernel(TreePath)
    /// By its path from the modules' directory, out of which it leads.
    case beside([UInt8])
    /// By its absolute path.
    case elsewhere([UInt8])
}
