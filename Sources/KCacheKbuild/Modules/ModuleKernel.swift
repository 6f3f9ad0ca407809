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
    private let resolver: PathResolver

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
        addsTypes = AutoConf(parsing: configuration)["DEBUG_INFO_BTF_MODULES"] == "y"
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
        resolver = PathResolver(
            root: Array(output.string.utf8), source: source.map { Array($0.string.utf8) })
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
        "\(place) has no modules to build (neither Kbuild nor Makefile): name their directory with M="
    }

    /// The file of this name: the kernel's where it is relative or lies in one of its directories, else one elsewhere.
    func file(_ name: some Collection<UInt8>) -> OutsideFile? {
        if let path = resolver.resolve(name) { return .kernel(path) }
        guard name.first == UInt8(ascii: "/"), !name.contains(0) else { return nil }
        let own = Array("\(module.string)/".utf8)
        if name.starts(with: own) {
            // `$(src)/../common/x.h`: it moves with the modules.
            var parts: [ArraySlice<UInt8>] = []
            for part in Array(name.dropFirst(own.count)).split(separator: UInt8(ascii: "/")) {
                if part.elementsEqual(".".utf8) { continue }
                if part.elementsEqual("..".utf8), let last = parts.last, !last.elementsEqual("..".utf8) {
                    parts.removeLast()
                } else {
                    parts.append(part)
                }
            }
            return .beside(Array(parts.joined(separator: [UInt8(ascii: "/")])))
        }
        return .elsewhere(Array(name))
    }

    /// Where the file may stand; the first that does counts, as for make (VPATH in Kbuild's top Makefile).
    func places(of file: OutsideFile) -> [FilePath] {
        switch file {
        case .kernel(let path):
            // Kbuild writes some files into an output directory that are none of the build.
            let roots = TreePlace.madeEachTime.contains(path) ? [makefiles] : [output, source]
            return roots.compactMap { $0?.appending(String(decoding: path.bytes, as: UTF8.self)) }
        case .beside(let path): return [module.appending(String(decoding: path, as: UTF8.self))]
        case .elsewhere(let path): return [FilePath(String(decoding: path, as: UTF8.self))]
        }
    }

    /// A directory of a compiler's search path: relative ones start where make runs.
    func folder(_ name: some Collection<UInt8>) -> [UInt8] {
        if name.first == UInt8(ascii: "/") { return Array(name) }
        return Array("\(output.string)/".utf8) + name
    }
}

/// A file that a module is made from and that lies outside of its directory.
enum OutsideFile: Hashable, Sendable, CustomStringConvertible {
    /// By its path in the kernel, whose sources and outputs are one tree.
    case kernel(TreePath)
    /// By its path from the modules' directory, out of which it leads.
    case beside([UInt8])
    /// By its absolute path.
    case elsewhere([UInt8])

    var description: String {
        switch self {
        case .kernel(let path): "\(path)"
        case .beside(let path), .elsewhere(let path): quoteForPeople(path)
        }
    }
}
