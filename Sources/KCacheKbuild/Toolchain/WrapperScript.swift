/// A script that does nothing but run a compiler: `exec PROG [options] "$@"`.
package struct WrapperScript: Hashable, Sendable {
    /// What it runs, and the plain options in front of its own arguments.
    package let words: [String]

    /// Nil for a script of any other form, which may do anything.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= 4096, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard lines.popFirst() == "#!/bin/sh" else { return nil }
        var found: [String]?
        for line in lines {
            let line = line.drop { $0 == " " || $0 == "\t" }
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard found == nil, let words = Self.call(line) else { return nil }
            found = words
        }
        guard let found else { return nil }
        words = found
    }

    private static func call(_ line: Substring) -> [String]? {
        var words = line.split { $0 == " " || $0 == "\t" }.map { String($0) }
        guard words.count >= 3, words.removeFirst() == "exec", words.removeLast() == "\"$@\"" else {
            return nil
        }
        let plain = words.allSatisfy { word in
            word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "/._-+,=".utf8.contains(byte)
                }
            }
        }
        guard plain, let program = words.first, !program.hasPrefix("-"), !program.contains("="),
            words.dropFirst().allSatisfy({ $0.hasPrefix("-") })
        else { return nil }
        return words
    }
}
