/// One line of a TOML file, read from the left.
struct TomlLine {
    enum Content {
        case table([String])
        case value([String], TomlDocument.Value)
    }

    private typealias Problem = TomlDocument.Problem

    private let text: [Unicode.Scalar]
    private let number: Int
    private var at = 0

    init(_ bytes: ArraySlice<UInt8>, _ number: Int) throws(TomlDocument.Problem) {
        guard let string = String(validating: bytes, as: UTF8.self) else {
            throw Problem(line: number, text: "this is no UTF-8: save the file as UTF-8")
        }
        let scalars = Array(string.unicodeScalars)
        if let control = scalars.first(where: { ($0.value < 0x20 && $0 != "\t") || $0.value == 0x7f }) {
            throw Problem(
                line: number,
                text: "there is a control character (\(quoteForPeople([UInt8(control.value)]))): remove it")
        }
        (text, self.number) = (scalars, number)
    }

    /// What the line says; nil for a blank one or a comment.
    mutating func read() throws(TomlDocument.Problem) -> Content? {
        skipBlanks()
        guard let first = peek, first != "#" else { return nil }
        if take("[") {
            if peek == "[" { throw problem("lists of tables are not known here: write [NAME]") }
            let path = try keys()
            guard take("]") else { throw problem("a ] is missing after the table's name") }
            try end()
            return .table(path)
        }
        let path = try keys()
        guard take("=") else { throw problem("no = after the key: write KEY = VALUE") }
        skipBlanks()
        let value = try value()
        try end()
        return .value(path, value)
    }

    // MARK: Keys

    private mutating func keys() throws(TomlDocument.Problem) -> [String] {
        var path: [String] = []
        repeat {
            skipBlanks()
            path.append(try key())
            skipBlanks()
        } while take(".")
        return path
    }

    private mutating func key() throws(TomlDocument.Problem) -> String {
        if take("\"") { return try basicString() }
        if take("'") { return try literalString() }
        var name = ""
        while let scalar = peek, Self.isBare(scalar) {
            name.unicodeScalars.append(scalar)
            at += 1
        }
        if name.isEmpty { throw problem("a key is missing: write KEY = VALUE, or [TABLE]") }
        return name
    }

    private static func isBare(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
        default: false
        }
    }

    // MARK: Values

    private mutating func value() throws(TomlDocument.Problem) -> TomlDocument.Value {
        if take("\"") {
            if peek == "\"", at + 1 < text.count, text[at + 1] == "\"" { throw severalLines }
            return .string(try basicString())
        }
        if take("'") {
            if peek == "'", at + 1 < text.count, text[at + 1] == "'" { throw severalLines }
            return .string(try literalString())
        }
        var word = ""
        while let scalar = peek, !" \t#,]}".unicodeScalars.contains(scalar) {
            word.unicodeScalars.append(scalar)
            at += 1
        }
        switch word {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "":
            throw problem("a value is missing: write true, false, a number, or a text in quotes")
        default:
            guard let number = Self.integer(word) else {
                throw problem(
                    "\(word) is no value that is known here: write true, false, a number, or a text in quotes"
                )
            }
            return .integer(number)
        }
    }

    private var severalLines: TomlDocument.Problem {
        problem("texts over several lines are not known here: use one quote at each end")
    }

    /// Decimal, or with 0x, 0o, 0b; an underscore may stand between two digits.
    private static func integer(_ word: String) -> Int64? {
        var bytes = Array(word.utf8)
        let isSigned = bytes.first == UInt8(ascii: "+") || bytes.first == UInt8(ascii: "-")
        let isNegative = bytes.first == UInt8(ascii: "-")
        if isSigned { bytes.removeFirst() }
        var radix = 10
        if bytes.count > 2, bytes[0] == UInt8(ascii: "0"), !isSigned {
            switch bytes[1] {
            case UInt8(ascii: "x"): radix = 16
            case UInt8(ascii: "o"): radix = 8
            case UInt8(ascii: "b"): radix = 2
            default: break
            }
            if radix != 10 { bytes.removeFirst(2) }
        }
        let parts = bytes.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        let digits = String(decoding: parts.joined(), as: UTF8.self)
        if digits.hasPrefix("+") || digits.hasPrefix("-") { return nil }
        if radix == 10, digits.utf8.count > 1, digits.hasPrefix("0") { return nil }
        return Int64((isNegative ? "-" : "") + digits, radix: radix)
    }

    // MARK: Strings

    private mutating func literalString() throws(TomlDocument.Problem) -> String {
        var out = ""
        while let scalar = peek {
            at += 1
            if scalar == "'" { return out }
            out.unicodeScalars.append(scalar)
        }
        throw problem("a ' is missing at the end of the text")
    }

    private mutating func basicString() throws(TomlDocument.Problem) -> String {
        var out = ""
        while let scalar = peek {
            at += 1
            switch scalar {
            case "\"": return out
            case "\\": out.unicodeScalars.append(try escaped())
            default: out.unicodeScalars.append(scalar)
            }
        }
        throw problem("a \" is missing at the end of the text")
    }

    private mutating func escaped() throws(TomlDocument.Problem) -> Unicode.Scalar {
        guard let scalar = peek else { throw problem("a \\ stands at the end of the line") }
        at += 1
        switch scalar {
        case "b": return "\u{8}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{c}"
        case "r": return "\r"
        case "\"", "\\": return scalar
        case "u": return try scalarOfHex(4)
        case "U": return try scalarOfHex(8)
        default: throw problem("\\\(scalar) means nothing: write \\\\ for a backslash, or use ' quotes")
        }
    }

    private mutating func scalarOfHex(_ count: Int) throws(TomlDocument.Problem) -> Unicode.Scalar {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = peek.flatMap({ Character($0).hexDigitValue }),
                let small = UInt32(exactly: digit),
                peek?.isASCII == true
            else { throw problem("\\u takes 4 and \\U 8 hexadecimal digits") }
            value = value << 4 | small
            at += 1
        }
        guard let scalar = Unicode.Scalar(value) else { throw problem("there is no such character") }
        return scalar
    }

    // MARK: Steps

    private var peek: Unicode.Scalar? { at < text.count ? text[at] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        at += 1
        return true
    }

    private mutating func skipBlanks() { while peek == " " || peek == "\t" { at += 1 } }

    private mutating func end() throws(TomlDocument.Problem) {
        skipBlanks()
        guard let next = peek, next != "#" else { return }
        throw problem("more stands after the value: one value a line, then nothing or a # comment")
    }

    private func problem(_ text: String) -> TomlDocument.Problem {
        TomlDocument.Problem(line: number, text: quoteForPeople(Array(text.utf8)))
    }
}
