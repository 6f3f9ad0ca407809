import KCacheCore
import KCacheSystem

/// Chunks that lie in files of the tree, so that they need not be read from a store.
///
/// Files are held open: what a pull replaces stays readable until it ends. Nothing is believed; whoever reads a
/// piece checks its digest.
struct LocalPieces: Sendable {
    struct Place: Sendable {
        let file: Int
        let offset: UInt64
        let length: UInt32
    }

    private final class OpenFile: Sendable {
        let descriptor: Descriptor
        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    private var files: [OpenFile] = []
    private var places: [Digest: Place] = [:]
    /// Long files by their whole content.
    private var wholes: [Digest: (file: Int, size: UInt64)] = [:]

    /// As many as leave most of a usual limit of 1,024 descriptors.
    private static let mostFiles = 400

    static let none = LocalPieces()

    private init() {}

    /// Looks for the wanted chunks, by digest and length, and for the wanted whole contents, in a tree as it was read.
    init(_ local: LocalTree, chunks wanted: [Digest: UInt32], wholes wantedWholes: Set<Digest>) {
        var candidates: [(index: Int, content: Content, bytes: UInt64)] = []
        for index in local.listing.files.indices {
            guard let item = local.contents.item(index), !item.holdsTreePath,
                case .file(let content, _) = item.kind
            else { continue }
            var bytes = content.chunks.reduce(UInt64(0)) {
                wanted[$1.digest] == $1.length ? $0 + UInt64($1.length) : $0
            }
            if !wantedWholes.isEmpty, content.chunks.count > 1, wantedWholes.contains(content.digest) {
                bytes += content.size.value
            }
            if bytes > 0 { candidates.append((index, content, bytes)) }
        }
        candidates.sort { $0.bytes > $1.bytes }
        for candidate in candidates.prefix(Self.mostFiles) {
            let file = local.listing.files[candidate.index]
            add(local.root, file.path, candidate.content, only: wanted)
        }
    }

    /// Adds a file's chunks; without effect if it can't be opened.
    mutating func add(
        _ root: Directory, _ path: TreePath, _ content: Content, only wanted: [Digest: UInt32]? = nil
    ) {
        let number = files.count
        do throws(SystemError) {
            guard let descriptor = try root.openFile(path) else { return }
            files.append(OpenFile(descriptor))
        } catch _ {
            return
        }
        var offset: UInt64 = 0
        for chunk in content.chunks {
            if places[chunk.digest] == nil, wanted.map({ $0[chunk.digest] == chunk.length }) ?? true {
                places[chunk.digest] = Place(file: number, offset: offset, length: chunk.length)
            }
            offset += UInt64(chunk.length)
        }
        if content.chunks.count > 1 { wholes[content.digest] = (number, offset) }
    }

    mutating func add(_ root: Directory, _ entry: SnapshotEntry) {
        if let content = entry.content { add(root, entry.path, content) }
    }

    var isEmpty: Bool { places.isEmpty && wholes.isEmpty }

    func contains(_ digest: Digest) -> Bool { places[digest] != nil }

    func contains(whole digest: Digest) -> Bool { wholes[digest] != nil }

    /// A whole content's bytes as they are now; nil if it is not here, or of another size.
    func read(whole digest: Digest, limit: Int) -> [UInt8]? {
        guard let (file, size) = wholes[digest] else { return nil }
        do throws(SystemError) {
            let bytes = try files[file].descriptor.readAll(limit: limit)
            return UInt64(bytes.count) == size ? bytes : nil
        } catch _ {
            return nil
        }
    }

    /// The digests' pieces in the order of files and offsets, in batches of some MiB of one file.
    func batches(_ digests: some Sequence<Digest>) -> [[(digest: Digest, place: Place)]] {
        let found = digests.compactMap { digest in places[digest].map { (digest: digest, place: $0) } }
            .sorted { ($0.place.file, $0.place.offset) < ($1.place.file, $1.place.offset) }
        var batches: [[(digest: Digest, place: Place)]] = []
        var bytes = 0
        for item in found {
            if bytes >= 4 << 20 || batches.last?.last?.place.file != item.place.file {
                batches.append([])
                bytes = 0
            }
            batches[batches.count - 1].append(item)
            bytes += Int(item.place.length)
        }
        return batches
    }

    /// Calls `body` with each piece's bytes; the digests of those that are not what they were.
    func read(
        _ batch: [(digest: Digest, place: Place)], _ body: (Digest, UnsafeRawBufferPointer) throws -> Void
    ) throws -> [Digest] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Chunking.maximum, alignment: 64)
        defer { buffer.deallocate() }
        var changed: [Digest] = []
        for (digest, place) in batch {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(place.length)])
            let count: Int
            do throws(SystemError) {
                count = try files[place.file].descriptor.read(into: piece, at: place.offset)
            } catch _ {
                count = 0
            }
            if count == piece.count, Digest.of(UnsafeRawBufferPointer(piece)) == digest {
                try body(digest, UnsafeRawBufferPointer(piece))
            } else {
                changed.append(digest)
            }
        }
        return changed
    }
}
