package import KCacheCore

/// Turns a path as make writes it into a path inside the tree.
///
/// Make's paths are relative to where it ran, may hold `./` and `a/../`, and are absolute in tools/build.
package struct PathResolver: Sendable {
    /// The tree's own absolute path, without a slash at its end.
    package let root: [UInt8]

    package init(root: [UInt8]) { self.root = root }

    /// The path inside the tree; nil if it lies outside or is none.
    package func resolve(_ path: some Collection<UInt8>, in base: TreePath? = nil) -> TreePath? {
        var text = Array(path)
        var base = base
        if text.first == UInt8(ascii: "/") {
            guard !root.isEmpty, text.count > root.count, text.starts(with: root),
                text[root.count] == UInt8(ascii: "/")
            else { return nil }
            text.removeFirst(root.count + 1)
            base = nil
        }
        if base == nil, !needsWork(text) { return TreePath(text) }
        var parts: [ArraySlice<UInt8>] = base?.components ?? []
        for part in text.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual([UInt8(ascii: ".")]) { continue }
            if part.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) {
                guard parts.popLast() != nil else { return nil }
                continue
            }
            parts.append(part)
        }
        return TreePath(Array(parts.joined(separator: [UInt8(ascii: "/")])))
    }

    /// True for a path with an empty, `.` or `..` component.
    private func needsWork(_ text: [UInt8]) -> Bool {
        var previous = UInt8(ascii: "/")
        for byte in text {
            if previous == UInt8(ascii: "/"), byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/") {
                return true
            }
            previous = byte
        }
        return false
    }
}
