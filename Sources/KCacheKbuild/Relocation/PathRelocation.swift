import KCacheCore
import KCacheSystem

/// Takes a tree's own paths out of text that the build wrote, and puts others in.
///
/// Text with NUL bytes is never touched: it may be binary, and the placeholder itself holds NUL.
package enum PathRelocation {
    /// The stored form: a `PathPlaceholder` where a path stood; nil if none occurs or the bytes are no text.
    package static func stored(_ bytes: [UInt8], _ paths: TreePaths) -> [UInt8]? {
        guard !bytes.contains(0) else { return nil }
        return replace(paths.items.map { ($0.path, $0.token) }, in: bytes, atBoundaries: true)
    }

    /// The form for a tree at other paths; nil if there is no placeholder, or one for which there is no path here.
    package static func restored(_ bytes: [UInt8], _ paths: TreePaths) -> [UInt8]? {
        let missing = [PathPlaceholder.token, PathPlaceholder.sourceToken, PathPlaceholder.kernelToken].filter
        {
            token in !paths.items.contains { $0.token == token }
        }
        guard !missing.contains(where: { ByteSearch.contains(bytes[...], $0) }) else { return nil }
        return replace(paths.items.map { ($0.token, $0.path) }, in: bytes, atBoundaries: false)
    }

    /// The same for a tree that has only one path.
    package static func stored(_ bytes: [UInt8], treePath: [UInt8]) -> [UInt8]? {
        stored(bytes, TreePaths(tree: treePath))
    }

    package static func restored(_ bytes: [UInt8], treePath: [UInt8]) -> [UInt8]? {
        restored(bytes, TreePaths(tree: treePath))
    }

    /// Where the path stands as a whole: not as part of a longer name on either side.
    package static func occurrences(of treePath: [UInt8], in bytes: [UInt8]) -> [Int] {
        isUsable(treePath) ? places(of: [treePath], in: bytes, atBoundaries: true).map(\.at) : []
    }

    /// Absolute, without a final slash, and not the root itself (whose `/` stands everywhere).
    package static func isUsable(_ path: [UInt8]) -> Bool {
        path.count > 1 && path[0] == UInt8(ascii: "/") && path[path.count - 1] != UInt8(ascii: "/")
            && !path.contains(0)
    }

    private static func replace(
        _ pairs: [(old: [UInt8], new: [UInt8])], in bytes: [UInt8], atBoundaries: Bool
    ) -> [UInt8]? {
        let found = places(of: pairs.map(\.old), in: bytes, atBoundaries: atBoundaries)
        guard !found.isEmpty else { return nil }
        var out: [UInt8] = []
        var from = 0
        for place in found {
            out += bytes[from..<place.at]
            out += pairs[place.needle].new
            from = place.at + pairs[place.needle].old.count
        }
        out += bytes[from...]
        return out
    }

    private struct Place {
        let at: Int
        let needle: Int
    }

    /// Where the needles stand; of several at one place the first counts.
    private static func places(of needles: [[UInt8]], in bytes: [UInt8], atBoundaries: Bool) -> [Place] {
        var found: [Place] = []
        let firsts = Set(needles.compactMap(\.first))
        guard !firsts.isEmpty else { return [] }
        bytes.withUnsafeBufferPointer { text in
            func isHere(_ needle: [UInt8], _ i: Int) -> Bool {
                let end = i + needle.count
                guard !needle.isEmpty, end <= text.count, text[i..<end].elementsEqual(needle) else {
                    return false
                }
                return !atBoundaries
                    || !isContinued(text, at: i) && (end == text.count || endsPath(text[end]))
            }
            var i = 0
            while i < text.count {
                if firsts.contains(text[i]), let needle = needles.firstIndex(where: { isHere($0, i) }) {
                    found.append(Place(at: i, needle: needle))
                    i += needles[needle].count
                } else {
                    i += 1
                }
            }
        }
        return found
    }

    /// True if what stands before makes the path part of a longer one: `/my/src`, `./src`, `sub/src`. An
    /// option's name (`-I/src`), a response file's sign (`@/src`) and the start of Kbuild's variables (`cmd_/src`) do not.
    private static func isContinued(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> Bool {
        var start = place
        while start > 0, isNameByte(text[start - 1]) { start -= 1 }
        guard start < place else { return start > 0 && text[start - 1] == UInt8(ascii: "/") }
        if start > 0, text[start - 1] == UInt8(ascii: "/") { return true }
        let word = text[start..<place]
        if word.first == UInt8(ascii: "-"), word.last != UInt8(ascii: ".") { return false }
        return !["@", "cmd_", "savedcmd_", "source_", "deps_"].contains { word.elementsEqual($0.utf8) }
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
