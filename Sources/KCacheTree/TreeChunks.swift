import KCacheCore
import KCacheStore
import KCacheSystem

/// Where chunks lie in a tree, as it was read: an older build's outputs hold most of a newer one's.
package struct TreeChunks: Sendable {
    private struct Place: Sendable {
        let file: Int
        let offset: UInt64
        let length: UInt32
    }

    private var paths: [TreePath] = []
    private var places: [Digest: Place] = [:]

    package init() {}

    /// All chunks of all files but those that are stored otherwise than they stand here.
    package init(_ local: LocalTree) {
        for (i, file) in local.listing.files.enumerated() {
            guard let item = local.contents.item(i), !item.holdsTreePath,
                case .file(let content, _) = item.kind
            else { continue }
            let number = paths.count
            paths.append(file.path)
            var offset: UInt64 = 0
            for chunk in content.chunks {
                if places[chunk.digest] == nil {
                    places[chunk.digest] = Place(file: number, offset: offset, length: chunk.length)
                }
                offset += UInt64(chunk.length)
            }
        }
    }

    /// A file of the tree, and what is wanted of it.
    struct File: Sendable {
        let path: TreePath
        let parts: [(chunk: Chunk, offset: UInt64)]

        /// Hands each part that still is what it was to the body; the bytes are valid during the call.
        func read(in root: Directory, _ body: (Chunk, UnsafeRawBufferPointer) throws -> Void) throws {
            guard let file = try root.openFile(path) else { return }
            for (chunk, offset) in parts {
                let buffer = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: Int(chunk.length), alignment: 16)
                defer { buffer.deallocate() }
                let bytes = UnsafeRawBufferPointer(buffer)
                guard try file.read(into: buffer, at: offset) == buffer.count,
                    Digest.of(bytes) == chunk.digest
                else { continue }
                try body(chunk, bytes)
            }
        }
    }

    /// What the layout wants, lies here, and would have to come from afar.
    func lying(in layout: ContentLayout, besides session: StoreSession) throws -> [File] {
        guard !places.isEmpty else { return [] }
        var wanted: [Int: [(chunk: Chunk, offset: UInt64)]] = [:]
        for (digest, targets) in layout.targets {
            // A text is not stored as it stands.
            guard let place = places[digest], session.isFar(digest),
                targets.contains(where: { layout.texts[$0.place] == nil }),
                !targets.contains(where: { layout.texts[$0.place] != nil })
            else { continue }
            wanted[place.file, default: []].append(
                (Chunk(digest: digest, length: place.length), place.offset))
        }
        return wanted.sorted { $0.key < $1.key }.map {
            File(path: paths[$0.key], parts: $0.value.sorted { $0.offset < $1.offset })
        }
    }
}
