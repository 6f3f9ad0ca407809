import KCacheCore
import KCacheSystem
import SystemPackage

/// The step records of all trees in the user's cache folder: one file per tree and goals, the oldest dropped.
package struct StepRecords: Sendable {
    static let most = 64
    private static let largest = 4 << 20

    private let host: HostEnvironment

    package init(host: HostEnvironment) { self.host = host }

    /// The record's key: the trees' paths and the goals. What else decides how much there is to do, and how
    /// long that takes, is left to the estimate.
    static func key(_ build: MakeBuild) -> Digest {
        var hash = DigestBuilder()
        hash.update("steps \(StepRecord.version)\u{0}")
        for place in [build.location.output, build.location.source, build.location.module ?? ""] {
            hash.update("\(place.string)\u{0}")
        }
        for goal in build.invocation.goals { hash.update("\(goal)\u{0}") }
        return hash.finish()
    }

    private func folder() throws(SystemError) -> PrivateFolder? {
        try PrivateFolder.open(host.cacheFolder, ["make", "steps"])
    }

    private func name(_ key: Digest) -> TreePath {
        TreePath(literal: Array(key.hex.prefix(32).utf8))
    }

    /// An empty one where there is none, or it is damaged or another user's.
    func load(_ key: Digest) -> StepRecord {
        do {
            guard let bytes = try folder()?.read(name(key), limit: Self.largest) else {
                return StepRecord(key: key)
            }
            let record = try StepRecord.decode(bytes)
            return record.key == key ? record : StepRecord(key: key)
        } catch {
            // A damaged record is as good as none.
            return StepRecord(key: key)
        }
    }

    /// Writes the record, whole or not at all, and drops the oldest beyond the bound.
    func save(_ record: StepRecord) throws(SystemError) {
        guard let folder = try folder() else { return }
        try folder.write(record.encode(), to: name(record.key))
        let old = folder.entries().filter { $0.status.kind == .file }
            .sorted { $0.status.mtime > $1.status.mtime }.dropFirst(Self.most)
        for entry in old { folder.remove(TreePath(literal: entry.name)) }
    }
}
