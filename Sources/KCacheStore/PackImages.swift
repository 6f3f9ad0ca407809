import KCacheCore

/// Packs that are put together in memory, one of each kind at a time, so that their names are known before they
/// are sent.
struct PackImages {
    struct Image {
        let bytes: [UInt8]
        let index: PackIndex
    }

    private(set) var sealed: [PackIndex] = []
    private let fullPack: UInt64
    private let memory = MemoryObjects()
    private var open: [PackKind: PackBuilder] = [:]

    init(_ fullPack: UInt64) { self.fullPack = fullPack }

    /// Adds what is wanted of a frame, checked; a pack if that made one full.
    mutating func add(_ frame: ReadPlan.Frame, _ source: StoreSession) throws -> Image? {
        var builder = try open.removeValue(forKey: frame.kind) ?? PackBuilder(frame.kind, in: memory)
        let chunks = frame.wanted.map(\.chunk)
        try source.withFrame(frame) { _, _ in
        } afterwards: { raw, compressed in
            if frame.isWhole {
                try builder.append(chunks, rawLength: raw.count, compressed: compressed)
            } else {
                try source.compressors.withWorker { worker in
                    let part = frame.gather(raw, worker.input)
                    try builder.append(chunks, rawLength: part.count, compressed: try worker.compress(part))
                }
            }
        }
        if builder.size >= fullPack { return try seal(&builder) }
        open[frame.kind] = builder
        return nil
    }

    /// What isn't full.
    mutating func finish() throws -> [Image] {
        var rest: [Image] = []
        for kind in PackKind.allCases {
            guard var builder = open.removeValue(forKey: kind) else { continue }
            rest.append(try seal(&builder))
        }
        return rest
    }

    private mutating func seal(_ builder: inout PackBuilder) throws -> Image {
        let index = try builder.seal()
        let name = ObjectName.pack(index.pack)
        let bytes = try memory.get(name, limit: .max) ?? []
        _ = try memory.delete([name])
        sealed.append(index)
        return Image(bytes: bytes, index: index)
    }
}
