import KCacheCore
import KCacheSystem
import SystemPackage

/// Follows links to the file behind a path.
enum RealFile {
    /// The file's own path; nil where a link leads nowhere or in a circle.
    static func resolve(_ path: FilePath) throws(SystemError) -> FilePath? {
        var current = path
        for _ in 0..<40 {
            guard let leaf = current.lastComponent, let name = TreePath(leaf.string) else { return nil }
            let parent = current.removingLastComponent()
            let folder: Directory
            do throws(SystemError) {
                folder = try Directory.open(parent.isEmpty ? FilePath(".") : parent)
            } catch {
                if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return nil }
                throw error
            }
            guard let status = try folder.status(name) else { return nil }
            guard status.kind == .link else { return try folder.realPath().appending(leaf) }
            let target = FilePath(String(decoding: try folder.readLink(name), as: UTF8.self))
            current = target.isAbsolute ? target : try folder.realPath().pushing(target)
        }
        return nil
    }

    /// A whole file; nil if it can't be read or exceeds the limit.
    static func read(_ path: FilePath, limit: Int) throws(SystemError) -> [UInt8]? {
        guard let leaf = path.lastComponent, let name = TreePath(leaf.string) else { return nil }
        do throws(SystemError) {
            return try Directory.open(path.removingLastComponent()).readFile(name, limit: limit)
        } catch {
            if [.fileTooLarge, .permissionDenied, .noSuchFileOrDirectory].contains(error.errno) {
                return nil
            }
            throw error
        }
    }
}
