import KCacheCore
import KCacheSystem
package import KCacheTree
package import SystemPackage

/// Tells what `make` would make again in a tree.
package struct KbuildStatus: Sendable {
    package let host: HostEnvironment

    package init(host: HostEnvironment) { self.host = host }

    package struct Report: Sendable {
        package var tree: KbuildTree
        package var rebuild: RebuildReport
        package var outputs: Int
        /// No directory is built yet, so that make has everything to do; nothing is named then.
        package var neverBuilt = false
        /// A pull brought only a part of the outputs, and nothing has been made of it since.
        package var partial: PartialPull?
    }

    /// Looks, and changes nothing.
    ///
    /// - Throws: `KbuildError` for a directory that is no Kbuild tree, or has no `.config`.
    package func report(_ path: FilePath) throws -> Report { try report(TreePlace(output: path)) }

    package func report(_ place: TreePlace) throws -> Report {
        let root = try place.open()
        let path = place.output
        let listing = try TreeScanner().scan(root)
        guard
            let tree = try KbuildTree.recognize(
                root, listing: listing, environment: host.environment, runner: host.runner)
        else {
            throw KbuildError(.notKbuild, "\(path.string) is no Kbuild tree: go to a kernel tree")
        }
        guard tree.hasConfiguration else {
            throw KbuildError(.noConfig, "\(path.string) has no .config: configure it, or kcache pull")
        }
        var options = RebuildModel.Options()
        options.stampsArePinned = BuildPins.stampNames.allSatisfy { host.environment[$0]?.isEmpty == false }
        options.outside = try host.root?.view()
        let commands = listing.files.filter {
            $0.path.name.first == UInt8(ascii: ".") && $0.path.hasSuffix(".cmd")
        }
        let partial = Self.partial(root, host)
        let isBuilt = commands.contains {
            $0.path.hasSuffix("/.built-in.a.cmd") || $0.path.hasSuffix("/.built-in.o.cmd")
        }
        guard isBuilt else {
            return Report(
                tree: tree, rebuild: RebuildReport(), outputs: commands.count, neverBuilt: true,
                partial: partial)
        }
        try refuseOtherRoot(root)
        let report = try RebuildModel(reading: root, listing: listing, options: options).report()
        return Report(tree: tree, rebuild: report, outputs: commands.count, partial: partial)
    }

    /// The model knows what make sees; in another root kcache has it build everything anew.
    private func refuseOtherRoot(_ root: Directory) throws {
        let note = try RootNote.read(in: root)
        guard note?.root.digest != host.root?.digest else { return }
        guard let note else {
            throw KbuildError(
                .unfit,
                "this tree was not built in a root: kcache status without --root tells what make would do")
        }
        let name = quoteForPeople(Array(note.root.name.utf8))
        throw KbuildError(
            .unfit,
            note == .unknown
                ? "nobody knows with which tools this tree was built: kcache make builds everything anew"
                : "this tree was built in the root \(name): kcache status --root \(name)")
    }

    /// Without a cache folder that can be read, nothing is known of pulls.
    private static func partial(_ root: Directory, _ host: HostEnvironment) -> PartialPull? {
        do { return try TreeState(cache: host.cacheFolder, root: root).partial(in: root) } catch {
            return nil
        }
    }
}
