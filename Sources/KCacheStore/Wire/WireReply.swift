package import KCacheCore

/// What a store at the far end answers; a reply's number is that of the request.
package enum WireReply: Hashable, Sendable {
    /// Bytes of an object, in their order.
    case data([UInt8])
    case objects([ObjectInfo])
    /// The request is done; the number that it yields, or zero.
    case end(UInt64)
    /// There is no such object.
    case missing
    /// The request, or the stream of that number, has failed.
    case failed(WireFailure)
    /// Somebody else holds the lock.
    case waiting
    /// Of a build: what make prints, or the far kcache has to say.
    case said(WireBuildVoice, [UInt8])
    /// The build is over.
    case built(WireBuildResult)

    private enum Kind: UInt8 {
        case data = 64
        case objects, end, missing, failed, waiting, said, built
    }

    package func frame(_ number: UInt32) -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        let kind: Kind
        switch self {
        case .data(let bytes):
            kind = .data
            writer.raw(bytes)
        case .objects(let objects):
            kind = .objects
            writer.varint(UInt64(objects.count))
            for object in objects {
                writer.name(object.name)
                writer.u64(object.size.value)
                writer.u64(UInt64(bitPattern: object.modified))
            }
        case .end(let number):
            kind = .end
            writer.varint(number)
        case .missing: kind = .missing
        case .failed(let failure):
            kind = .failed
            writer.u8(failure.code.rawValue)
            writer.text(failure.message)
            writer.text(failure.subject)
        case .waiting: kind = .waiting
        case .said(let voice, let bytes):
            kind = .said
            writer.u8(voice.rawValue)
            writer.raw(bytes)
        case .built(let result):
            kind = .built
            result.encode(to: &writer)
        }
        return WireFrame.bytes(kind.rawValue, number, writer.bytes)
    }

    /// What may come in the welcome's place; nil if it is no failure.
    package init?(refusal frame: WireFrame) {
        guard frame.kind == Kind.failed.rawValue, frame.number == 0 else { return nil }
        do throws(FormatError) { try self.init(frame) } catch { return nil }
    }

    package init(_ frame: WireFrame) throws(FormatError) {
        guard let kind = Kind(rawValue: frame.kind) else {
            throw FormatError("reply", "unknown kind \(frame.kind)")
        }
        self = try frame.reading("reply") { (reader) throws(FormatError) in
            switch kind {
            case .data: return .data(Array(try reader.bytes(reader.remaining)))
            case .objects:
                var objects: [ObjectInfo] = []
                for _ in 0..<(try reader.count(of: 17)) {
                    objects.append(
                        ObjectInfo(
                            name: try reader.name(), size: ByteCount(try reader.u64()),
                            modified: Int64(bitPattern: try reader.u64())))
                }
                return .objects(objects)
            case .end: return .end(try reader.varint())
            case .missing: return .missing
            case .failed:
                guard let code = WireFailure.Code(rawValue: try reader.u8()) else {
                    throw reader.error("unknown failure")
                }
                return .failed(
                    WireFailure(code: code, message: try reader.text(), subject: try reader.text()))
            case .waiting: return .waiting
            case .said:
                guard let voice = WireBuildVoice(rawValue: try reader.u8()) else {
                    throw reader.error("unknown voice")
                }
                return .said(voice, Array(try reader.bytes(reader.remaining)))
            case .built: return .built(try WireBuildResult(&reader))
            }
        }
    }
}

/// Why the far end could not do something.
package struct WireFailure: Hashable, Sendable {
    package enum Code: UInt8, Sendable {
        /// The system there said no (a full disk, a failed read).
        case system
        /// Bytes there, or those that were sent, are not what their name says.
        case damaged
        /// The store may not be written, or objects not be deleted, over this connection.
        case forbidden
        /// An object is larger than the client takes.
        case tooLarge
        /// The client broke a rule of the protocol.
        case misuse
    }

    package var code: Code
    package var message: String
    package var subject: String

    package init(code: Code, message: String, subject: String) {
        (self.code, self.message, self.subject) = (code, message, subject)
    }
}
