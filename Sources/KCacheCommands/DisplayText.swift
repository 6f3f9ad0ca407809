/// Text as it takes up columns of a terminal.
enum DisplayText {
    /// The longest beginning that fits. What has no place on a line becomes a question mark.
    static func cut(_ text: String, to columns: Int) -> String {
        var (result, used) = (String.UnicodeScalarView(), 0)
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control
            let width = isControl ? 1 : width(of: scalar)
            if used + width > columns { break }
            used += width
            result.append(isControl ? "?" : scalar)
        }
        return String(result)
    }

    /// 0 for what stands on the letter before it, 2 for East Asian wide letters and pictures (UAX #11), else 1.
    static func width(of scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff,
            0xa000...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60,
            0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
            return 2
        default: return 1
        }
    }
}
