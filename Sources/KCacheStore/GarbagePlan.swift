import KCacheCore

/// What gc will forget, drop and rewrite: a pure value over the index and what the snapshots reach.
struct GarbagePlan: Sendable {
    /// Least recently used first.
    private(set) var forgotten: [CatalogEntry] = []
    /// Places in `ChunkIndex.packs`.
    private(set) var dropped: [Int] = []
    private(set) var rewritten: [Int] = []
    /// The copies to keep of the live chunks, as places in `ChunkIndex.entries`, by pack.
    private(set) var keptEntries: [[Int]]
    /// Live chunks in dropped or rewritten packs whose kept copy is elsewhere: to be read there before the
    /// pack goes.
    private(set) var coveredElsewhere: [Int: [Int]] = [:]
    /// What the store will take; for rewritten packs an estimate.
    private(set) var bytes: UInt64 = 0
    /// True if the last snapshot alone is larger than wished.
    private(set) var exceeds = false

    private let index: ChunkIndex
    private let repackBelow: Double
    private let sizes: StoreSizes

    /// `otherBytes` is what stays in any case.
    init(
        _ index: ChunkIndex, _ reaches: [SnapshotReach], maxSize: ByteCount?, sizes: StoreSizes,
        otherBytes: UInt64, repackBelow: Double
    ) {
        (self.index, self.repackBelow, self.sizes) = (index, repackBelow, sizes)
        keptEntries = Array(repeating: [], count: index.packs.count)
        var users = [UInt32](repeating: 0, count: index.entries.count)
        for reach in reaches { for place in reach.places { users[place] += 1 } }
        var fixed = reaches.reduce(otherBytes) { $0 + sizes.records[$1.entry.id.digest, default: 0] }
        choose(users, fixed)
        guard let maxSize else { return }
        var queue = reaches.sorted {
            ($0.entry.lastUsedNanoseconds, $0.entry.id) < ($1.entry.lastUsedNanoseconds, $1.entry.id)
        }[...]
        while bytes > maxSize.value {
            guard queue.count > 1, let oldest = queue.popFirst() else {
                exceeds = true
                break
            }
            forgotten.append(oldest.entry)
            for place in oldest.places { users[place] -= 1 }
            fixed -= min(fixed, sizes.records[oldest.entry.id.digest, default: 0])
            choose(users, fixed)
        }
    }

    /// Decides over the packs, given how many snapshots use each chunk.
    private mutating func choose(_ users: [UInt32], _ fixed: UInt64) {
        dropped = []
        rewritten = []
        coveredElsewhere = [:]
        bytes = fixed
        keptEntries = Array(repeating: [], count: index.packs.count)
        assignCopies(users)
        for (number, pack) in index.packs.enumerated() {
            let live = keptEntries[number].reduce(UInt64(0)) { $0 + UInt64(index.entries[$1].length) }
            let size = pack.size + sizes.indexes[pack.digest, default: 0]
            if live == 0 {
                dropped.append(number)
            } else if Double(live) < repackBelow * Double(pack.rawBytes) {
                rewritten.append(number)
                bytes += UInt64(Double(size) * Double(live) / Double(max(1, pack.rawBytes)))
            } else {
                bytes += size
                continue
            }
            let kept = Set(keptEntries[number])
            let elsewhere = pack.entries.filter { place in
                guard !kept.contains(place), let head = index.first(index.entries[place].digest) else {
                    return false
                }
                return users[head] > 0
            }
            if !elsewhere.isEmpty { coveredElsewhere[number] = elsewhere }
        }
    }

    /// Gives each live chunk to one of the packs that have it, preferring packs with the most live bytes, so
    /// that the others can go.
    private mutating func assignCopies(_ users: [UInt32]) {
        var potential = [UInt64](repeating: 0, count: index.packs.count)
        var copied: [Int] = []
        for head in index.entries.indices where users[head] > 0 {
            if index.copy(after: head) == nil {
                keptEntries[packNumber(head)].append(head)
            } else {
                copied.append(head)
            }
            var place: Int? = head
            while let p = place {
                potential[packNumber(p)] += UInt64(index.entries[p].length)
                place = index.copy(after: p)
            }
        }
        for head in copied {
            var best = head
            var place = index.copy(after: head)
            while let p = place {
                let (a, b) = (packNumber(p), packNumber(best))
                if (potential[a], b) > (potential[b], a) { best = p }
                place = index.copy(after: p)
            }
            keptEntries[packNumber(best)].append(best)
        }
    }

    private func packNumber(_ entry: Int) -> Int { Int(index.frames[Int(index.entries[entry].frame)].pack) }

    /// The copy that is kept of the chunk at this place; nil if the chunk isn't live.
    func keptCopies() -> [Digest: Int] {
        var kept: [Digest: Int] = [:]
        for places in keptEntries { for place in places { kept[index.entries[place].digest] = place } }
        return kept
    }
}
