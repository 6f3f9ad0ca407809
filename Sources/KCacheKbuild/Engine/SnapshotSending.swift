package import KCacheCore
package import KCacheStore
package import KCacheTree

/// Sends a snapshot of the local store to another one.
package struct SnapshotSending: Sendable {
    package let source: Store
    package let target: Store

    package init(from source: Store, to target: Store) { (self.source, self.target) = (source, target) }

    /// Of the content, what the other store lacks. May be repeated.
    package func send(
        _ id: SnapshotID, progress: @escaping ProgressSink, waiting: @escaping @Sendable (String) -> Void
    ) throws -> SnapshotTransfer.Summary {
        // In most cases nothing is new, and then no index has to be read.
        if try target.holds(id), try source.signatures(id).map({ try target.signatures(id) == $0 }) ?? true {
            return SnapshotTransfer.Summary(alreadyThere: true)
        }
        let from = try source.begin { [source] in waiting("waiting for a kcache gc of \(source.place)") }
        let to = try target.begin { [target] in waiting("waiting for a kcache gc of \(target.place)") }
        var options = SnapshotTransfer.Options()
        options.started = { progress(.started(phase: .sending, total: $0)) }
        options.advanced = { progress(.advanced(phase: .sending, by: $0)) }
        defer { progress(.finished(phase: .sending)) }
        return try SnapshotTransfer(from: from, to: to, options: options).copy(id)
    }
}
