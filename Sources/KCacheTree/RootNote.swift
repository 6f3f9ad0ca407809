package import KCacheCore
package import KCacheSystem

/// Says in which root a tree was built last, and with what.
///
/// It lies in the output directory, under a name that no snapshot holds: who moves or copies the tree takes it along.
package struct RootNote: Hashable, Sendable {
    package var root: RootReference
    /// Of the tools there.
    package var toolchain: Digest

    package init(root: RootReference, toolchain: Digest) { (self.root, self.toolchain) = (root, toolchain) }

    /// Nobody knows what built the tree: no tools are these, and no root is this one.
    package static let unknown = RootNote(root: RootReference(digest: .zero, name: ""), toolchain: .zero)

    private static let name = TreePath(literal: TemporaryName.prefix + Array("root".utf8))
    private static let format = SealedFormat("root note", magic: "KCRT", version: 1)

    /// True for the note's own file.
    package static func isNote(_ path: TreePath) -> Bool { path == name }

    /// Nil for a tree that was built on the machine itself, as far as kcache knows; `unknown` where the note is damaged.
    package static func read(in root: Directory) throws -> RootNote? {
        guard let bytes = try root.withoutBase().readFile(name, limit: 4096) else { return nil }
        do throws(FormatError) {
            return try format.decode(bytes) { reader throws(FormatError) in
                RootNote(
                    root: RootReference(digest: try reader.digest(), name: try reader.text()),
                    toolchain: try reader.digest())
            }
        } catch { return .unknown }
    }

    /// Replaces the note, or removes it; durable when it returns.
    package static func keep(_ note: RootNote?, in root: Directory) throws {
        let own = try root.withoutBase()
        guard let note else {
            if try own.remove(name) { try own.sync() }
            return
        }
        let bytes = format.encode(capacity: 200) { writer in
            writer.digest(note.root.digest)
            writer.text(note.root.name)
            writer.digest(note.toolchain)
        }
        try AtomicFile.write(bytes, to: name, in: own)
    }
}
