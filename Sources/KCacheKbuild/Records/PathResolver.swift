package import KCacheCore

/// Turns a path as make writes it into a path inside the tree.
///
/// Make's paths are relative to where it ran, may hold `./` and `a/../`, and are absolute in tools/build and where
/// the sources lie apart (`O=`).
package struct PathResolver: Sendable {
    /// The tree's own absolute path, without a slash at its end.
    package let root: [UInt8]
    /// That of its sources, where they lie apart: what lies there is a path of the tree as well.
    private let source: [UInt8]?
    /// The sources lie in the directory above, and Kbuild calls them `..` (top Makefile, srctree).
    private let isBelowSource: Bool

    package init(root: [UInt8], source: [UInt8]? = nil) {
        (self.root, self.source) = (root, source)
        isBelowSource =
            source.map { root.lastIndex(of: UInt8(ascii: "/")).map { root[..<$0] } == $0[...] } ?? false
    }

    /// The path inside the tree; nil if it lies outside or is none.
    package func resolve(_ path: some Collection<UInt8>, in base: TreePath? = nil) -> TreePath? {
        var text = Array(path)
        var base = base
        if text.first == UInt8(ascii: "/") {
            // The output tree may lie in that of the sources, or the other way round.
            let places = [root, source ?? []].sorted { $0.count > $1.count }
            guard let place = places.first(where: { Self.isBelow(text, $0) }) else { return nil }
            text.removeFirst(place.count + 1)
            base = nil
        }
        if base == nil, !needsWork(text) { return TreePath(text) }
        var parts: [ArraySlice<UInt8>] = base?.components ?? []
        var isAbove = false
        for part in text.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual([UInt8(ascii: ".")]) { continue }
            if part.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) {
                guard parts.popLast() == nil else { continue }
                guard isBelowSource, !isAbove else { return nil }
                isAbove = true
                continue
            }
            parts.append(part)
        }
        return TreePath(Array(parts.joined(separator: [UInt8(ascii: "/")])))
    }

    private static func isBelow(_ text: [UInt8], _ place: [UInt8]) -> Bool {
        !place.isEmpty && text.count > place.count && text.starts(with: place)
            && text[place.count] == UInt8(ascii: "/")
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
