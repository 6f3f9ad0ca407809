import KCacheCore
package import KCacheSystem

/// Indexes of a far store's packs, kept in a folder of this machine: they never change, and are much of what a
/// session would have to fetch. Of an index that nobody has needed yet, only its start is kept. Whatever goes wrong with it costs a journey, and nothing else.
package struct IndexCache: Sendable {
    private let folder: Directory

    /// - Parameter folder: kept for one store; files that no pack could have named are left alone.
    package init(in folder: Directory) { self.folder = folder }

    /// The bytes under this pack's name, for the caller to check; nil if there are none.
    func get(_ pack: Digest) -> [UInt8]? {
        do throws(SystemError) {
            return try folder.readFile(
                TreePath(literal: Array(pack.hex.utf8)), limit: StoreObjects.longestIndex)
        } catch _ {
            return nil
        }
    }

    func put(_ pack: Digest, _ bytes: [UInt8]) {
        do throws(SystemError) {
            try AtomicFile.write(
                bytes, to: TreePath(literal: Array(pack.hex.utf8)), in: folder, durable: false)
        } catch _ {}
    }

    /// Removes one that has turned out to be of no use.
    func drop(_ pack: Digest) {
        do throws(SystemError) { try folder.remove(TreePath(literal: Array(pack.hex.utf8))) } catch _ {}
    }

    /// Removes all others.
    func retain(_ packs: Set<Digest>) {
        let kept = Set(packs.map { Array($0.hex.utf8) })
        do throws(SystemError) {
            for entry in try folder.entries() where !kept.contains(entry.name) {
                let isPack = Digest(hex: String(decoding: entry.name, as: UTF8.self)) != nil
                guard isPack || TemporaryName.isTemporary(entry.name) else { continue }
                if let name = TreePath(entry.name) { try folder.remove(name) }
            }
        } catch _ {}
    }
}
