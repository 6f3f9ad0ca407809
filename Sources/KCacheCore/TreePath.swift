/// A path inside a tree: relative to its root, `/` between components, any bytes but NUL.
///
/// A value of this type never leaves the tree by its own text: no component is empty, `.` or `..`. (Links on
/// the disk are the business of who opens it.) The bytes need not be UTF-8.
package struct TreePath: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    /// PATH_MAX of Linux, less the final NUL.
    package static let longest = 4095
    /// NAME_MAX of Linux.
    package static let longestName = 255

    /// Takes the bytes if they are such a path; nil if not.
    package init?(_ bytes: [UInt8]) {
        guard bytes.withUnsafeBufferPointer(Self.isLegal) else { return nil }
        self.bytes = bytes
    }

    package init?(_ bytes: some Collection<UInt8>) { self.init(Array(bytes)) }

    private static func isLegal(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard !bytes.isEmpty, bytes.count <= longest else { return false }
        var length = 0
        var dots = 0
        for byte in bytes {
            if byte == slash {
                guard length > 0, length <= longestName, !(dots == length && length <= 2) else {
                    return false
                }
                (length, dots) = (0, 0)
            } else {
                if byte == 0 { return false }
                length += 1
                if byte == dot { dots += 1 }
            }
        }
        return length > 0 && length <= longestName && !(dots == length && length <= 2)
    }

    package init?(_ text: String) { self.init(Array(text.utf8)) }

    /// For names that the program makes itself: one component without slash or NUL.
    package init(literal name: [UInt8]) { bytes = name }

    /// For bytes that are known to hold: a prefix of a checked path.
    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// This path with one more component; nil if `name` is not a single legal component.
    package func appending(_ name: some Collection<UInt8>) -> TreePath? {
        guard !name.contains(slash) else { return nil }
        return TreePath(bytes + [slash] + Array(name))
    }

    /// The same for a directory's own entries, whose names hold no slash.
    package func appending(entry name: [UInt8]) -> TreePath? {
        var path: [UInt8] = []
        path.reserveCapacity(bytes.count + 1 + name.count)
        path += bytes
        path.append(slash)
        path += name
        return TreePath(path)
    }

    package static func < (a: TreePath, b: TreePath) -> Bool { compareBytes(a.bytes, b.bytes) < 0 }

    package static func == (a: TreePath, b: TreePath) -> Bool { a.bytes == b.bytes }

    package func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    /// The last component.
    package var name: ArraySlice<UInt8> { bytes[nameStart...] }

    package var nameStart: Int { (bytes.lastIndex(of: slash) ?? -1) + 1 }

    /// What stands before the last component; nil at the tree's root.
    package var parent: TreePath? {
        guard let cut = bytes.lastIndex(of: slash) else { return nil }
        return TreePath(unchecked: Array(bytes[..<cut]))
    }

    package var components: [ArraySlice<UInt8>] { bytes.split(separator: slash) }

    /// The number of components.
    package var depth: Int { bytes.reduce(1) { $0 + ($1 == slash ? 1 : 0) } }

    /// True if this path is `directory` or lies below it.
    package func isInside(_ directory: TreePath) -> Bool {
        bytes.starts(with: directory.bytes)
            && (bytes.count == directory.bytes.count || bytes[directory.bytes.count] == slash)
    }

    package func hasPrefix(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes.starts(with: $0) }
    }

    package func hasSuffix(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes.count >= $0.count && bytes.suffix($0.count).elementsEqual($0) }
    }

    /// For people: bytes that are not printable ASCII or valid UTF-8 as in a C string.
    package var description: String { quoteForPeople(bytes) }

    /// The path as text if it is UTF-8.
    package var text: String? { String(validating: bytes, as: UTF8.self) }
}

let slash = UInt8(ascii: "/")
let dot = UInt8(ascii: ".")

/// memcmp order, a shorter prefix first.
package func compareBytes(_ a: [UInt8], _ b: [UInt8]) -> Int {
    a.withUnsafeBufferPointer { p in
        b.withUnsafeBufferPointer { q in
            let n = min(p.count, q.count)
            var i = 0
            while i < n {
                let (x, y) = (p[i], q[i])
                if x != y { return x < y ? -1 : 1 }
                i += 1
            }
            return p.count - q.count
        }
    }
}

/// Makes any bytes safe to print on one line: control bytes and broken UTF-8 become `\ooo`.
package func quoteForPeople(_ bytes: some Collection<UInt8>) -> String {
    if let text = String(validating: bytes, as: UTF8.self),
        !text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) })
    {
        return text
    }
    var out = ""
    for byte in bytes {
        if (0x20..<0x7f).contains(byte) {
            out.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
            let octal = String(byte, radix: 8)
            out += "\\" + String(repeating: "0", count: 3 - octal.count) + octal
        }
    }
    return out
}
