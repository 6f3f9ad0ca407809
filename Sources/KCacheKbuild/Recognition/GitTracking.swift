package import KCacheCore
package import KCacheSystem
import SystemPackage

/// Asks git which paths it tracks: those are never outputs.
package enum GitTracking {
    /// The tracked paths; nil if the root is no git work tree.
    ///
    /// - Parameter isWhole: only a work tree of which this is the root counts; else one in which it lies does, too.
    ///
    /// Ownership is not asked about (`safe.directory=*`): only the index is read and nothing of the
    /// repository's configuration is run by `ls-files`, whose file system monitor is switched off.
    package static func tracked(
        in directory: Directory, isWhole: Bool = true, environment: [String: String], runner: ProcessRunner
    ) throws -> Set<TreePath>? {
        guard try isInWorkTree(directory, isWhole: isWhole) else { return nil }
        let arguments = [
            "git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "ls-files", "-z", "--cached",
        ]
        let result: ProcessResult
        do throws(SystemError) {
            result = try runner.run(arguments, environment: environment, directory: directory.path)
        } catch {
            throw cannotTell(directory, "git is not installed")
        }
        guard result.status == 0 else { throw cannotTell(directory, "git ls-files failed") }
        return parse(result.output)
    }

    private static func isInWorkTree(_ directory: Directory, isWhole: Bool) throws -> Bool {
        if let git = TreePath(".git"), try directory.status(git) != nil { return true }
        if isWhole { return false }
        var place = try directory.realPath()
        while place.removeLastComponent() {
            if FileIdentity(place.appending(".git")) != nil { return true }
        }
        return false
    }

    private static func cannotTell(_ directory: Directory, _ why: String) -> KbuildError {
        KbuildError(
            .unfit,
            "\(directory.path.string) has a .git, and git can't tell what it tracks (\(why)): mend that, or move .git away"
        )
    }

    /// Reads NUL-ended paths.
    static func parse(_ output: [UInt8]) -> Set<TreePath> {
        var paths = Set<TreePath>(minimumCapacity: output.count / 40)
        for name in output.split(separator: 0) {
            if let path = TreePath(name) { paths.insert(path) }
        }
        return paths
    }
}
