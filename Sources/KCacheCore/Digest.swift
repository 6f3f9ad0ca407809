import Crypto

/// Names a piece of content: its SHA-256 (FIPS 180-4).
package struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Bytes in a digest.
    package static let byteCount = 32

    /// The 32 bytes as four big-endian words, so that comparing words compares bytes.
    let w0, w1, w2, w3: UInt64

    /// Reads a digest from exactly 32 bytes; nil for any other count.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        func word(_ at: Int) -> UInt64 {
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        }
        (w0, w1, w2, w3) = (word(0), word(8), word(16), word(24))
    }

    package init?(_ bytes: some Sequence<UInt8>) {
        guard let digest = Array(bytes).withUnsafeBytes({ Digest($0) }) else { return nil }
        self = digest
    }

    /// Reads 64 hexadecimal digits, either case.
    package init?(hex: String) {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in hex.utf8 {
            guard let value = Self.nibble(character) else { return nil }
            if let h = high {
                bytes.append(h << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        guard high == nil else { return nil }
        self.init(bytes)
    }

    package static func of(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return Digest(hash)
    }

    package static func of(_ bytes: [UInt8]) -> Digest {
        bytes.withUnsafeBytes { of($0) }
    }

    fileprivate init(_ hash: SHA256) {
        let value = hash.finalize().withUnsafeBytes { raw -> Digest? in Digest(raw) }
        // SHA256Digest is 32 bytes by definition; the all-zero digest can name nothing.
        self = value ?? .zero
    }

    private init(w0: UInt64, w1: UInt64, w2: UInt64, w3: UInt64) {
        (self.w0, self.w1, self.w2, self.w3) = (w0, w1, w2, w3)
    }

    /// Thirty-two zero bytes: stands for "none" in fixed-width tables.
    package static let zero = Digest(w0: 0, w1: 0, w2: 0, w3: 0)

    package static func < (a: Digest, b: Digest) -> Bool {
        if a.w0 != b.w0 { return a.w0 < b.w0 }
        if a.w1 != b.w1 { return a.w1 < b.w1 }
        if a.w2 != b.w2 { return a.w2 < b.w2 }
        return a.w3 < b.w3
    }

    /// The first eight bytes as one number: already as good as random, for tables keyed by digest.
    package var leadingWord: UInt64 { w0 }

    package func hash(into hasher: inout Hasher) { hasher.combine(w0) }

    package var bytes: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(Self.byteCount)
        append(to: &out)
        return out
    }

    package func append(to out: inout [UInt8]) {
        for word in [w0, w1, w2, w3] {
            withUnsafeBytes(of: word.bigEndian) { out.append(contentsOf: $0) }
        }
    }

    /// Sixty-four lower-case hexadecimal digits.
    package var hex: String {
        var text: [UInt8] = []
        text.reserveCapacity(64)
        for byte in bytes {
            text.append(Self.digits[Int(byte >> 4)])
            text.append(Self.digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The first twelve hexadecimal digits, for people.
    package var short: String { String(hex.prefix(12)) }

    package var description: String { hex }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func nibble(_ c: UInt8) -> UInt8? {
        switch c {
        case 0x30...0x39: c - 0x30
        case 0x61...0x66: c - 0x61 + 10
        case 0x41...0x46: c - 0x41 + 10
        default: nil
        }
    }
}

/// Hashes content that comes in pieces.
package struct DigestBuilder {
    private var hash = SHA256()

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }

    package mutating func update(_ digest: Digest) { update(digest.bytes) }

    package mutating func update(_ text: String) { update(Array(text.utf8)) }

    /// The digest of everything so far; more may follow.
    package func finish() -> Digest { Digest(hash) }
}
