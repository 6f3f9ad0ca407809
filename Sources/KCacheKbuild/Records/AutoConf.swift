/// The values of CONFIG symbols, as `.config` and `include/config/auto.conf` say them.
///
/// Both are lines of `CONFIG_NAME=value`; `.config` also has `# CONFIG_NAME is not set`, which means the same
/// as no line (scripts/kconfig/confdata.c). Strings are quoted in `.config`, and in auto.conf up to 5.16 only.
/// Lines of any other shape are passed over, as Kconfig does.
package struct AutoConf: Hashable, Sendable {
    /// Values by name without `CONFIG_`; strings without their quotes. No entry means `n`.
    package private(set) var values: [String: String] = [:]

    package init() {}

    package init(parsing bytes: [UInt8]) {
        bytes.withUnsafeBytes { raw in
            var at = 0
            while at < raw.count {
                let end = raw.firstIndex(of: UInt8(ascii: "\n"), from: at)
                let line = at..<end
                at = end + 1
                guard raw.has("CONFIG_", at: line.lowerBound) else { continue }
                let equals = raw.firstIndex(of: UInt8(ascii: "="), from: line.lowerBound)
                guard equals < line.upperBound, equals > line.lowerBound + 7 else { continue }
                let value = raw.trimmed((equals + 1)..<line.upperBound)
                if value.count == 1, raw[value.lowerBound] == UInt8(ascii: "n") { continue }
                let name = String(decoding: raw[(line.lowerBound + 7)..<equals], as: UTF8.self)
                values[name] = String(decoding: Self.unquote(raw[value]), as: UTF8.self)
            }
        }
    }

    /// Undoes sym_escape_string_value: `"a\\"b"` is `a"b`.
    private static func unquote(_ value: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
        let quote = UInt8(ascii: "\"")
        guard value.count >= 2, value.first == quote, value.last == quote else { return Array(value) }
        var out: [UInt8] = []
        var escaped = false
        for byte in value.dropFirst().dropLast() {
            if !escaped, byte == UInt8(ascii: "\\") {
                escaped = true
            } else {
                out.append(byte)
                escaped = false
            }
        }
        return out
    }

    /// The value of CONFIG_`name`; `n` where the file has none.
    package subscript(name: String) -> String { values[name] ?? "n" }

    /// The symbols whose value is not the same: those that syncconfig will touch under `include/config/`
    /// (conf_touch_deps in scripts/kconfig/confdata.c).
    package func differences(from other: AutoConf) -> Set<String> {
        var names: Set<String> = []
        for (name, value) in values where other.values[name] != value { names.insert(name) }
        for name in other.values.keys where values[name] == nil { names.insert(name) }
        return names
    }
}
