/// A number of bytes.
package struct ByteCount: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }
    package init(_ value: Int) { self.value = UInt64(max(0, value)) }

    package static let zero = ByteCount(0 as UInt64)

    package static func < (a: ByteCount, b: ByteCount) -> Bool { a.value < b.value }
    package static func + (a: ByteCount, b: ByteCount) -> ByteCount {
        let (sum, overflow) = a.value.addingReportingOverflow(b.value)
        return ByteCount(overflow ? .max : sum)
    }
    package static func += (a: inout ByteCount, b: ByteCount) { a = a + b }

    /// Decimal units with three significant digits: `0 B`, `999 B`, `1.02 kB`, `175 MB`.
    package var description: String {
        let units = ["B", "kB", "MB", "GB", "TB", "PB"]
        var size = Double(value)
        var unit = 0
        while size >= 999.5, unit + 1 < units.count {
            size /= 1000
            unit += 1
        }
        if unit == 0 { return "\(value) B" }
        let decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0
        return "\(fixed(size, decimals)) \(units[unit])"
    }

    /// Reads `4096`, `10k`, `10kB`, `5M`, `20G`, `1T` (decimal) and `KiB`, `MiB`, `GiB`, `TiB` (binary); nil
    /// for anything else.
    package init?(text: String) {
        let lower = text.lowercased()
        let digits = lower.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        guard let number = Double(digits), number >= 0 else { return nil }
        let scales: [String: Double] = [
            "": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12,
            "tb": 1e12,
            "kib": 1024, "mib": 1_048_576, "gib": 1_073_741_824, "tib": 1_099_511_627_776,
        ]
        let unit = lower.dropFirst(digits.count).drop { $0 == " " }
        guard let scale = scales[String(unit)], number * scale < 9e18 else { return nil }
        value = UInt64(number * scale)
    }
}

/// A number with a fixed count of decimals, rounded half away from zero; without Foundation.
package func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled.isFinite, scaled < 9e18 else { return "\(value)" }
    let digits = String(UInt64(scaled))
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if decimals == 0 { return sign + padded }
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
}
