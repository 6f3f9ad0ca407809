package import KCacheCore
package import KCacheStore
import KCacheSystem
package import SystemPackage

/// What this machine has seen of stores, a file each in a folder that is the user's alone.
package struct SeenFolder: Sendable {
    private let state: FilePath

    /// - Parameter state: the user's state folder for kcache; made when something is kept.
    package init(_ state: FilePath) { self.state = state }

    private static let part = "seen"
    private static let largest = 1 << 20

    private static func name(_ place: String) -> TreePath {
        let path = FilePath(place).isAbsolute ? FilePath(place).lexicallyNormalized().string : place
        return TreePath(literal: Array(Digest.of(Array(path.utf8)).hex.prefix(32).utf8))
    }

    /// What was seen of the store at this place; nil if that is nothing, or can't be read.
    func load(_ place: String) throws(SystemError) -> SeenSnapshots? {
        let folder = try PrivateFolder.open(state, [Self.part], making: false)
        guard let bytes = folder?.read(Self.name(place), limit: Self.largest) else { return nil }
        // A damaged file is as good as none: what is listed now is then what was seen.
        do throws(FormatError) { return try SeenSnapshots.decode(bytes) } catch { return nil }
    }

    func save(_ seen: SeenSnapshots) throws {
        guard let folder = try PrivateFolder.open(state, [Self.part]) else {
            throw KbuildError(
                .untrusted, "\(state.string)/\(Self.part) is not this user's alone: chmod go-w it")
        }
        try folder.write(seen.encode(), to: Self.name(seen.place))
    }

    /// Notes that snapshots were forgotten from here: nobody need wonder where they are.
    package func forget(_ ids: [SnapshotID], in store: Store) throws {
        guard var seen = try load(store.place), seen.forget(Set(ids)) else { return }
        try save(seen)
    }
}
