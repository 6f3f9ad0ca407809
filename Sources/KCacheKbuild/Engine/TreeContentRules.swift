import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// How the bytes of a Kbuild tree's files go into a snapshot, and out of it again.
enum TreeContentRules {
    /// - Parameter rootPath: the tree's own path, links resolved: it is what Kbuild writes into its files.
    static func make(rootPath: FilePath) -> ContentRules {
        let treePath = Array(rootPath.string.utf8)
        return ContentRules(
            stored: { path, role, bytes in
                if SecretContent.isPrivateKey(bytes), !SecretContent.isPublishedTestKey(path) {
                    return .leftOut("a private key")
                }
                guard role == .output, PathRelocation.isUsable(treePath),
                    ByteSearch.first(treePath, in: bytes) != nil,
                    let changed = PathRelocation.stored(Array(bytes), treePath: treePath)
                else { return .asTheyAre }
                return .relocatable(changed)
            },
            restored: { path, bytes in
                guard let changed = PathRelocation.restored(bytes, treePath: treePath) else {
                    throw TreeError(
                        .unusable, "\(path): the snapshot's copy can't be made to fit this path", path: path)
                }
                return changed
            })
    }
}
