import KCacheCore
import KCacheSystem
import SystemPackage

/// Refuses to set the times of sources that outputs in other directories are made from too, where it can't be done or
/// would harm those. They may be another user's, or on a medium that can't be written to.
enum SharedSources {
    /// - Parameters:
    ///   - times: what the sources would get.
    ///   - now: the clock of the output directory's filesystem.
    static func check(_ plan: RestorePlan, _ times: FreshnessPlan, in root: Directory, now: Int64) throws {
        guard let base = root.base?.directory else { return }
        let sources =
            plan.unchanged.lazy.map { (plan.entries[$0.entry].path, $0.mtime) }
            + (plan.changed + plan.added + plan.conflicts).lazy.map { ($0.path, $0.mtime) }
        // It can't get an older time, since other output trees may count on this one.
        for (path, mtime) in sources where mtime > now {
            guard try root.isInBase(path) else { continue }
            throw TreeError(
                .unusable,
                "nothing was pulled: the time of \(base.path.string)/\(path) lies in the future: touch it, then pull",
                path: path)
        }
        if let path = try firstFixed(times, in: root) {
            throw TreeError(
                .unusable,
                "nothing was pulled: \(path) needs another time, or make would not see what to make anew, and it can't be "
                    + "set in \(base.path.string): pull as the owner of the sources, or into a tree of your own",
                path: path)
        }
    }

    /// The first source that would get a time and can't.
    static func firstFixed(_ times: FreshnessPlan, in root: Directory) throws -> TreePath? {
        guard let base = root.base?.directory else { return nil }
        return try times.sources.first {
            try root.isInBase($0.path) && !base.maySetTimes($0.path)
        }?.path
    }
}
