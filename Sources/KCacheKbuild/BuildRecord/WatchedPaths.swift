import KCacheCore
import KCacheSystem
import SystemPackage

/// Files that a build looks at by their absolute path, or where nothing stands in the roots.
struct WatchedPaths {
    /// Sorted when the record is made.
    private(set) var paths: Set<[UInt8]> = []
    /// Those where a directory's own times count too.
    private(set) var folders: Set<[UInt8]> = []

    mutating func insert(_ path: [UInt8], evenFolder: Bool = false) {
        if evenFolder { folders.insert(path) }
        guard path.first == UInt8(ascii: "/"), !path.contains(0), path.count < 4096 else { return }
        let isMemory = path.starts(with: "/dev/shm/".utf8)
        for passing in ["/dev/", "/proc/", "/sys/"] where !isMemory && path.starts(with: passing.utf8) {
            return
        }
        paths.insert(path)
    }

    /// Takes the files that string settings name: firmware, keys, a table of the firmware's.
    ///
    /// - Throws: `RecordRefusal` for a setting that can't be accounted for.
    mutating func addSettings(_ config: AutoConf, roots: [BuildRoot]) throws(RecordRefusal) {
        for name in ["INITRAMFS_SOURCE", "BUILTIN_DTB_SOURCE"] {
            let value = config[name]
            if value != "n", !value.isEmpty {
                throw RecordRefusal("CONFIG_\(name) is set: its files are not watched")
            }
        }
        for name in ["MODULE_SIG_KEY", "SYSTEM_TRUSTED_KEYS"] where config[name].hasPrefix("pkcs11:") {
            throw RecordRefusal("CONFIG_\(name) is on a token, which can't be watched")
        }
        let firmware = config["EXTRA_FIRMWARE_DIR"]
        for word in Self.words(config["EXTRA_FIRMWARE"]) { add("\(firmware)/\(word)", roots) }
        for (_, value) in config.values where value.contains("/") || value.contains(".") {
            for word in Self.words(value) { add(word, roots) }
        }
    }

    /// Takes all that lies in a folder outside the roots to which a link of theirs leads; nothing for a link that
    /// leads to anything else.
    ///
    /// - Throws: `RecordRefusal` where something is built there, or that is too much.
    mutating func addFolder(behind link: [UInt8], roots: [BuildRoot]) throws {
        let place = FilePath(String(decoding: link, as: UTF8.self))
        guard try HostStatus.of(place, followingLinks: true)?.kind == .directory else { return }
        try addFolder(try Directory.open(place), link, roots, depth: 0)
    }

    private mutating func addFolder(_ folder: Directory, _ link: [UInt8], _ roots: [BuildRoot], depth: Int)
        throws
    {
        let path = Array(try folder.realPath().string.utf8)
        if roots.contains(where: { $0.holds(path) }) || paths.contains(path) { return }
        insert(path, evenFolder: true)
        for entry in try folder.entries() {
            let child = path + [UInt8(ascii: "/")] + entry.name
            guard depth < 16, paths.count < 50_000, TreePath(entry.name).map(CmdIndex.isCommandFile) == false
            else {
                throw RecordRefusal("\(quoteForPeople(link)) leads out of the tree to what is built there")
            }
            let place = FilePath(String(decoding: child, as: UTF8.self))
            if try HostStatus.of(place, followingLinks: true)?.kind == .directory {
                try addFolder(try Directory.open(place), link, roots, depth: depth + 1)
            }
            if entry.status.kind != .directory { insert(child) }
        }
    }

    private mutating func add(_ word: String, _ roots: [BuildRoot]) {
        if word.hasPrefix("/") {
            insert(Array(word.utf8))
        } else if let path = TreePath(word) {
            // As in include/config/…: relative to the output tree or to the source tree. Watched in both, there or not.
            for root in roots where path.depth > 1 { insert(root.path + [UInt8(ascii: "/")] + path.bytes) }
        }
    }

    private static func words(_ value: String) -> [String] { value.split(separator: " ").map(String.init) }

    /// Takes what git's part of the version depends on (scripts/setlocalversion): HEAD, the refs and tags.
    ///
    /// - Throws: `RecordRefusal` for another version control system.
    mutating func addVersionControl(_ root: BuildRoot, withIndex: Bool) throws {
        for name in [".hg", ".svn"] {
            if let path = TreePath(name), try root.directory.status(path) != nil {
                throw RecordRefusal("\(name) is here, whose state is not watched")
            }
        }
        let git = root.path + Array("/.git".utf8)
        guard let state = try GitFolder(below: root, withIndex: withIndex) else {
            insert(git)
            return
        }
        if let name = TreePath(".git"), try root.directory.status(name)?.kind == .file { insert(git) }
        for path in state.watched { insert(path, evenFolder: true) }
    }
}
