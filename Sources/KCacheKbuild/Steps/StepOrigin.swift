/// Finds out of which target a line of text speaks, so that what failed can be named.
package enum StepOrigin {
    /// The target of make's own `make[2]: *** [scripts/Makefile.build:250: fs/x.o] Error 1`; nil for any other
    /// line.
    package static func failedTarget(_ line: some Collection<UInt8>) -> [UInt8]? {
        let line = Array(line)
        guard line.count <= StepLine.longest,
            line.starts(with: "make".utf8) || line.starts(with: "gmake".utf8),
            let stars = firstRange(of: Array(": *** [".utf8), in: line)
        else { return nil }
        let body = line[stars.upperBound...]
        guard let end = body.lastIndex(of: UInt8(ascii: "]")) else { return nil }
        var target = body[..<end]
        // Versions before 4 name no place.
        if let colon = target.lastIndex(of: UInt8(ascii: " ")), colon > target.startIndex,
            target[colon - 1] == UInt8(ascii: ":")
        {
            target = target[(colon + 1)...]
        }
        return target.isEmpty ? nil : Array(target)
    }

    /// The object that is made from the source of a compiler's message, `fs/x.o` for `fs/x.c:3:5: error: …`; nil
    /// for any other line. Colours are passed over.
    package static func object(_ line: some Collection<UInt8>) -> [UInt8]? {
        guard line.count <= StepLine.longest else { return nil }
        let plain = withoutColours(Array(line))
        guard let colon = plain.firstIndex(of: UInt8(ascii: ":")), colon + 1 < plain.count,
            plain[colon + 1] == UInt8(ascii: " ") || (0x30...0x39).contains(plain[colon + 1])
        else { return nil }
        var source = plain[..<colon]
        if source.starts(with: "./".utf8) { source = source.dropFirst(2) }
        guard let dot = source.lastIndex(of: UInt8(ascii: ".")), dot > source.startIndex,
            [Array("c".utf8), Array("S".utf8), Array("rs".utf8)].contains(Array(source[(dot + 1)...])),
            !source.contains(UInt8(ascii: " "))
        else { return nil }
        return source[..<dot] + Array(".o".utf8)
    }

    /// Without the escape sequences that a compiler colours its text with (ECMA-48 CSI).
    private static func withoutColours(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(0x1b) else { return bytes }
        var plain: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] == 0x1b, i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: "[") {
                i += 2
                while i < bytes.count, !(0x40...0x7e).contains(bytes[i]) { i += 1 }
            } else {
                plain.append(bytes[i])
            }
            i += 1
        }
        return plain
    }

    private static func firstRange(of needle: [UInt8], in bytes: [UInt8]) -> Range<Int>? {
        guard bytes.count >= needle.count else { return nil }
        for start in 0...(bytes.count - needle.count)
        where bytes[start..<start + needle.count].elementsEqual(needle) {
            return start..<start + needle.count
        }
        return nil
    }
}
