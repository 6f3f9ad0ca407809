package import KCacheCore

/// One message on its way: u32 length of the rest, u8 kind, u32 number, the message's own bytes.
package struct WireFrame: Hashable, Sendable {
    package let kind: UInt8
    package let number: UInt32
    package let body: [UInt8]

    /// Kind and number.
    static let headerLength = 5

    package init(kind: UInt8, number: UInt32, body: [UInt8]) {
        (self.kind, self.number, self.body) = (kind, number, body)
    }

    /// The length of a frame after its first four bytes; refuses what no peer sends.
    package static func length(_ prefix: [UInt8]) throws(FormatError) -> Int {
        let length = try prefix.withUnsafeBytes { raw -> Result<Int, FormatError> in
            var reader = ByteReader(raw, what: "frame")
            do throws(FormatError) { return .success(Int(try reader.u32())) } catch { return .failure(error) }
        }.get()
        guard length >= headerLength, length <= WireFormat.longestFrame else {
            throw FormatError("frame", "a length of \(length) bytes")
        }
        return length
    }

    /// Takes apart what follows the length.
    package init(_ bytes: [UInt8]) throws(FormatError) {
        let read = bytes.withUnsafeBytes { raw -> Result<WireFrame, FormatError> in
            var reader = ByteReader(raw, what: "frame")
            do throws(FormatError) {
                let (kind, number) = (try reader.u8(), try reader.u32())
                let body = Array(try reader.bytes(reader.remaining))
                return .success(WireFrame(kind: kind, number: number, body: body))
            } catch { return .failure(error) }
        }
        self = try read.get()
    }

    package static func bytes(_ kind: UInt8, _ number: UInt32, _ body: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: body.count + 9)
        writer.u32(UInt32(clamping: body.count + headerLength))
        writer.u8(kind)
        writer.u32(number)
        writer.raw(body)
        return writer.bytes
    }

    /// Reads the body to its last byte.
    func reading<T>(
        _ what: String, _ decode: (inout ByteReader) throws(FormatError) -> T
    ) throws(FormatError) -> T {
        let read = body.withUnsafeBytes { raw -> Result<T, FormatError> in
            var reader = ByteReader(raw, what: what)
            do throws(FormatError) {
                let value = try decode(&reader)
                guard reader.isAtEnd else { throw reader.error("\(reader.remaining) bytes too many") }
                return .success(value)
            } catch { return .failure(error) }
        }
        return try read.get()
    }
}

extension ObjectKind {
    var wireCode: UInt8 {
        switch self {
        case .packs: 1
        case .index: 2
        case .snapshots: 3
        case .catalog: 4
        case .signatures: 5
        }
    }
}

extension ByteWriter {
    mutating func name(_ name: ObjectName) {
        switch name {
        case .format: u8(0)
        case .pack(let digest): code(1, digest)
        case .index(let digest): code(2, digest)
        case .snapshot(let digest): code(3, digest)
        case .catalog(let digest): code(4, digest)
        case .signature(let digest): code(5, digest)
        }
    }

    private mutating func code(_ kind: UInt8, _ digest: Digest) {
        u8(kind)
        self.digest(digest)
    }
}

extension ByteReader {
    mutating func name() throws(FormatError) -> ObjectName {
        switch try u8() {
        case 0: return .format
        case 1: return .pack(try digest())
        case 2: return .index(try digest())
        case 3: return .snapshot(try digest())
        case 4: return .catalog(try digest())
        case 5: return .signature(try digest())
        default: throw error("unknown kind of object")
        }
    }

    mutating func objectKind() throws(FormatError) -> ObjectKind {
        let code = try u8()
        guard let kind = ObjectKind.allCases.first(where: { $0.wireCode == code }) else {
            throw error("unknown kind of object")
        }
        return kind
    }

    mutating func flag() throws(FormatError) -> Bool {
        switch try u8() {
        case 0: return false
        case 1: return true
        default: throw error("no flag")
        }
    }
}
