import KCacheSystem
import SystemPackage

/// Looks programs and libraries up on this machine, or in a root that a build runs in.
///
/// Paths are those that a program there sees: `/usr/bin/gcc` is the root's.
struct ToolFiles: Sendable {
    let root: RootView?

    /// The file that a name runs, as `ExecutableLookup.find` tells it.
    func program(_ name: String, path: String) throws(SystemError) -> FilePath? {
        guard let root else { return ExecutableLookup.find(name, path: path) }
        var candidates = [FilePath(name)]
        if !name.contains("/") {
            candidates = path.split(separator: ":").map { FilePath(String($0)).appending(name) }
        }
        for candidate in candidates where candidate.isAbsolute {
            if let status = try root.resolve(candidate)?.status, status.kind == .file, status.isExecutable {
                return candidate
            }
        }
        return nil
    }

    /// The file's own path, links followed; nil where they lead nowhere.
    func resolve(_ path: FilePath) throws(SystemError) -> FilePath? {
        guard let root else { return try RealFile.resolve(path) }
        return try root.resolve(path)?.path
    }

    /// A whole file; nil if it can't be read or exceeds the limit.
    func read(_ path: FilePath, limit: Int) throws(SystemError) -> [UInt8]? {
        guard let root else { return try RealFile.read(path, limit: limit) }
        return try root.read(path, limit: limit)
    }
}
