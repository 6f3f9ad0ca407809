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
                    ByteSearch.first(treePath, in: bytes) != nil
                else { return .asTheyAre }
                let copy = Array(bytes)
                let changed =
                    ElfPathRelocation.stored(copy, treePath: treePath)
                    ?? PathRelocation.stored(copy, treePath: treePath)
                return changed.map { .relocatable($0) } ?? .asTheyAre
            },
            restored: { _, bytes in
                ElfPathRelocation.restored(bytes, treePath: treePath)
                    ?? PathRelocation.restored(bytes, treePath: treePath)
            })
    }
}
