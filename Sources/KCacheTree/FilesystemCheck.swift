import KCacheCore
import KCacheSystem
import SystemPackage

/// Refuses filesystems on which a snapshot can't stand as it is, before anything is written.
enum FilesystemCheck {
    /// - Throws: `TreeError.unusable` where two of the plan's paths would be one file (no case is told apart), or where
    ///   no symbolic link can be made and one is needed.
    static func check(_ plan: RestorePlan, in root: Directory) throws {
        let (folds, keeps) = try caseOfNames(root)
        if !keeps {
            throw TreeError(
                .unusable,
                "nothing was pulled: the filesystem of \(root.path.string) does not keep the case of names, so make would "
                    + "not find its files: use another one")
        }
        if folds, let (one, other) = firstTwins(plan.entries.map(\.path) + plan.added.map(\.path)) {
            throw TreeError(
                .unusable,
                "nothing was pulled: \(one) and \(other) would be the same file in \(root.path.string), where upper and "
                    + "lower case are one: use a filesystem that tells them apart",
                path: one)
        }
        let link = plan.writes.lazy.map { plan.entries[$0] }.first { entry in
            if case .link = entry.kind { true } else { false }
        }
        if let link, try !keepsLinks(root) {
            throw TreeError(
                .unusable,
                "nothing was pulled: \(link.path) is a symbolic link, and the filesystem of \(root.path.string) keeps "
                    + "none: use another one",
                path: link.path)
        }
    }

    /// Whether a file is also found by its name in small letters, and whether it is listed by the name that it was given.
    private static func caseOfNames(_ root: Directory) throws -> (folds: Bool, keeps: Bool) {
        let small = TemporaryName.atRoot()
        guard let name = TreePath(small.bytes + Array("-CASE".utf8)),
            let other = TreePath(small.bytes + Array("-case".utf8))
        else { return (false, true) }
        _ = try root.createFile(name)
        do {
            let folds = try root.status(other) != nil
            let keeps = try !folds || root.entries().contains { $0.name.elementsEqual(name.bytes) }
            try root.remove(name)
            return (folds, keeps)
        } catch {
            do { try root.remove(name) } catch _ {}
            throw error
        }
    }

    private static func keepsLinks(_ root: Directory) throws -> Bool {
        let name = TemporaryName.atRoot()
        do throws(SystemError) { try root.makeLink(name, target: Array("x".utf8)) } catch {
            guard [.notPermitted, .notSupported, .noFunction].contains(error.errno) else {
                throw error
            }
            return false
        }
        try root.remove(name)
        return true
    }

    /// Two paths that only case tells apart, in any of their components.
    static func firstTwins(_ paths: [TreePath]) -> (TreePath, TreePath)? {
        var seen: [[UInt8]: TreePath] = [:]
        seen.reserveCapacity(paths.count)
        for path in paths {
            let folded = path.bytes.map { (0x41...0x5a).contains($0) ? $0 + 0x20 : $0 }
            if let other = seen.updateValue(path, forKey: folded) { return (other, path) }
        }
        return nil
    }
}
