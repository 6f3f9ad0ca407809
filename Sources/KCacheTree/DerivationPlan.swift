import KCacheCore

/// Which of the files that a pull writes are run through a compressor, once their inputs are in place; pure.
struct DerivationPlan: Sendable {
    /// Places of those files.
    private(set) var compressions: [Int] = []
    /// Places of their inputs that are written by this pull.
    private(set) var inputs: Set<Int> = []
    /// Chunks that a compression will yield: whoever else needs them waits for it.
    private(set) var late: Set<Digest> = []

    /// What must be missing of a file for a derivation to be worth the time.
    static let leastGain: UInt64 = 128 << 10
    /// A kernel has one or two: a snapshot shall not keep this machine busy.
    static let mostCompressions = 8
    /// What `gzip -9` takes in a second of a kernel.
    static let compressorBytesPerSecond: UInt64 = 15_000_000

    /// Places of files that are made from content that was here before; these come first of all.
    static func patches(_ entries: [SnapshotEntry], writes: [Int], pieces: LocalPieces) -> [Int] {
        writes.filter { place in
            guard case .patch(let base, _) = entries[place].derivation else { return false }
            return pieces.contains(whole: base) && isWorthIt(entries[place], pieces)
        }
    }

    private static func isWorthIt(_ entry: SnapshotEntry, _ pieces: LocalPieces) -> Bool {
        let missing = (entry.content?.chunks ?? []).reduce(UInt64(0)) {
            pieces.contains($1.digest) ? $0 : $0 + UInt64($1.length)
        }
        return missing >= leastGain
    }

    static let nothing = DerivationPlan()

    private init() {}

    /// - Parameters:
    ///   - writes: places of the entries that are written.
    ///   - present: places of entries that stand in the tree already with this content.
    ///   - mostInput: bytes that may go through compressors.
    init(
        _ entries: [SnapshotEntry], writes: [Int], present: [Int], pieces: LocalPieces,
        mostInput: UInt64 = .max
    ) {
        let written = Dictionary(writes.map { (entries[$0].path, $0) }, uniquingKeysWith: { a, _ in a })
        let standing = Set(present.lazy.map { entries[$0].path })
        let candidates = writes.filter { place in
            guard case .compressed = entries[place].derivation else { return false }
            return Self.isWorthIt(entries[place], pieces)
        }.sorted { (entries[$0].size.value, $1) > (entries[$1].size.value, $0) }.prefix(Self.mostCompressions)
        let made = Set(candidates)
        let sizes = Dictionary(
            (writes + present).map { (entries[$0].path, entries[$0].size.value) },
            uniquingKeysWith: { a, _ in a })
        var needed: [Int: [Int]] = [:]
        var inputLeft = mostInput
        for place in candidates {
            guard case .compressed(_, let paths) = entries[place].derivation else { continue }
            let input = paths.reduce(UInt64(0)) { $0 &+ (sizes[$1] ?? 0) }
            guard input <= inputLeft else { continue }
            // Each input is a file of the snapshot that is or will be in the tree, with its bytes as they are.
            let places = paths.map { written[$0] }
            let usable = zip(paths, places).allSatisfy { path, place in
                guard let place else { return standing.contains(path) }
                return entries[place].content != nil && !entries[place].holdsTreePath && !made.contains(place)
            }
            guard usable, !paths.isEmpty else { continue }
            needed[place] = places.compactMap { $0 }
            inputLeft -= input
        }
        func yield(_ places: some Sequence<Int>) -> Set<Digest> {
            var digests = Set<Digest>()
            for place in places {
                for chunk in entries[place].content?.chunks ?? [] where !pieces.contains(chunk.digest) {
                    digests.insert(chunk.digest)
                }
            }
            return digests
        }
        late = yield(needed.keys)
        // An input that would wait for a compression, its own or another: then that one is read instead.
        while true {
            let stuck = needed.filter { _, inputs in
                inputs.contains { entries[$0].content?.chunks.contains { late.contains($0.digest) } ?? false }
            }
            if stuck.isEmpty { break }
            for place in stuck.keys { needed[place] = nil }
            late = yield(needed.keys)
        }
        compressions = needed.keys.sorted()
        inputs = Set(needed.values.joined())
    }
}
