import KCacheCore
package import KCacheSystem
import Synchronization

/// Objects in memory, for tests and for measuring.
package final class MemoryObjects: ObjectPruner {
    private struct Object: Sendable {
        var bytes: [UInt8]
        var modified: Int64
    }

    private let objects = Mutex<[ObjectName: Object]>([:])
    private let clock: WallClock

    package init(clock: WallClock = .system) { self.clock = clock }

    package var place: String { "memory" }

    package func get(_ name: ObjectName, limit: Int) throws(StoreError) -> [UInt8]? {
        let bytes = objects.withLock { $0[name]?.bytes }
        if let bytes, bytes.count > limit {
            throw StoreError(.damaged, "\(name.forPeople) in \(place) is too large", subject: name.path)
        }
        return bytes
    }

    package func read(_ name: ObjectName, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer)
        throws(StoreError) -> Int?
    {
        guard let bytes = objects.withLock({ $0[name]?.bytes }) else { return nil }
        guard offset < UInt64(bytes.count) else { return 0 }
        let part = bytes[Int(offset)...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
    }

    package func info(_ name: ObjectName) throws(StoreError) -> ObjectInfo? {
        objects.withLock {
            $0[name].map { ObjectInfo(name: name, size: ByteCount($0.bytes.count), modified: $0.modified) }
        }
    }

    package func list(_ kind: ObjectKind) throws(StoreError) -> [ObjectInfo] {
        objects.withLock {
            $0.compactMap { name, object in
                guard name.path.hasPrefix(kind.rawValue + "/") else { return nil }
                return ObjectInfo(
                    name: name, size: ByteCount(object.bytes.count), modified: object.modified)
            }
        }
    }

    package func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StoreError) {
        let object = Object(bytes: bytes, modified: clock.now())
        objects.withLock { $0[name] = object }
    }

    package func beginStream() throws(StoreError) -> any ObjectStream { MemoryStream(self) }

    package func touch(_ name: ObjectName, _ ns: Int64) throws(StoreError) -> Bool {
        objects.withLock {
            guard $0[name] != nil else { return false }
            $0[name]?.modified = ns
            return true
        }
    }

    package func delete(_ names: [ObjectName]) throws(StoreError) -> Int {
        objects.withLock { held in names.count { held.removeValue(forKey: $0) != nil } }
    }

    package func removeLeftovers(dryRun: Bool) throws(StoreError) -> Int { 0 }
}

private final class MemoryStream: ObjectStream {
    private let target: MemoryObjects
    private let bytes = Mutex<[UInt8]>([])

    init(_ target: MemoryObjects) { self.target = target }

    var length: UInt64 { bytes.withLock { UInt64($0.count) } }

    func append(_ more: UnsafeRawBufferPointer) throws(StoreError) {
        let copy = Array(more)
        bytes.withLock { $0 += copy }
    }

    func commit(as name: ObjectName) throws(StoreError) {
        try target.put(name, bytes.withLock { $0 })
    }

    func cancel() {}

    func suspend() {}

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
        bytes.withLock { bytes in
            guard offset < UInt64(bytes.count) else { return 0 }
            let part = bytes[Int(offset)...].prefix(buffer.count)
            buffer.copyBytes(from: part)
            return part.count
        }
    }

    func digest() throws(StoreError) -> Digest { Digest.of(bytes.withLock { $0 }) }
}
