package import KCacheCore

/// Says in which root a tree was built last, and with what.
package struct RootNote: Hashable, Sendable {
    package var root: RootReference
    /// Of the tools there.
    package var toolchain: Digest

    package init(root: RootReference, toolchain: Digest) { (self.root, self.toolchain) = (root, toolchain) }
}

extension TreeState {
    private static let suffix = "root"
    private static let format = SealedFormat("root note", magic: "KCRT", version: 1)

    /// Nil for a tree that was built on the machine itself, as far as kcache knows.
    ///
    /// - Throws: for a damaged note: nobody knows then what built the outputs.
    package func rootNote() throws -> RootNote? {
        guard let bytes = try read(Self.suffix, limit: 4096) else { return nil }
        return try Self.format.decode(bytes) { reader throws(FormatError) in
            RootNote(
                root: RootReference(digest: try reader.digest(), name: try reader.text()),
                toolchain: try reader.digest())
        }
    }

    package func keep(_ note: RootNote?) throws {
        guard let note else { return try remove(Self.suffix) }
        try write(
            Self.format.encode(capacity: 200) { writer in
                writer.digest(note.root.digest)
                writer.text(note.root.name)
                writer.digest(note.toolchain)
            }, Self.suffix)
    }
}
