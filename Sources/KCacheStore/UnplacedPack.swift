package import KCacheCore

/// A pack that is not in place yet, as the only object of a store.
package struct UnplacedPack: ObjectReader {
    package let place: String
    private let name: ObjectName
    private let bytes: [UInt8]
    /// What holds the bytes, where they don't lie in memory.
    private let stream: (any ObjectStream)?

    package init(_ pack: Digest, bytes: [UInt8], stream: (any ObjectStream)?, place: String) {
        (name, self.bytes, self.stream, self.place) = (.pack(pack), bytes, stream, place)
    }

    /// What is wrong with it; nil if every chunk is what its table says. Reads and decompresses all of it.
    package func problem() throws -> String? {
        guard let pack = name.digest, let index = try PackReader(objects: self).index(of: pack) else {
            return "is no pack"
        }
        let worker = try FrameDecompressor()
        return withExtendedLifetime(worker) {
            PackVerifier(objects: self, worker: worker).verify(index).problems.first
        }
    }

    package func get(_ name: ObjectName, limit: Int) throws(StoreError) -> [UInt8]? { nil }

    package func read(_ name: ObjectName, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer)
        throws(StoreError) -> Int?
    {
        guard name == self.name else { return nil }
        if let stream { return try stream.read(at: offset, into: buffer) }
        guard offset < UInt64(bytes.count) else { return 0 }
        let part = bytes[Int(offset)...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
    }

    package func info(_ name: ObjectName) throws(StoreError) -> ObjectInfo? {
        guard name == self.name else { return nil }
        let size = stream.map { ByteCount($0.length) } ?? ByteCount(bytes.count)
        return ObjectInfo(name: name, size: size, modified: 0)
    }

    package func list(_ kind: ObjectKind) throws(StoreError) -> [ObjectInfo] {
        kind == .packs ? [try info(name)].compactMap { $0 } : []
    }
}
