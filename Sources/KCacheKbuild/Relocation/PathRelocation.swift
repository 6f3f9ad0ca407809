import KCacheCore

/// Takes a tree's own path out of text that the build wrote, and puts another in.
///
/// Text with NUL bytes is never touched: it may be binary, and the placeholder itself holds NUL.
package enum PathRelocation {
    /// The stored form: `PathPlaceholder.token` where the path stood; nil if the path does not occur or the
    /// bytes are no text.
    package static func stored(_ bytes: [UInt8], treePath: [UInt8]) -> [UInt8]? {
        guard isUsable(treePath), !bytes.contains(0) else { return nil }
        return replace(treePath, by: PathPlaceholder.token, in: bytes, atBoundaries: true)
    }

    /// The form for a tree at another path; nil if there is no placeholder.
    package static func restored(_ bytes: [UInt8], treePath: [UInt8]) -> [UInt8]? {
        guard isUsable(treePath) else { return nil }
        return replace(PathPlaceholder.token, by: treePath, in: bytes, atBoundaries: false)
    }

    /// Where the path stands as a whole: not as part of a longer name on either side.
    package static func occurrences(of treePath: [UInt8], in bytes: [UInt8]) -> [Int] {
        isUsable(treePath) ? places(of: treePath, in: bytes, atBoundaries: true) : []
    }

    /// Absolute, without a final slash, and not the root itself (whose `/` stands everywhere).
    package static func isUsable(_ path: [UInt8]) -> Bool {
        path.count > 1 && path[0] == UInt8(ascii: "/") && path[path.count - 1] != UInt8(ascii: "/")
            && !path.contains(0)
    }

    private static func replace(
        _ old: [UInt8], by new: [UInt8], in bytes: [UInt8], atBoundaries: Bool
    ) -> [UInt8]? {
        let found = places(of: old, in: bytes, atBoundaries: atBoundaries)
        guard !found.isEmpty else { return nil }
        var out: [UInt8] = []
        var from = 0
        for place in found {
            out += bytes[from..<place]
            out += new
            from = place + old.count
        }
        out += bytes[from...]
        return out
    }

    private static func places(of needle: [UInt8], in bytes: [UInt8], atBoundaries: Bool) -> [Int] {
        var found: [Int] = []
        guard let first = needle.first else { return [] }
        bytes.withUnsafeBufferPointer { text in
            var i = 0
            while i <= text.count - needle.count {
                guard text[i] == first, text[i..<(i + needle.count)].elementsEqual(needle) else {
                    i += 1
                    continue
                }
                let end = i + needle.count
                let isWhole =
                    !isContinued(text, at: i) && (end == text.count || endsPath(text[end]))
                if !atBoundaries || isWhole {
                    found.append(i)
                    i = end
                } else {
                    i += 1
                }
            }
        }
        return found
    }

    /// True if what stands before makes the path part of a longer one: `/my/src`, `./src`, `sub/src`. An
    /// option's name (`-I/src`) and the start of Kbuild's variables (`cmd_/src`) do not.
    private static func isContinued(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> Bool {
        var start = place
        while start > 0, isNameByte(text[start - 1]) { start -= 1 }
        guard start < place else { return start > 0 && text[start - 1] == UInt8(ascii: "/") }
        if start > 0, text[start - 1] == UInt8(ascii: "/") { return true }
        let word = text[start..<place]
        if word.first == UInt8(ascii: "-"), word.last != UInt8(ascii: ".") { return false }
        return !["cmd_", "savedcmd_", "source_", "deps_"].contains { word.elementsEqual($0.utf8) }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x80...0xff: true
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "~"),
            UInt8(ascii: "@"), UInt8(ascii: "%"):
            true
        default: false
        }
    }

    private static func endsPath(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "/"), UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"),
            UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: ","),
            UInt8(ascii: ")"),
            UInt8(ascii: "("), UInt8(ascii: "\\"), UInt8(ascii: "="), UInt8(ascii: "<"), UInt8(ascii: ">"),
            UInt8(ascii: "|"),
            UInt8(ascii: "&"), UInt8(ascii: "`"), UInt8(ascii: "]"), UInt8(ascii: "}"), 0:
            true
        default: false
        }
    }
}
