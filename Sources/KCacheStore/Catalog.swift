package import KCacheCore

/// One snapshot as the catalog lists it.
package struct CatalogEntry: Hashable, Sendable {
    package let id: SnapshotID
    package let header: SnapshotHeader
    /// When it was last pushed or pulled, in ns since 1970 by the store's clock.
    package let lastUsedNanoseconds: Int64

    package init(id: SnapshotID, header: SnapshotHeader, lastUsedNanoseconds: Int64) {
        (self.id, self.header, self.lastUsedNanoseconds) = (id, header, lastUsedNanoseconds)
    }

    /// In seconds since 1970.
    package var lastUsed: Int64 { lastUsedNanoseconds / 1_000_000_000 }

    /// Bytes of the tree that it stands for, before deduplication and compression.
    package var size: ByteCount { header.sourceBytes + header.outputBytes }
}

/// The snapshots of a store.
package struct Catalog: Sendable {
    /// An entry that this program can't read: damaged, or from a newer kcache.
    package struct Unreadable: Sendable {
        package let name: String
        package let problem: StoreError
    }

    /// The newest first, by the time that their makers gave.
    package let entries: [CatalogEntry]
    package let unreadable: [Unreadable]

    /// Those of trees, or those of roots to build in.
    package func only(roots: Bool) -> Catalog {
        Catalog(entries: entries.filter { $0.header.environment.isRoot == roots }, unreadable: unreadable)
    }

    package subscript(id: SnapshotID) -> CatalogEntry? { entries.first { $0.id == id } }

    /// Finds one snapshot by the start of its number (four digits or more) or by its name, of several with
    /// that name the newest.
    package func resolve(_ text: String) throws(StoreError) -> SnapshotID {
        if let digest = Digest(hex: text), let entry = self[SnapshotID(digest)] { return entry.id }
        let named = text.isEmpty ? nil : entries.first { $0.header.name == text }
        let prefix = text.lowercased()
        let isNumber = text.utf8.count >= 4 && prefix.utf8.allSatisfy { Self.digits.contains($0) }
        var numbered = isNumber ? entries.filter { $0.id.digest.hex.hasPrefix(prefix) } : []
        if let named {
            numbered.removeAll { $0.id == named.id }
            guard !numbered.isEmpty else { return named.id }
            numbered.insert(named, at: 0)
        }
        if numbered.count == 1 { return numbered[0].id }
        if numbered.isEmpty, isNumber {
            // So that a damaged entry can be forgotten.
            let damaged = unreadable.filter { $0.name.hasPrefix(prefix) }
            if damaged.count == 1, let digest = Digest(hex: damaged[0].name) { return SnapshotID(digest) }
        }
        guard numbered.isEmpty else {
            let shown = numbered.prefix(8).map { Self.label($0) }.joined(separator: ", ")
            let more = numbered.count > 8 ? " and \(numbered.count - 8) more" : ""
            throw StoreError(
                .ambiguous, "\"\(quoted(text))\" could be \(shown)\(more): give more digits", subject: text)
        }
        throw StoreError(
            .unknownSnapshot, "no snapshot is called \"\(quoted(text))\": kcache list shows them",
            subject: text)
    }

    private static let digits = Set("0123456789abcdef".utf8)

    private static func label(_ entry: CatalogEntry) -> String {
        entry.header.name.isEmpty ? entry.id.short : "\(entry.id.short) (\(quoted(entry.header.name)))"
    }
}

private func quoted(_ text: String) -> String { quoteForPeople(Array(text.utf8)) }
