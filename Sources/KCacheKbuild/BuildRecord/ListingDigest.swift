import KCacheCore
import KCacheSystem

/// Tells whether a directory holds the same names.
enum ListingDigest {
    static func of(_ names: [[UInt8]]) -> RecordedDirectory.Listing {
        var hash = DigestBuilder()
        for name in names.filter({ !isIdle($0) }).sorted(by: { compareBytes($0, $1) < 0 }) {
            hash.update(name)
            hash.update([0])
        }
        let bytes = hash.finish().bytes
        func word(_ start: Int) -> UInt64 { bytes[start..<(start + 8)].reduce(0) { $0 << 8 | UInt64($1) } }
        return RecordedDirectory.Listing(first: word(0), second: word(8))
    }

    /// Names that come and go without make looking at them: of editors, indexers and version control, and those
    /// that Kbuild itself writes anew whenever it needs them.
    static func isIdle(_ name: [UInt8]) -> Bool {
        let isEditors = name.withUnsafeBufferPointer {
            EditorNames.isSure($0[...]) || EditorNames.isIndex($0[...])
        }
        if isEditors || name == vimProbe
            || TemporaryName.isTemporary(name) || ReservedName.isVersionControl(name)
        {
            return true
        }
        return name.starts(with: passing) && !name.starts(with: checkedCalls) || idle.contains(name)
    }

    /// The same for a folder with all below it: one that is only named like an index or a backup may be built.
    static func isIdleFolder(_ name: [UInt8]) -> Bool {
        TemporaryName.isTemporary(name) || ReservedName.isVersionControl(name)
            || name.starts(with: passing)
    }

    /// False for the first and last byte of a name that is certainly not idle.
    static func mayBeIdle(_ first: UInt8, _ last: UInt8) -> Bool {
        last == UInt8(ascii: "~") || firstBytes.contains(first)
    }

    /// Hidden files, `#…#`, vim's probe, indexes, `CVS` and `_darcs`.
    private static let firstBytes = Array(".#4tTGcC_".utf8)
    /// The file that vim makes to see whether it may.
    private static let vimProbe = Array("4913".utf8)
    private static let passing = Array(".tmp_".utf8)
    /// The mark of `missing-syscalls`: a target that stays (the top Kbuild file of Linux 7.1).
    private static let checkedCalls = Array(".tmp_missing-syscalls".utf8)
    private static let idle = [".missing-syscalls.d", ".config.old", ".modules.tmp"].map { Array($0.utf8) }
}
