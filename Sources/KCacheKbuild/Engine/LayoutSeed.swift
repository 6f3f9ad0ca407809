import KCacheCore
import KCacheStore
import KCacheSystem

/// The seed of structures' layouts (CONFIG_RANDSTRUCT). It stays home, and objects of two seeds do not fit together.
///
/// Kbuild has a header with the seed's SHA-256 (scripts/gen-randstruct-seed.sh, since Linux 5.19; before that
/// scripts/gcc-plugins/Makefile). Before Linux 6.16 no object depends on it.
enum LayoutSeed {
    private static let hashes = [
        "include/generated/randstruct_hash.h", "include/generated/randomize_layout_hash.h",
    ].compactMap { TreePath($0) }
    private static let seeds = [
        "scripts/basic/randstruct.seed", "scripts/gcc-plugins/randomize_layout_seed.h",
    ]
    .compactMap { TreePath($0) }

    /// True if the snapshot's objects were compiled with a seed that is not the one here.
    static func isOther(_ snapshot: Snapshot, in root: Directory, _ session: StoreSession) throws -> Bool {
        let entry = snapshot.entries.first { $0.role == .output && hashes.contains($0.path) }
        guard let content = entry?.content else { return false }
        let text = String(decoding: try session.read(content: content), as: UTF8.self)
        for path in seeds {
            guard let bytes = try root.readFile(path, limit: 65536) else { continue }
            var seed = String(decoding: bytes, as: UTF8.self)
            // `const char *randstruct_seed = "…";`
            let quoted = seed.split(separator: "\"", omittingEmptySubsequences: false)
            if quoted.count > 2 { seed = String(quoted[1]) }
            let hash = Digest.of(Array(seed.filter { $0 != "\n" }.utf8)).hex
            if text.contains("\"\(hash)\"") { return false }
        }
        return true
    }
}
