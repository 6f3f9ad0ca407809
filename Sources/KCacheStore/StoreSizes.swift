import KCacheCore

/// What each object of a store takes, for gc's reckoning.
struct StoreSizes: Sendable {
    private(set) var total: UInt64 = 0
    /// By pack.
    private(set) var indexes: [Digest: UInt64] = [:]
    /// By snapshot: record, signatures and catalog entry.
    private(set) var records: [Digest: UInt64] = [:]

    init(_ objects: any ObjectReader) throws(StoreError) {
        for kind in ObjectKind.allCases {
            for info in try objects.list(kind) {
                total += info.size.value
                guard let digest = info.name.digest else { continue }
                switch kind {
                case .packs: break
                case .index: indexes[digest, default: 0] += info.size.value
                case .snapshots, .signatures, .catalog: records[digest, default: 0] += info.size.value
                }
            }
        }
    }

    /// For tests of the plan alone.
    init() {}
}
