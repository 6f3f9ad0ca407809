/// The words of MAKEFLAGS.
enum MakeflagsText {
    /// Splits at blanks; a backslash keeps the byte that follows it (`decode_env_switches` in main.c).
    ///
    /// The first word may be letters without a dash: it gets one.
    static func words(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        var words: [[UInt8]] = []
        var word: [UInt8] = []
        var i = bytes.firstIndex { !blank($0) } ?? bytes.count
        guard i < bytes.count else { return [] }
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "\\"), i + 1 < bytes.count {
                i += 1
            } else if blank(bytes[i]) {
                words.append(word)
                word = []
                while i < bytes.count, blank(bytes[i]) { i += 1 }
                continue
            }
            word.append(bytes[i])
            i += 1
        }
        words.append(word)
        if let first = words.first, first.first != UInt8(ascii: "-"), !first.contains(UInt8(ascii: "=")) {
            words[0] = [UInt8(ascii: "-")] + first
        }
        return words.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func blank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }
}
