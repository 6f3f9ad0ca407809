/// Base64 as RFC 4648 section 4 has it.
package enum Base64 {
    private static let letters = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    package static func encode(_ bytes: [UInt8], padded: Bool = true) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word: UInt32 = 0
            for byte in group { word = word << 8 | UInt32(byte) }
            word <<= 8 * UInt32(3 - group.count)
            for place in 0...group.count { out.append(letters[Int(word >> UInt32(18 - 6 * place)) & 63]) }
            if padded { out.append(contentsOf: repeatElement(padding, count: 3 - group.count)) }
        }
        return out
    }

    /// Nil for anything but what `encode` makes, padding included.
    package static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(text.count / 4 * 3)
        let body = text.dropLast(text.reversed().prefix(2).prefix { $0 == padding }.count)
        var (word, bits): (UInt32, UInt32) = (0, 0)
        for letter in body {
            guard let value = value(of: letter) else { return nil }
            (word, bits) = ((word << 6 | value) & 0xffff, bits + 6)
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: word >> bits))
            }
        }
        // Bits that no byte takes must be zero: one text for each content.
        return word & ((1 << bits) - 1) == 0 ? out : nil
    }

    private static func value(of letter: UInt8) -> UInt32? {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
