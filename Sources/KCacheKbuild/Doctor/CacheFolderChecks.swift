import KCacheCore
import KCacheSystem
import SystemPackage

/// Checks the user's cache folder, which also holds the local store.
enum CacheFolderChecks {
    /// - Parameter tree: a tree whose content may stand in it.
    static func findings(_ cache: FilePath, tree: TreeCondition?, user: UInt32) throws -> [DoctorFinding] {
        guard let status = try HostStatus.of(cache, followingLinks: true) else {
            return try parent(of: cache)
        }
        let shown = DoctorText.shell(cache.string)
        if status.owner != user {
            return [
                DoctorFinding(
                    .cacheForeign, "the cache folder \(cache.string) is another user's",
                    cost:
                        "who owns it decides what is taken as fresh: that user can put code into your kernel",
                    mend: "sudo chown -R \"$(id -un)\" \(shown)")
            ]
        }
        if status.permissions & 0o002 != 0 {
            return [
                DoctorFinding(
                    .cacheForeign, "every user can write to the cache folder \(cache.string)",
                    cost:
                        "who writes there decides what is taken as fresh: others can put code into your kernel",
                    mend: "chmod -R go-w \(shown)")
            ]
        }
        let folder: Directory
        do throws(SystemError) { folder = try Directory.open(cache) } catch { return [readOnly(cache)] }
        guard folder.mayWrite(nil), try !FilesystemRoom.of(folder).isReadOnly else {
            return [readOnly(cache)]
        }
        return readable(cache, status, tree)
    }

    private static func readOnly(_ cache: FilePath) -> DoctorFinding {
        DoctorFinding(
            .cacheReadOnly, "the cache folder \(cache.string) can't be written",
            cost:
                "nothing is remembered: kcache push and pull read every file, kcache make asks compilers and walks "
                + "the whole tree each time",
            mend: "chmod u+rwx \(DoctorText.shell(cache.string)), or export XDG_CACHE_HOME=DIR")
    }

    /// One that is missing comes with the first push or make, where it can be made.
    private static func parent(of cache: FilePath) throws -> [DoctorFinding] {
        var current = cache
        while current.removeLastComponent() {
            guard let status = try HostStatus.of(current, followingLinks: true) else { continue }
            if status.kind == .directory {
                let folder = try Directory.open(current)
                if folder.mayWrite(nil), try !FilesystemRoom.of(folder).isReadOnly { return [] }
            }
            return [readOnly(cache)]
        }
        return []
    }

    /// A copy of a tree that is for its owner alone.
    private static func readable(_ cache: FilePath, _ status: FileStatus, _ tree: TreeCondition?)
        -> [DoctorFinding]
    {
        guard let tree, status.permissions & 0o004 != 0, HostAccess.isReachableByOthers(cache),
            !HostAccess.isReachableByOthers(tree.path)
        else { return [] }
        return [
            DoctorFinding(
                .cacheReadable, "other users can read \(cache.string), and not the tree \(tree.path.string)",
                cost: "sources and outputs that are pushed can be read there by everybody",
                mend: "chmod go-rwx \(DoctorText.shell(cache.string))")
        ]
    }
}
