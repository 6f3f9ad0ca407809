/// The environment that make gets: the entries as they came, and what is added.
struct MakeVariables {
    private(set) var entries: [[UInt8]]
    /// By name. Where two entries have one name the first counts, as for getenv(3).
    private(set) var values: [String: String] = [:]

    init(_ entries: [[UInt8]]) {
        self.entries = entries
        for entry in entries {
            guard let (name, value) = Self.split(entry), values[name] == nil else { continue }
            values[name] = value
        }
    }

    subscript(name: String) -> String? { values[name] }

    mutating func set(_ name: String, _ value: String) {
        entries.removeAll { Self.split($0)?.name == name }
        entries.append(Array("\(name)=\(value)".utf8))
        values[name] = value
    }

    private static func split(_ entry: [UInt8]) -> (name: String, value: String)? {
        guard let cut = entry.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        return (
            String(decoding: entry[..<cut], as: UTF8.self),
            String(decoding: entry[(cut + 1)...], as: UTF8.self)
        )
    }
}
