import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree

/// Finds out, when a tree is pushed, which of its outputs can be made from others.
struct DerivationFinder: Sendable {
    /// Outputs that a compressor made of other files of the tree, by their saved commands.
    let compressed: [TreePath: Derivation]

    /// Smaller outputs cost less to fetch than to think about.
    private static let leastSize: UInt64 = 128 << 10
    /// The least that a delta has to save, and by which factor.
    private static let leastGain: UInt64 = 256 << 10
    private static let leastFactor: UInt64 = 4

    init(_ inspection: TreeInspection) throws {
        var compressed: [TreePath: Derivation] = [:]
        for (file, role) in zip(inspection.listing.files, inspection.roles)
        where role == .output && file.status.kind == .file && file.status.size >= Self.leastSize {
            let name = file.path.name
            guard !name.hasSuffix(".o"), !name.hasSuffix(".ko"),
                let saved = CommandEvidence.file(of: file.path), inspection.listing.index(of: saved) != nil,
                let bytes = try inspection.root.readFile(saved, limit: 16 << 20)
            else { continue }
            do throws(CmdFileError) {
                compressed[file.path] = CompressionRecipe.parse(
                    try CmdFile(parsing: bytes).command, target: file.path)
            } catch _ {
                continue
            }
        }
        self.compressed = compressed
    }

    /// What is derived is read first, so that its chunks lie in frames of their own: a pull reads whole frames.
    func round(_ path: TreePath) -> Int {
        if compressed[path] != nil { return 0 }
        return Self.linked.contains(path.bytes) ? 1 : 2
    }

    /// The whole kernel, of which each build after an edit is nearly all new chunks and little else.
    private static let linked: Set<[UInt8]> = Set(
        ["vmlinux", "vmlinux.o", "vmlinux.unstripped"].map { Array($0.utf8) })

    func annotate(_ entries: inout [SnapshotEntry]) {
        let plain = Set(entries.lazy.filter { $0.content != nil && !$0.holdsTreePath }.map(\.path))
        for i in entries.indices where entries[i].role == .output && plain.contains(entries[i].path) {
            guard case .compressed(_, let inputs)? = compressed[entries[i].path],
                inputs.allSatisfy({ plain.contains($0) })
            else { continue }
            entries[i].derivation = compressed[entries[i].path]
        }
    }

    /// Adds deltas against an earlier snapshot's outputs of the same paths, where these save much, and stores them.
    static func addDeltas(
        to entries: inout [SnapshotEntry], from earlier: [SnapshotEntry], root: Directory,
        session: StoreSession, writer: PackWriter
    ) throws {
        var known = Set<Digest>()
        var bases: [TreePath: Content] = [:]
        for entry in earlier where entry.role == .output {
            guard let content = entry.content else { continue }
            for chunk in content.chunks { known.insert(chunk.digest) }
            if !entry.holdsTreePath, content.chunks.count > 1 { bases[entry.path] = content }
        }
        for entry in entries {
            if case .compressed = entry.derivation, let content = entry.content {
                for chunk in content.chunks { known.insert(chunk.digest) }
            }
        }
        let largest = entries.indices.filter { i in
            entries[i].role == .output && entries[i].derivation == nil && !entries[i].holdsTreePath
                && entries[i].size.value >= leastGain && bases[entries[i].path] != nil
        }.sorted { (entries[$0].size.value, $1) > (entries[$1].size.value, $0) }
        for i in largest {
            guard let content = entries[i].content, let base = bases[entries[i].path] else { continue }
            let missing = content.chunks.reduce(UInt64(0)) {
                known.contains($1.digest) ? $0 : $0 + UInt64($1.length)
            }
            guard missing >= leastGain, content != base,
                let delta = try delta(
                    base, root, entries[i].path, content, limit: Int(missing / leastFactor), session)
            else { continue }
            let stored = ContentCutter.content(of: delta)
            try writer.add(delta, stored, kind: .outputs)
            entries[i].derivation = .patch(base: base.digest, delta: stored)
            for chunk in content.chunks { known.insert(chunk.digest) }
        }
    }

    private static func delta(
        _ base: Content, _ root: Directory, _ path: TreePath, _ content: Content, limit: Int,
        _ session: StoreSession
    ) throws -> [UInt8]? {
        let longest = ByteCount(UInt64(ContentDelta.longest))
        guard base.size <= longest, content.size <= longest else { return nil }
        do {
            let old = try session.read(content: base, limit: longest)
            guard let new = try root.readFile(path, limit: ContentDelta.longest) else { return nil }
            return ContentDelta.make(from: old, to: new, limit: limit)
        } catch let error as StoreError where error.code == .missing || error.code == .damaged {
            return nil
        }
    }
}
