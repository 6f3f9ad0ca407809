import KCacheCore

/// What a successful make looked at, and how it stood when nothing was left to do.
///
/// Files are sorted by directory and hold no value per path, so that a record of twenty thousand files is
/// read and compared in a moment. docs/build-records.md has the format.
package struct BuildRecord: Hashable, Sendable {
    static let version: UInt32 = 2

    struct Root: Hashable, Sendable {
        var path: [UInt8]
        var device: UInt64
        var inode: UInt64
    }

    var key: Digest
    /// A make with this key was seen to change nothing, and nothing but plain sources changed since.
    package internal(set) var isConfirmed: Bool
    /// Over the makefiles, Kconfig files, scripts and the configuration, by name and stamp.
    var rules: Digest
    /// Why no directory may be left out; empty if some may.
    var walkReason: String
    var roots: [Root]
    var directories: [RecordedDirectory]
    var files: [RecordedFile]
    var paths: [RecordedPath]
    /// NUL-ended names and paths.
    var names: [UInt8]
    /// For each set where its members start, and the end of the last one.
    var setStarts: [UInt32]
    /// Numbers of directories.
    var setMembers: [UInt32]

    /// The number of files, directories and absolute paths that a check looks at.
    package var stampCount: Int { directories.count + files.count + paths.count }

    /// The bytes up to the next NUL.
    func name(at offset: UInt32) -> [UInt8] {
        guard Int(offset) < names.count else { return [] }
        return Array(names[Int(offset)...].prefix { $0 != 0 })
    }

    func dependents(_ set: UInt32) -> ArraySlice<UInt32> {
        guard Int(set) + 1 < setStarts.count else { return [] }
        return setMembers[Int(setStarts[Int(set)])..<Int(setStarts[Int(set) + 1])]
    }

    /// The directory's path; nil for a root.
    func path(ofDirectory directory: Int) -> TreePath? {
        let bytes = name(at: directories[directory].path)
        return bytes == [UInt8(ascii: ".")] ? nil : TreePath(bytes)
    }
}
