import KCacheCore
import KCacheTree

/// How a root's files go into a snapshot, and out of it again.
enum RootRules {
    /// An absolute link leads to a place in the root, so it is stored as one that starts at the root's own path: no link
    /// of a snapshot leads out of it.
    ///
    /// - Parameter links: the paths that are links; all else is stored as it is.
    static func make(links: Set<TreePath> = []) -> ContentRules {
        ContentRules(
            stored: { path, _, bytes in
                guard bytes.first == UInt8(ascii: "/"), links.contains(path) else { return .asTheyAre }
                return .relocatable(PathPlaceholder.token + Array(bytes))
            },
            restored: { _, bytes in
                guard bytes.starts(with: PathPlaceholder.token) else { return nil }
                return Array(bytes.dropFirst(PathPlaceholder.token.count))
            })
    }
}
