import KCacheCore

/// What a push left out, gathered for people.
enum LeftOutText {
    /// A line for each reason: up to three paths, then a count.
    static func lines(_ leftOut: [(path: TreePath, reason: String)]) -> [String] {
        let groups = Dictionary(grouping: leftOut, by: \.reason)
        return groups.keys.sorted().compactMap { reason in
            guard let members = groups[reason] else { return nil }
            let shown = members.prefix(3).map(\.path.description).joined(separator: ", ")
            let more = members.count > 3 ? " and \(members.count - 3) more" : ""
            return "\(shown)\(more) (\(reason))"
        }
    }
}
