import KCacheSystem

/// Puts one path in the place of another in a stream of bytes, wherever the pieces are cut.
struct PathTranslation {
    private let from: [UInt8]
    private let to: [UInt8]
    /// The end of what came, where it may be the beginning of the path.
    private var held: [UInt8] = []

    init(from: [UInt8], to: [UInt8]) { (self.from, self.to) = (from, to) }

    /// What may be shown now.
    mutating func take(_ bytes: [UInt8]) -> [UInt8] {
        guard !from.isEmpty else { return bytes }
        var rest = (held + bytes)[...]
        held = []
        var out: [UInt8] = []
        while let first = rest.firstIndex(of: from[0]) {
            let match = rest[first...].prefix(from.count)
            if match.elementsEqual(from) {
                out += rest[..<first] + to
                rest = rest[(first + from.count)...]
            } else if match.count < from.count, from.starts(with: match) {
                held = Array(rest[first...])
                rest = rest[..<first]
                break
            } else {
                out += rest[...first]
                rest = rest[(first + 1)...]
            }
        }
        return out + rest
    }

    /// What was held back.
    mutating func finish() -> [UInt8] {
        defer { held = [] }
        return held
    }
}
