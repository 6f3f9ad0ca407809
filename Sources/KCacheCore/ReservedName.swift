/// Names that no path of a snapshot may hold, wherever they stand.
///
/// The folders of version control systems hold programs that those run by themselves (git's hooks, and the
/// commands in its `config`); kcache's own temporary names mean something to the next pull.
package enum ReservedName {
    /// What every temporary name of kcache starts with.
    package static let temporaryPrefix = Array(".kcache-tmp-".utf8)

    private static let hidden = [".git", ".hg", ".svn", ".bzr", ".jj"].map { Array($0.utf8) }
    private static let plain = ["CVS", "_darcs"].map { Array($0.utf8) }

    /// True for the folder of a version control system. Those with a dot in either case: a filesystem that
    /// folds case (ext4 can) would take `.GIT` for `.git`.
    package static func isVersionControl(_ name: some Collection<UInt8>) -> Bool {
        guard let first = name.first, name.count <= 6 else { return false }
        guard first == dot else { return plain.contains { $0.elementsEqual(name) } }
        return hidden.contains { $0.elementsEqual(name.lazy.map(lowered)) }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte + 0x20 : byte }

    /// The first such component of a path; nil if there is none.
    package static func occurring(in path: TreePath) -> ArraySlice<UInt8>? {
        let bytes = path.bytes
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: slash) ?? bytes.count
            let name = bytes[start..<end]
            if isVersionControl(name) || name.starts(with: temporaryPrefix) { return name }
            start = end + 1
        }
        return nil
    }
}
