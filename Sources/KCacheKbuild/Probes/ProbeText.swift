import KCacheCore

/// How text stands in the makefiles of the probe cache.
///
/// Keys and answers are percent-encoded, so that a line of answers is one plain word on each side of `:=`,
/// whatever the probe's text. The same encoding is done by make itself, in `ProbeMakefile.encoding`.
enum ProbeText {
    /// What make or a quoting shell would not take literally, and how it is written; `%` itself comes first.
    static let codes: [(character: Character, code: String)] = [
        ("%", "%25"), (" ", "%20"), ("\t", "%09"), ("\n", "%0A"), (":", "%3A"), ("=", "%3D"), ("#", "%23"),
        ("$", "%24"), ("(", "%28"), (")", "%29"), ("{", "%7B"), ("}", "%7D"), ("\\", "%5C"), ("'", "%27"),
    ]
    /// Stands between the arguments of a call.
    static let separator = "%;"
    /// Begins every answer, so that an empty one is no empty variable.
    static let mark = "%_"

    static func encode(_ text: String) -> String {
        var out = ""
        for character in text.unicodeScalars {
            out += codes.first { $0.character.unicodeScalars.first == character }?.code ?? String(character)
        }
        return out
    }

    /// Nil if the text is not what `encode` makes.
    static func decode(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let code = "%" + String(decoding: rest.prefix(2), as: UTF8.self)
            guard let found = codes.first(where: { $0.code == code }) else { return nil }
            bytes += Array(found.character.utf8)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// True for a word of printable ASCII that holds no character which has to be encoded.
    static func isEncoded(_ word: some Collection<UInt8>) -> Bool {
        !word.isEmpty
            && word.allSatisfy { byte in
                guard byte > 0x20, byte < 0x7f else { return false }
                return byte == UInt8(ascii: "%") || !forbidden.contains(byte)
            }
    }

    private static let forbidden = Set(codes.flatMap { Array($0.character.utf8) })

    /// Text as a makefile's value: make reads back exactly this. Needs `ProbeMakefile.constants`.
    static func value(_ text: String) -> String {
        var out = "$(kcache-empty)"
        for scalar in text.unicodeScalars {
            switch scalar {
            case "$": out += "$$"
            case "#": out += "$(kcache-hash)"
            case "\\": out += "$(kcache-backslash)"
            case "\n": out += "$(kcache-newline)"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "$(kcache-empty)"
    }

    /// The name of the file that holds a directory's answers; make does the same substitution.
    static func fileName(object: String?) -> String {
        guard let object else { return "top.mk" }
        return "o" + object.replacing("@", with: "@0").replacing("/", with: "@1") + ".mk"
    }

    /// True for a name that `fileName` gives and that make takes as one plain word.
    static func isFileName(_ name: some StringProtocol) -> Bool {
        guard name.utf8.count <= 200, name.hasSuffix(".mk"), name.hasPrefix("o") || name == "top.mk" else {
            return false
        }
        return name.utf8.allSatisfy(isPlain)
    }

    /// True for a path that make neither splits nor expands anywhere.
    static func isPlainPath(_ path: String) -> Bool {
        path.hasPrefix("/") && path.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "/") }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "+"), UInt8(ascii: "@"), 0x80...:
            true
        default: false
        }
    }
}
