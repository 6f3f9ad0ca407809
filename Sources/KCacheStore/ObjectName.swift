package import KCacheCore

/// The folders of a store.
package enum ObjectKind: String, Sendable, CaseIterable {
    case packs, index, snapshots, signatures, catalog
}

/// Names an object of a store. The set is closed: a store holds nothing else.
package enum ObjectName: Hashable, Sendable, CustomStringConvertible {
    case format
    /// Named by the SHA-256 of all its bytes.
    case pack(Digest)
    /// Named by its pack.
    case index(Digest)
    /// Named by the SHA-256 of all its bytes.
    case snapshot(Digest)
    /// Named by its snapshot.
    case signature(Digest)
    /// Named by its snapshot.
    case catalog(Digest)

    /// Where it lies, relative to the store: `packs/ab/abcd….pack`.
    package var path: String {
        switch self {
        case .format: "format"
        case .pack(let digest): "packs/\(digest.hex.prefix(2))/\(digest.hex).pack"
        case .index(let digest): "index/\(digest.hex).index"
        case .snapshot(let digest): "snapshots/\(digest.hex)"
        case .signature(let digest): "signatures/\(digest.hex)"
        case .catalog(let digest): "catalog/\(digest.hex)"
        }
    }

    /// The object of this kind that a file of this name is; nil if none is called so.
    package init?(kind: ObjectKind, fileName: [UInt8]) {
        let text = String(decoding: fileName, as: UTF8.self)
        let suffix =
            switch kind {
            case .packs: ".pack"
            case .index: ".index"
            case .snapshots, .signatures, .catalog: ""
            }
        guard text.hasSuffix(suffix), let digest = Digest(hex: String(text.dropLast(suffix.count))),
            digest.hex + suffix == text
        else { return nil }
        switch kind {
        case .packs: self = .pack(digest)
        case .index: self = .index(digest)
        case .snapshots: self = .snapshot(digest)
        case .signatures: self = .signature(digest)
        case .catalog: self = .catalog(digest)
        }
    }

    /// The folder that it lies in; nil for `format`.
    package var kind: ObjectKind? {
        switch self {
        case .format: nil
        case .pack: .packs
        case .index: .index
        case .snapshot: .snapshots
        case .signature: .signatures
        case .catalog: .catalog
        }
    }

    /// The digest in the name; nil for `format`.
    package var digest: Digest? {
        switch self {
        case .format: nil
        case .pack(let digest), .index(let digest), .snapshot(let digest), .signature(let digest),
            .catalog(let digest):
            digest
        }
    }

    package var description: String { path }

    /// `pack 0123456789ab`, for error lines.
    package var forPeople: String {
        switch self {
        case .format: "the format file"
        case .pack(let digest): "pack \(digest.short)"
        case .index(let digest): "index \(digest.short)"
        case .snapshot(let digest): "snapshot \(digest.short)"
        case .signature(let digest): "the signature of snapshot \(digest.short)"
        case .catalog(let digest): "catalog entry \(digest.short)"
        }
    }
}

/// What a listing tells of an object.
package struct ObjectInfo: Hashable, Sendable {
    package let name: ObjectName
    package let size: ByteCount
    /// When it was written or touched, in ns since 1970 by the store's clock.
    package let modified: Int64

    package init(name: ObjectName, size: ByteCount, modified: Int64) {
        (self.name, self.size, self.modified) = (name, size, modified)
    }
}
