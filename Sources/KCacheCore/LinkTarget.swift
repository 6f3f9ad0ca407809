/// The rule for symbolic links in a snapshot.
package enum LinkTarget {
    /// Tells whether a link at `path` with this target stays inside the tree, whatever other links stand there.
    ///
    /// A target may climb with leading `..` components, at most to the root, and may not climb again later:
    /// then no chain of such links can leave the tree either, since a link's own directory is never a link.
    /// With `relocatable` the target starts at the tree's own path, or at that of its sources (`PathPlaceholder`).
    package static func staysInside(_ target: [UInt8], from path: TreePath, relocatable: Bool = false) -> Bool
    {
        var rest = target[...]
        var climbable = path.depth - 1
        if relocatable {
            let token = [PathPlaceholder.token, PathPlaceholder.sourceToken].first { rest.starts(with: $0) }
            guard let token else { return false }
            rest = rest.dropFirst(token.count)
            guard rest.isEmpty || rest.first == slash else { return false }
            rest = rest.drop { $0 == slash }
            climbable = 0
        } else {
            guard !rest.isEmpty else { return false }
        }
        guard rest.first != slash, !rest.contains(0), target.count <= TreePath.longest else { return false }
        var descended = false
        for component in rest.split(separator: slash) {
            if component.elementsEqual([dot, dot]) {
                guard !descended, climbable > 0 else { return false }
                climbable -= 1
            } else if !component.elementsEqual([dot]) {
                descended = true
            }
        }
        return true
    }
}
