/// What a file is to the build.
package enum Role: UInt8, Sendable, CaseIterable {
    /// The build reads it and a person, a tarball or a version control system put it there.
    case source = 0
    /// The build made it.
    case output = 1
    /// `.config`: the person's choice, which the build reads and may complete.
    case configuration = 2
}

/// One path of a snapshot.
package struct SnapshotEntry: Hashable, Sendable {
    /// What the path is on the disk. Directories are implied by what lies in them.
    package enum Kind: Hashable, Sendable {
        case file(Content, executable: Bool)
        /// A symbolic link and its target's bytes.
        case link([UInt8])
    }

    package var path: TreePath
    package var role: Role
    package var kind: Kind
    /// The content (or link target) holds a `PathPlaceholder` where the tree's own path stood, or that of its sources.
    package var holdsTreePath: Bool
    /// Place in time: the modification time in ns on the machine that pushed. Only its order among the
    /// entries of the same snapshot means anything. Zero for a source that is older than every output.
    package var order: Int64
    /// How the content can be had without reading it from the store; for outputs only.
    package var derivation: Derivation?

    package init(path: TreePath, role: Role, kind: Kind, holdsTreePath: Bool = false, order: Int64 = 0) {
        self.path = path
        self.role = role
        self.kind = kind
        self.holdsTreePath = holdsTreePath
        self.order = order
    }

    /// The content of a file; nil for a link.
    package var content: Content? {
        if case .file(let content, _) = kind { content } else { nil }
    }

    package var size: ByteCount {
        switch kind {
        case .file(let content, _): content.size
        case .link(let target): ByteCount(target.count)
        }
    }

    /// True for a link in an output directory to what stands at the same path among the sources.
    package var isLinkToSource: Bool {
        guard case .link(let target) = kind, holdsTreePath else { return false }
        return target == PathPlaceholder.sourceToken + [UInt8(ascii: "/")] + path.bytes
    }

    /// True if the other entry stands for the same bytes on disk (role, order and derivation aside).
    package func sameContent(as other: SnapshotEntry) -> Bool {
        kind == other.kind && holdsTreePath == other.holdsTreePath
    }
}

/// Stands in stored text where the tree's own path stood. It holds NUL bytes, so no text has it by chance.
package enum PathPlaceholder {
    package static let token: [UInt8] = [0] + Array("kcache-tree".utf8) + [0]
    /// The same for the path of the sources, where the tree was built apart from them (`O=`).
    package static let sourceToken: [UInt8] = [0] + Array("kcache-source".utf8) + [0]
    /// The same for what is built of a kernel apart from its sources, in modules that were built against it (`M=`).
    package static let kernelToken: [UInt8] = [0] + Array("kcache-kernel".utf8) + [0]
}
