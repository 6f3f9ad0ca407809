import KCacheCore
package import KCacheSystem
package import KCacheTree
import SystemPackage

/// A directory that Kbuild builds in, and what its own records tell of it.
package struct KbuildTree: Hashable, Sendable {
    /// Kbuild's SRCARCH: the folder under arch/. Empty where nothing tells it.
    package var architecture: String
    /// `include/config/kernel.release`; empty before the first build.
    package var kernelRelease: String
    package var hasConfiguration: Bool

    package init(architecture: String, kernelRelease: String = "", hasConfiguration: Bool = true) {
        self.architecture = architecture
        self.kernelRelease = kernelRelease
        self.hasConfiguration = hasConfiguration
    }

    /// Looks at a tree; nil if it is not one of Kbuild's.
    ///
    /// What makes it one: Kbuild's engine in `scripts/` (`Kbuild.include`, `Makefile.build`) and a top Makefile
    /// that uses it.
    /// - Parameter environment: `ARCH` counts where the tree has no record of its own.
    package static func recognize(
        _ directory: Directory, listing: TreeListing, environment: [String: String], runner: ProcessRunner
    ) throws(SystemError) -> KbuildTree? {
        for name in ["Makefile", "scripts/Kbuild.include", "scripts/Makefile.build"] {
            guard let path = TreePath(name), listing.index(of: path) != nil else { return nil }
        }
        guard let makefile = try read("Makefile", directory), contains(makefile, "Kbuild.include") else {
            return nil
        }
        var recorded = try SourceArchitecture.recorded(in: directory, listing: listing)
        if recorded?.isEmpty == true, environment["ARCH"]?.isEmpty == false { recorded = nil }
        let release = try read("include/config/kernel.release", directory) ?? []
        return KbuildTree(
            architecture: recorded ?? SourceArchitecture.ofHost(environment: environment, runner: runner),
            kernelRelease: String(decoding: release.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self),
            hasConfiguration: TreePath(".config").flatMap { listing.index(of: $0) } != nil)
    }

    static func read(_ name: String, _ directory: Directory) throws(SystemError) -> [UInt8]? {
        guard let path = TreePath(name) else { return nil }
        do throws(SystemError) { return try directory.readFile(path, limit: 4 << 20) } catch {
            // Not a plain file: as good as none.
            if [.tooManySymbolicLinkLevels, .isDirectory, .notDirectory, .fileTooLarge].contains(error.errno)
            {
                return nil
            }
            throw error
        }
    }

    private static func contains(_ bytes: [UInt8], _ text: String) -> Bool {
        bytes.split(separator: UInt8(ascii: "\n")).contains { line in
            String(decoding: line, as: UTF8.self).contains(text)
        }
    }
}
