import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// A Kbuild tree as the doctor found it; read once, and changed by nothing.
struct TreeCondition: Sendable {
    let root: Directory
    /// With links resolved, as make's CURDIR has it.
    let path: FilePath
    let listing: TreeListing
    let tree: KbuildTree
    let classification: Classification
    /// Nil where there is no git.
    let tracked: Set<TreePath>?
    /// Why git could not tell.
    let gitProblem: String?
    /// What `.config` says now, and what the tree was built with.
    let wanted: AutoConf
    let built: AutoConf
    let partial: PartialPull?
    let commands: CmdIndex

    /// Nil for a directory that is no Kbuild tree.
    init?(_ root: Directory, listing: TreeListing, host: HostEnvironment) throws {
        (self.root, self.listing) = (root, listing)
        path = try root.realPath()
        guard
            let tree = try KbuildTree.recognize(
                root, listing: listing, environment: host.environment, runner: host.runner)
        else { return nil }
        self.tree = tree
        do {
            tracked = try GitTracking.tracked(
                in: root.base?.directory ?? root, environment: host.environment, runner: host.runner)
            gitProblem = nil
        } catch let error as KbuildError {
            (tracked, gitProblem) = (nil, error.message)
        }
        // What a pull left is known only where something is kept: a folder that can't be read tells nothing.
        var state: TreeState?
        do { state = try TreeState(existingIn: host.cacheFolder, root: root) } catch _ {}
        partial = try state?.partial(in: root)
        classification = try TreeClassifier(
            tree: tree, tracked: tracked, pulled: try state?.brought(in: listing) ?? []
        ).classify(listing, in: root)
        wanted = AutoConf(parsing: try KbuildTree.read(".config", root) ?? [])
        built = AutoConf(parsing: try KbuildTree.read("include/config/auto.conf", root) ?? [])
        commands = try CmdIndex(reading: root, listing: listing)
    }

    /// Some directory has been built: else make has everything to do anyway.
    var isBuilt: Bool {
        commands.records.contains { $0.target.hasSuffix("/built-in.a") || $0.target.hasSuffix("vmlinux") }
    }

    /// The value of a symbol in the configuration that make will use.
    func config(_ name: String) -> String { tree.hasConfiguration ? wanted[name] : built[name] }

    func has(_ path: String) -> Bool { TreePath(path).flatMap { listing.index(of: $0) } != nil }

    func text(_ path: String) throws -> String? {
        try KbuildTree.read(path, root).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Outputs with these last letters.
    func outputs(_ suffix: StaticString) -> Int {
        zip(listing.files, classification.classes).count { file, fileClass in
            guard case .output = fileClass else { return false }
            return file.path.hasSuffix(suffix)
        }
    }

    /// `all 2,849 objects`
    var allObjects: String {
        let count = outputs(".o")
        return count == 1 ? "the only object" : "all \(DoctorText.count(count, "object"))"
    }

    /// `, and 9 modules`; nothing where there are none.
    var andModules: String {
        let count = outputs(".ko")
        return count == 0 ? "" : ", and \(DoctorText.count(count, "module"))"
    }

    /// VERSION and PATCHLEVEL of the top Makefile; nil where it has none (other Kbuild projects).
    func version() throws -> (major: Int, minor: Int)? {
        var found: [String: Int] = [:]
        for line in (try text("Makefile") ?? "").split(separator: "\n").prefix(40) {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count == 3, words[1] == "=", let number = Int(words[2]) else { continue }
            if found[String(words[0])] == nil { found[String(words[0])] = number }
        }
        guard let major = found["VERSION"], let minor = found["PATCHLEVEL"] else { return nil }
        return (major, minor)
    }
}
