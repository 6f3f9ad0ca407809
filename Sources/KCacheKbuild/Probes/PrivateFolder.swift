import KCacheCore
import KCacheSystem
import SystemPackage

/// A folder of the user's own in the cache, whose files no other user can have written.
struct PrivateFolder: Sendable {
    let directory: Directory

    /// Opens `parts` below the cache folder, making what is missing; nil if the folder isn't the user's alone.
    ///
    /// - Parameter making: false: nothing is made, and nil is the answer where something is missing.
    /// - Throws: where it can't be made or opened.
    static func open(_ cache: FilePath, _ parts: [String], making: Bool = true) throws(SystemError)
        -> PrivateFolder?
    {
        if !making, try HostStatus.of(cache, followingLinks: true) == nil { return nil }
        var current = try Directory.create(cache)
        for part in parts {
            let name = TreePath(literal: Array(part.utf8))
            if try current.status(name) == nil {
                guard making else { return nil }
                try current.makeDirectories(name)
                try current.setPermissions(name, 0o700)
            }
            current = try current.directory(name)
            guard isPrivate(try current.status()) else { return nil }
        }
        return PrivateFolder(directory: current)
    }

    private init(directory: Directory) { self.directory = directory }

    static func isPrivate(_ status: FileStatus) -> Bool {
        status.owner == ProcessTable.effectiveUser && status.permissions & 0o022 == 0
    }

    /// The bytes of a file that is the user's alone; nil if there is none such.
    func read(_ name: TreePath, limit: Int) -> [UInt8]? {
        do throws(SystemError) {
            guard let file = try directory.openFile(name) else { return nil }
            let status = try file.status()
            guard status.kind == .file, Self.isPrivate(status) else { return nil }
            return try file.readAll(limit: limit)
        } catch { return nil }
    }

    /// Puts a whole file in place, readable by the user alone, or changes nothing.
    func write(_ bytes: [UInt8], to name: TreePath) throws(SystemError) {
        let temporary = TemporaryName.atRoot()
        do throws(SystemError) {
            let file = try directory.createFile(temporary, mode: 0o600)
            try file.write(bytes)
            try directory.rename(temporary, to: name)
        } catch {
            remove(temporary)
            throw error
        }
    }

    /// Removes a file if it can be removed.
    func remove(_ name: TreePath) {
        do throws(SystemError) { try directory.remove(name) } catch _ {}
    }

    /// The entries; none where they can't be read.
    func entries() -> [Directory.Entry] {
        do throws(SystemError) { return try directory.entries() } catch { return [] }
    }
}
