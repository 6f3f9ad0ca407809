import KCacheCore
import KCacheSystem
import KCacheTree

/// How the bytes of a Kbuild tree's files go into a snapshot, and out of it again.
enum TreeContentRules {
    /// - Parameter paths: the tree's own, links resolved: these are what Kbuild writes into its files.
    static func make(_ paths: TreePaths) -> ContentRules {
        ContentRules(
            stored: { path, role, bytes in
                if SecretContent.isPrivateKey(bytes), !SecretContent.isPublishedTestKey(path) {
                    return .leftOut("a private key")
                }
                guard role == .output, !paths.areAbsent(from: bytes) else { return .asTheyAre }
                let copy = Array(bytes)
                if PathInCode.holds(path, copy, paths) { return .leftOut(PathInCode.reason) }
                let changed = ElfPathRelocation.stored(copy, paths) ?? PathRelocation.stored(copy, paths)
                return changed.map { .relocatable($0) } ?? .asTheyAre
            },
            restored: { _, bytes in
                ElfPathRelocation.restored(bytes, paths) ?? PathRelocation.restored(bytes, paths)
            })
    }
}
