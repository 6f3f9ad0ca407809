import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Makes a fresh folder what a root is: no devices, no set-id bits, one old time, nothing that can't be carried.
///
/// Only for a folder that nobody else uses: links are never followed, but what is removed is removed.
struct RootSweep {
    /// What was taken away, and why.
    private(set) var leftOut: [(path: TreePath, reason: String)] = []

    mutating func run(_ folder: Directory) throws { _ = try sweep(folder, at: nil) }

    /// True if nothing is left in it.
    private mutating func sweep(_ folder: Directory, at path: TreePath?) throws -> Bool {
        var isEmpty = true
        for entry in try folder.entries().sorted(by: { compareBytes($0.name, $1.name) < 0 }) {
            guard let name = TreePath(entry.name),
                let here = path.map({ $0.appending(entry: entry.name) }) ?? name
            else { throw SystemError("take", quoteForPeople(entry.name), .fileNameTooLong) }
            let permissions = UInt32(entry.status.permissions)
            let isReserved = ReservedName.occurring(in: name) != nil
            switch entry.status.kind {
            case .directory:
                if permissions & 0o7700 != 0o700 {
                    try folder.setPermissions(name, permissions & 0o777 | 0o700)
                }
                if isReserved {
                    try folder.removeTree(name)
                    leftOut.append((here, "a reserved name"))
                } else if try sweep(try folder.directory(name), at: here) {
                    try folder.removeDirectory(name)
                } else {
                    isEmpty = false
                }
            case .file where !isReserved:
                let plain = permissions & 0o777 | 0o600
                if permissions & 0o6000 != 0 { leftOut.append((here, "its set-id bits")) }
                if plain != permissions { try folder.setPermissions(name, plain) }
                try folder.setModificationTime(name, FolderWriter.time)
                isEmpty = false
            case .link where !isReserved:
                try folder.setModificationTime(name, FolderWriter.time)
                isEmpty = false
            default:
                try folder.remove(name)
                leftOut.append((here, isReserved ? "a reserved name" : "a device, socket or pipe"))
            }
        }
        return isEmpty
    }
}
