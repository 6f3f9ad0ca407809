/// Why outside bytes were refused: what was expected, and where.
package struct FormatError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was being read: `snapshot`, `pack table`, `stat index`, …
    package let what: String
    package let problem: String
    package let offset: Int

    package init(_ what: String, _ problem: String, at offset: Int = 0) {
        (self.what, self.problem, self.offset) = (what, problem, offset)
    }

    package var description: String { "\(what): \(problem) (byte \(offset))" }
}

/// Appends little-endian integers, LEB128 varints and counted bytes.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    package mutating func u8(_ value: UInt8) { bytes.append(value) }
    package mutating func u32(_ value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    package mutating func u64(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
    /// A signed value, zigzag-coded.
    package mutating func signed(_ value: Int64) { varint(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }
    package mutating func raw(_ data: some Sequence<UInt8>) { bytes.append(contentsOf: data) }
    package mutating func digest(_ digest: Digest) { digest.append(to: &bytes) }
    package mutating func counted(_ data: some Collection<UInt8>) {
        varint(UInt64(data.count))
        bytes.append(contentsOf: data)
    }
    package mutating func text(_ text: String) { counted(Array(text.utf8)) }
}

/// Reads what `ByteWriter` wrote; every read is checked, nothing traps.
package struct ByteReader {
    private let base: UnsafeRawBufferPointer
    package private(set) var offset = 0
    private let what: String

    /// The buffer must outlive the reader.
    package init(_ base: UnsafeRawBufferPointer, what: String) {
        (self.base, self.what) = (base, what)
    }

    package var remaining: Int { base.count - offset }
    package var isAtEnd: Bool { offset == base.count }

    package func error(_ problem: String) -> FormatError { FormatError(what, problem, at: offset) }

    package mutating func u8() throws(FormatError) -> UInt8 {
        guard remaining >= 1 else { throw error("cut short") }
        defer { offset += 1 }
        return base[offset]
    }

    package mutating func u32() throws(FormatError) -> UInt32 {
        guard remaining >= 4 else { throw error("cut short") }
        defer { offset += 4 }
        return UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    package mutating func u64() throws(FormatError) -> UInt64 {
        guard remaining >= 8 else { throw error("cut short") }
        defer { offset += 8 }
        return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    package mutating func varint() throws(FormatError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try u8()
            guard shift < 63 || byte <= 1 else { throw error("number too large") }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
            guard shift <= 63 else { throw error("number too large") }
        }
    }

    package mutating func signed() throws(FormatError) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A varint that counts things of at least `size` bytes each, so that a lying count can't ask for memory.
    package mutating func count(of size: Int = 1) throws(FormatError) -> Int {
        let value = try varint()
        guard value <= UInt64(remaining / max(1, size)) else {
            throw error("count \(value) exceeds the data")
        }
        return Int(value)
    }

    package mutating func bytes(_ count: Int) throws(FormatError) -> UnsafeRawBufferPointer {
        guard count >= 0, remaining >= count else { throw error("cut short") }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: base[offset..<offset + count])
    }

    package mutating func counted() throws(FormatError) -> [UInt8] { Array(try bytes(try count())) }

    package mutating func text() throws(FormatError) -> String {
        let data = try counted()
        guard let text = String(validating: data, as: UTF8.self) else { throw error("text is not UTF-8") }
        return text
    }

    package mutating func digest() throws(FormatError) -> Digest {
        guard let digest = Digest(try bytes(Digest.byteCount)) else { throw error("cut short") }
        return digest
    }
}
