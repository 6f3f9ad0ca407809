/// Names the root filesystem that a tree was built in.
package struct RootReference: Hashable, Sendable {
    /// Over paths, contents, execute bits and links, as `SourcesDigest` has them.
    package var digest: Digest
    /// What its user called it; for people only.
    package var name: String

    package init(digest: Digest, name: String) { (self.digest, self.name) = (digest, name) }
}

/// Values of kcache's own among a snapshot's named ones (`docs/format.md`).
private enum OwnPin {
    /// `DIGEST NAME`: the root that the tree was built in.
    static let builtIn = "KCACHE_ROOT"
    /// `1`: the snapshot is of a root, not of a Kbuild tree.
    static let isRoot = "KCACHE_IS_ROOT"
    static let all: Set<String> = [builtIn, isRoot]
}

extension BuildEnvironment.Pin {
    /// False for what kcache notes for itself.
    package var isVariable: Bool { !OwnPin.all.contains(name) }
}

extension BuildEnvironment {
    /// Nil for a tree that was built on the machine itself.
    package var root: RootReference? {
        get {
            guard let text = pins.first(where: { $0.name == OwnPin.builtIn })?.value else { return nil }
            let parts = text.split(separator: " ", maxSplits: 1)
            guard let hex = parts.first, let digest = Digest(hex: String(hex)) else { return nil }
            return RootReference(digest: digest, name: parts.count > 1 ? String(parts[1]) : "")
        }
        set { set(OwnPin.builtIn, newValue.map { "\($0.digest.hex) \($0.name)" }) }
    }

    /// The snapshot is of a root filesystem to build in.
    package var isRoot: Bool {
        get { pins.contains { $0.name == OwnPin.isRoot } }
        set { set(OwnPin.isRoot, newValue ? "1" : nil) }
    }

    private mutating func set(_ name: String, _ value: String?) {
        pins.removeAll { $0.name == name }
        if let value { pins.append(Pin(name: name, value: value)) }
        pins.sort { $0.name < $1.name }
    }
}
