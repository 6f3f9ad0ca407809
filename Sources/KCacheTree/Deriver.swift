import KCacheCore
import KCacheStore
import KCacheSystem

/// Makes single files as their derivations say, and puts them in place if every chunk has its digest.
///
/// False wherever it does not come out: the file is then read from the store.
struct Deriver: Sendable {
    let placer: FilePlacer
    let entries: [SnapshotEntry]
    let session: StoreSession
    let thrift: Thrift

    /// From content that was here before.
    func patch(_ place: Int, _ pieces: LocalPieces, _ stamp: FilePlacer.Stamp) throws -> Bool {
        guard case .patch(let base, let delta) = entries[place].derivation,
            let size = Int(exactly: entries[place].size.value), size <= ContentDelta.longest,
            delta.size.value <= UInt64(size),
            let old = pieces.read(whole: base, limit: ContentDelta.longest)
        else { return false }
        let bytes: [UInt8]
        do {
            bytes = try ContentDelta.apply(try session.read(content: delta), to: old, size: size)
        } catch is FormatError {
            return false
        } catch let error as StoreError where error.code == .missing || error.code == .damaged {
            return false
        }
        return try put(bytes, place, stamp)
    }

    /// From files of the snapshot that are in place.
    func compress(_ place: Int, _ stamp: FilePlacer.Stamp) throws -> Bool {
        guard case .compressed(let compressor, let paths) = entries[place].derivation,
            let size = Int(exactly: entries[place].size.value)
        else { return false }
        var input: [UInt8] = []
        do throws(SystemError) {
            for path in paths {
                guard let bytes = try placer.root.readFile(path, limit: ContentDelta.longest - input.count)
                else {
                    return false
                }
                input += bytes
            }
        } catch _ {
            return false
        }
        guard let bytes = thrift.compress(compressor, input, size) else { return false }
        return try put(bytes, place, stamp)
    }

    private func put(_ bytes: [UInt8], _ place: Int, _ stamp: FilePlacer.Stamp) throws -> Bool {
        guard case .file(let content, let executable) = entries[place].kind, Self.isRight(bytes, content)
        else {
            return false
        }
        try placer.file(entries[place].path, executable: executable, stamp: stamp) { try $0.write(bytes) }
        return true
    }

    private static func isRight(_ bytes: [UInt8], _ content: Content) -> Bool {
        guard UInt64(bytes.count) == content.size.value else { return false }
        return bytes.withUnsafeBytes { raw in
            var start = 0
            return content.chunks.allSatisfy { chunk in
                let end = start + Int(chunk.length)
                defer { start = end }
                return Digest.of(UnsafeRawBufferPointer(rebasing: raw[start..<end])) == chunk.digest
            }
        }
    }
}
