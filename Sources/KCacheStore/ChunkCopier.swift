import KCacheCore

/// Reads chunks at given places of the index, for gc.
struct ChunkCopier {
    let session: StoreSession
    let index: ChunkIndex

    /// Makes sure that all can be read and are what their digests say.
    func check(_ places: [Int]) throws {
        for frame in frames(places) { try session.readFrame(frame) { _, _ in } }
    }

    /// Stores them anew, a frame for each frame that they come from.
    func copy(_ places: [Int], kind: PackKind, to writers: inout RepackWriters) throws {
        for frame in frames(places) {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(Int(clamping: frame.wantedBytes.value))
            var chunks: [Chunk] = []
            try session.readFrame(frame) { chunk, data in
                chunks.append(chunk)
                bytes.append(contentsOf: data)
            }
            try writers.add(chunks, bytes, kind)
        }
    }

    private func frames(_ places: [Int]) -> [ReadPlan.Frame] {
        Dictionary(grouping: places) { index.entries[$0].frame }.sorted { $0.key < $1.key }
            .map { index.frame($0.key, $0.value) }
    }
}

/// Writes new packs for gc, whatever the index already has.
struct RepackWriters {
    private let objects: any ObjectPruner
    private let fullPack: UInt64
    private let compressor: FrameCompressor
    private var open: [PackKind: PackBuilder] = [:]
    private var sealed: [PackIndex] = []
    /// Small rests of many frames, put together into one.
    private var pending: [PackKind: (chunks: [Chunk], bytes: [UInt8])] = [:]

    /// Frames are filled up to this.
    private static let fullFrame = 4 << 20

    init(objects: any ObjectPruner, fullPack: UInt64) throws(StoreError) {
        (self.objects, self.fullPack) = (objects, fullPack)
        compressor = try FrameCompressor()
    }

    mutating func add(_ chunks: [Chunk], _ bytes: [UInt8], _ kind: PackKind) throws {
        var rest = pending[kind] ?? ([], [])
        pending[kind] = nil
        if rest.bytes.count + bytes.count > Self.fullFrame, !rest.chunks.isEmpty {
            try write(rest.chunks, rest.bytes, kind)
            rest = ([], [])
        }
        rest.chunks += chunks
        rest.bytes += bytes
        pending[kind] = rest
    }

    /// Puts everything in place: packs, then indexes; the packs' names.
    mutating func finish() throws -> [Digest] {
        for kind in PackKind.allCases {
            if let rest = pending[kind] { try write(rest.chunks, rest.bytes, kind) }
            pending[kind] = nil
            try seal(kind)
        }
        for index in sealed { try objects.put(.index(index.pack), index.encode()) }
        return sealed.map(\.pack)
    }

    private mutating func write(_ chunks: [Chunk], _ bytes: [UInt8], _ kind: PackKind) throws {
        var builder = try open.removeValue(forKey: kind) ?? PackBuilder(kind, in: objects)
        try bytes.withUnsafeBytes { raw in
            try builder.append(chunks, rawLength: raw.count, compressed: try compressor.compress(raw))
        }
        let isFull = builder.size >= fullPack
        open[kind] = builder
        if isFull { try seal(kind) }
    }

    private mutating func seal(_ kind: PackKind) throws {
        guard var builder = open.removeValue(forKey: kind) else { return }
        sealed.append(try builder.seal())
    }
}
