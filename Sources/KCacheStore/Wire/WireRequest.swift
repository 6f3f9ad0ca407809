package import KCacheCore

/// What a client asks of a store at the far end. A request's number names it in replies; that of `begin` also
/// names the stream.
package enum WireRequest: Hashable, Sendable {
    /// The whole object, if it has no more bytes than the limit: `data`, then `end`; or `missing`.
    case get(ObjectName, limit: UInt64)
    /// A part, short where the object ends: `data`, then `end`; or `missing`.
    case read(ObjectName, offset: UInt64, length: UInt32)
    /// `objects` with one, then `end`; or `missing`.
    case info(ObjectName)
    /// `objects`, any number of times, then `end`.
    case list(ObjectKind)
    /// Begins a stream. Not answered, unless by `error`.
    case begin
    /// Takes up a stream for that pack where an earlier one broke off: `end` with the number of bytes that are
    /// there. What follows has the same number.
    case resume(ObjectName)
    /// Adds to the stream of the same number. Not answered, unless by `error`.
    case append([UInt8])
    /// Puts the stream's bytes in place under a name: `end`.
    case commit(ObjectName)
    /// Drops the stream. Not answered.
    case cancel
    /// Sets a time: `end` with 1, or `missing`.
    case touch(ObjectName, Int64)
    /// `end` with the number of objects that were there.
    case delete([ObjectName])
    /// `end` with the number.
    case removeLeftovers(dryRun: Bool)
    /// Takes a lock, instead of the one that is held: `waiting` while another has it, then `end`.
    case lock(Lock)
    /// From version 2 on: `said`, any number of times, then `built`. `waiting` tells that it still goes on.
    case build(WireBuildOrder)

    package enum Lock: UInt8, Sendable { case none, shared, exclusive }

    private enum Kind: UInt8 {
        case get = 16
        case read, info, list, begin, append, commit, cancel, touch, delete, removeLeftovers, lock, resume,
            build
    }

    package func frame(_ number: UInt32) -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        let kind: Kind
        switch self {
        case .get(let name, let limit):
            kind = .get
            writer.name(name)
            writer.u64(limit)
        case .read(let name, let offset, let length):
            kind = .read
            writer.name(name)
            writer.u64(offset)
            writer.u32(length)
        case .info(let name):
            kind = .info
            writer.name(name)
        case .list(let folder):
            kind = .list
            writer.u8(folder.wireCode)
        case .begin: kind = .begin
        case .resume(let name):
            kind = .resume
            writer.name(name)
        case .append(let bytes):
            kind = .append
            writer.raw(bytes)
        case .commit(let name):
            kind = .commit
            writer.name(name)
        case .cancel: kind = .cancel
        case .touch(let name, let time):
            kind = .touch
            writer.name(name)
            writer.u64(UInt64(bitPattern: time))
        case .delete(let names):
            kind = .delete
            writer.varint(UInt64(names.count))
            for name in names { writer.name(name) }
        case .removeLeftovers(let dryRun):
            kind = .removeLeftovers
            writer.u8(dryRun ? 1 : 0)
        case .lock(let lock):
            kind = .lock
            writer.u8(lock.rawValue)
        case .build(let order):
            kind = .build
            order.encode(to: &writer)
        }
        return WireFrame.bytes(kind.rawValue, number, writer.bytes)
    }

    package init(_ frame: WireFrame) throws(FormatError) {
        guard let kind = Kind(rawValue: frame.kind) else {
            throw FormatError("request", "unknown kind \(frame.kind)")
        }
        self = try frame.reading("request") { (reader) throws(FormatError) in
            switch kind {
            case .get: return .get(try reader.name(), limit: try reader.u64())
            case .read:
                return .read(try reader.name(), offset: try reader.u64(), length: try reader.u32())
            case .info: return .info(try reader.name())
            case .list: return .list(try reader.objectKind())
            case .begin: return .begin
            case .resume: return .resume(try reader.name())
            case .append: return .append(Array(try reader.bytes(reader.remaining)))
            case .commit: return .commit(try reader.name())
            case .cancel: return .cancel
            case .touch: return .touch(try reader.name(), Int64(bitPattern: try reader.u64()))
            case .delete:
                let count = try reader.count()
                guard count <= WireFormat.mostNames else { throw reader.error("\(count) names") }
                var names: [ObjectName] = []
                for _ in 0..<count { names.append(try reader.name()) }
                return .delete(names)
            case .removeLeftovers: return .removeLeftovers(dryRun: try reader.flag())
            case .lock:
                guard let lock = Lock(rawValue: try reader.u8()) else { throw reader.error("unknown lock") }
                return .lock(lock)
            case .build: return .build(try WireBuildOrder(&reader))
            }
        }
    }
}
