import KCacheCore
import KCacheSystem

/// Puts files into a tree, each under a temporary name first, so that a kill leaves whole files only.
struct FilePlacer: Sendable {
    let root: Directory

    /// How a file's time is set before it gets its name.
    enum Stamp: Sendable {
        /// Outputs: old enough that make remakes them, until `FreshnessPlan` is carried out.
        case stale
        /// Sources: the time of writing.
        case now
    }

    func file(_ path: TreePath, executable: Bool, stamp: Stamp, _ fill: (borrowing Descriptor) throws -> Void)
        throws
    {
        let temporary = TemporaryName.beside(path)
        do {
            do {
                let file = try root.createFile(temporary, mode: executable ? 0o777 : 0o666)
                try fill(file)
                if stamp == .stale { try file.setModificationTime(FreshnessPlan.staleTime) }
            }
            try root.rename(temporary, to: path)
        } catch {
            do { try root.remove(temporary) } catch _ {}
            throw error
        }
    }

    func link(_ path: TreePath, target: [UInt8], stamp: Stamp) throws {
        let temporary = TemporaryName.beside(path)
        try root.makeLink(temporary, target: target)
        do {
            if stamp == .stale { try root.setModificationTime(temporary, FreshnessPlan.staleTime) }
            try root.rename(temporary, to: path)
        } catch {
            do { try root.remove(temporary) } catch _ {}
            throw error
        }
    }
}
