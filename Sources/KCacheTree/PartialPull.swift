package import KCacheCore
package import KCacheSystem

/// What is noted of a tree of which a pull brought only a part: it is to be completed, and is no whole one to push.
package struct PartialPull: Hashable, Sendable {
    package var snapshot: SnapshotID
    /// The store that it came from, as its user would name it.
    package var store: String
    /// Of the outputs that came, those that are made last: the kernel's image, which may have several forms.
    package var paths: [TreePath]
    /// All outputs that came: their saved commands, which would tell them from sources, did not.
    package var outputs: [TreePath]

    package init(snapshot: SnapshotID, store: String, paths: [TreePath], outputs: [TreePath]) {
        (self.snapshot, self.store, self.paths, self.outputs) = (snapshot, store, paths, outputs)
    }

    /// True as long as these have the stamp that the pull left on them: no make has come to its end since, and no
    /// pull has completed the tree.
    package func stands(_ modified: (TreePath) throws -> Int64?) rethrows -> Bool {
        try paths.allSatisfy { try modified($0) == FreshnessPlan.staleTime }
    }

    // MARK: Bytes

    private static let magic = Array("KCPP".utf8)
    private static let version: UInt8 = 2

    package func encode() -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(Self.magic)
        writer.u8(Self.version)
        writer.digest(snapshot.digest)
        writer.text(store)
        for list in [paths, outputs] {
            writer.varint(UInt64(list.count))
            for path in list { writer.counted(path.bytes) }
        }
        writer.digest(Digest.of(writer.bytes))
        return writer.bytes
    }

    /// Reads what `encode` wrote.
    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> PartialPull {
        try bytes.withUnsafeBytes { raw -> Result<PartialPull, FormatError> in
            do throws(FormatError) { return .success(try decode(raw)) } catch { return .failure(error) }
        }.get()
    }

    private static func decode(_ raw: UnsafeRawBufferPointer) throws(FormatError) -> PartialPull {
        let length = raw.count - Digest.byteCount
        guard length > 0 else { throw FormatError("note of a pull", "cut short") }
        let body = UnsafeRawBufferPointer(rebasing: raw[..<length])
        guard Digest.of(body) == Digest(UnsafeRawBufferPointer(rebasing: raw[length...])) else {
            throw FormatError("note of a pull", "damaged")
        }
        var reader = ByteReader(body, what: "note of a pull")
        guard try reader.bytes(4).elementsEqual(magic), try reader.u8() == version else {
            throw reader.error("another format")
        }
        let (snapshot, store) = (SnapshotID(try reader.digest()), try reader.text())
        var lists: [[TreePath]] = [[], []]
        for i in lists.indices {
            for _ in 0..<(try reader.count()) {
                guard let path = TreePath(try reader.counted()) else { throw reader.error("illegal path") }
                lists[i].append(path)
            }
        }
        guard reader.isAtEnd else { throw reader.error("bytes after the end") }
        return PartialPull(snapshot: snapshot, store: store, paths: lists[0], outputs: lists[1])
    }
}

extension TreeState {
    /// The note of a pull that brought a part, if the tree still stands as that left it; nil if there is none, or
    /// none that can be read: the stamps of the outputs keep make from taking them as fresh all the same.
    package func partial(in root: Directory) throws -> PartialPull? {
        guard let note = try lastPartial() else { return nil }
        return try note.stands { try root.status($0)?.mtime } ? note : nil
    }

    /// Files that a pull of a part brought and that nobody has written to since: they have the stamp that it left.
    package func brought(in listing: TreeListing) throws -> Set<TreePath> {
        guard let note = try lastPartial() else { return [] }
        return Set(
            note.outputs.filter { path in
                guard let status = listing[path]?.status else { return false }
                return status.kind == .file && status.mtime == FreshnessPlan.staleTime
            })
    }

    private func lastPartial() throws -> PartialPull? {
        guard let bytes = try read(Self.partial, limit: 16 << 20) else { return nil }
        do throws(FormatError) { return try PartialPull.decode(bytes) } catch _ { return nil }
    }

    package func save(_ note: PartialPull) throws { try write(note.encode(), Self.partial) }

    package func clearPartial() throws { try remove(Self.partial) }

    private static let partial = "partial"
}
