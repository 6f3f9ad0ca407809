/// What a pack's chunks are for: who has the sources fetches no pack of sources.
package enum PackKind: UInt8, Sendable, CaseIterable {
    case sources = 0
    case outputs = 1
    /// Manifests of snapshots.
    case manifests = 2

    package var label: String {
        switch self {
        case .sources: "sources"
        case .outputs: "outputs"
        case .manifests: "manifests"
        }
    }
}
