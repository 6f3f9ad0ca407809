import KCacheCore
import KCacheStore

/// Looks, before a pull changes anything, whether the store can give what a plan wants to write.
enum ContentCheck {
    /// The longest file whose text is rewritten for this tree. A push makes them of at most
    /// `ContentRules.longest` bytes, of which a short path may become a longer placeholder.
    static let longestRelocatable = ByteCount(8 * ContentRules.longest)

    /// What stands in the tree in files of `standing` counts as given: whoever copies it from there checks it, and
    /// asks the store if it has changed.
    ///
    /// - Throws: `StoreError` if chunks are missing; `TreeError.unusable` for sizes that lie.
    static func check(
        _ places: [Int], of entries: [SnapshotEntry], standing: [Int] = [], _ session: StoreSession
    ) throws {
        var lengths: [Digest: (length: UInt32, place: Int)] = [:]
        for place in places {
            guard let content = entries[place].content else { continue }
            if entries[place].holdsTreePath, content.size > longestRelocatable {
                throw unusable(entries[place].path, "\(content.size) of text that holds the tree's path")
            }
            for chunk in content.chunks {
                if let known = lengths.updateValue((chunk.length, place), forKey: chunk.digest),
                    known.length != chunk.length
                {
                    throw unusable(entries[place].path, "one content with two lengths")
                }
            }
        }
        var wanted = Set(lengths.keys)
        for place in standing where !entries[place].holdsTreePath {
            for chunk in entries[place].content?.chunks ?? []
            where lengths[chunk.digest]?.length == chunk.length { wanted.remove(chunk.digest) }
        }
        for frame in try session.plan(reading: wanted).frames {
            for wanted in frame.wanted {
                guard let (length, place) = lengths[wanted.chunk.digest], length != wanted.chunk.length else {
                    continue
                }
                throw unusable(
                    entries[place].path, "a chunk of \(length) bytes, which has \(wanted.chunk.length)")
            }
        }
    }

    private static func unusable(_ path: TreePath, _ problem: String) -> TreeError {
        TreeError(
            .unusable, "the snapshot is refused: \(path) has \(problem): run kcache verify on the store",
            path: path)
    }
}
