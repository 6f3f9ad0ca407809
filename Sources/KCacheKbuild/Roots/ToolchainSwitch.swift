import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Looks, before a make, whether another toolchain built what stands in the tree: the machine's own, or another root's.
///
/// Kbuild notices by the compiler's version text alone. Where the tools differ in anything, all outputs get a time that
/// is older than any source, so that make builds them anew.
struct ToolchainSwitch {
    let state: TreeState
    let root: Directory
    /// With the root that the make will run in, or none.
    let host: HostEnvironment

    init(_ place: TreePlace, host: HostEnvironment) throws {
        self.host = host
        root = try place.open()
        state = try TreeState(cache: host.cacheFolder, root: root)
    }

    /// - Returns: what to tell the person; nil if the outputs may stay as they are.
    func prepare() throws -> String? {
        let note: RootNote?
        // Without its word nobody knows what built the outputs.
        do { note = try state.rootNote() } catch is FormatError {
            note = RootNote(root: .init(digest: .zero, name: ""), toolchain: .zero)
        }
        guard note?.root.digest != host.root?.digest else { return nil }
        let lock = try state.lock(.exclusive) {}
        defer { lock.end() }
        let now = try tools(host)
        let before: Digest
        if let note {
            before = note.toolchain
        } else {
            var outside = host
            outside.root = nil
            before = try tools(outside)
        }
        var told: String?
        if now != before {
            let inspection = try TreeInspection(root, state: state, host: host)
            guard inspection.tree != nil else {
                throw KbuildError(
                    .unfit,
                    "\(root.path) was built with another toolchain than \(host.root?.title ?? "this machine")'s: "
                        + "make clean there first")
            }
            var count: UInt64 = 0
            for (file, role) in zip(inspection.listing.files, inspection.roles) where role == .output {
                try root.setModificationTime(file.path, FreshnessPlan.staleTime)
                count += 1
            }
            if count > 0 {
                let whose = note.map { "in the root \($0.root.name)" } ?? "outside of this root"
                told = "this tree was built \(whose), with another toolchain: make builds everything anew"
            }
        }
        try state.keep(host.root.map { RootNote(root: $0.reference, toolchain: now) })
        return told
    }

    private func tools(_ host: HostEnvironment) throws -> Digest {
        var environment = BuildEnvironment()
        environment.toolchain = try LocalToolchain(host: host).recorded(in: root)
        return environment.toolchainDigest
    }
}
