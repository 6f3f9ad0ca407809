import KCacheCore
import KCacheStore
import KCacheSystem

/// A store of one pack, read in every way that a store reads packs.
enum PackTrial {
    static func run(_ bytes: [UInt8]) {
        let objects = MemoryObjects(clock: WallClock { 0 })
        let name = Digest.of(bytes)
        _ = attempt { try objects.put(.pack(name), bytes) }
        let store = Store(objects: objects)
        guard let report = attempt({ try store.verify() }) else { return }
        guard let session = attempt({ try store.begin() }), session.unusablePacks.isEmpty else {
            check(!report.isSound)
            return
        }
        _ = attempt { try store.repairIndex() }
        _ = attempt { try store.statistics() }
    }

    /// With the table where the trailer's length says and its checksum right, so that a mutation gets beyond
    /// the checksum.
    static func mended(_ bytes: [UInt8]) -> [UInt8] {
        let trailer = 48
        guard bytes.count >= 8 + trailer else { return bytes }
        let start = bytes.count - trailer
        let length = (0..<4).reduce(0) { $0 | Int(bytes[start + 8 + $1]) << (8 * $1) }
        guard length <= start - 8 else { return bytes }
        let table = Array(bytes[(start - length)..<start])
        var writer = ByteWriter()
        writer.raw(bytes[..<start])
        writer.u64(UInt64(start - length))
        writer.u32(UInt32(length))
        writer.digest(Digest.of(table))
        writer.raw(Array("KCPE".utf8))
        return writer.bytes
    }
}
