import KCacheCore

extension BuildRecord {
    /// A record of two directories, for tests of the format.
    package static var sample: BuildRecord {
        let names = Array(
            ".\u{0}net\u{0}Makefile\u{0}socket.c\u{0}built-in.a\u{0}/usr/include/stdio.h\u{0}".utf8)
        func directory(_ path: UInt32, _ first: UInt32, _ count: UInt32, _ owner: UInt32) -> RecordedDirectory
        {
            RecordedDirectory(
                root: 0, path: path, firstFile: first, fileCount: count, owner: owner,
                marks: owner == 0 ? [] : .descended, inode: 7, mtime: 8, ctime: 9,
                listing: .init(first: 10, second: 11))
        }
        func file(_ name: UInt32, _ marks: RecordedFile.Marks, _ set: UInt32) -> RecordedFile {
            RecordedFile(
                name: name, mode: 1 << 16 | 0o644, marks: marks, dependents: set, inode: 12, size: 13,
                mtime: 14,
                ctime: 15)
        }
        return BuildRecord(
            key: Digest.of([1]), isConfirmed: false, rules: Digest.of([2]), walkReason: "",
            roots: [Root(path: Array("/tree".utf8), device: 3, inode: 4)],
            directories: [directory(0, 0, 1, 0), directory(2, 1, 2, 1)],
            files: [file(6, .rules, 0), file(15, .plain, 1), file(24, .output, 0)],
            paths: [
                RecordedPath(
                    path: 35, mode: 1 << 16 | 0o644, dependents: 1, device: 16, inode: 17, size: 18,
                    mtime: 19,
                    ctime: 20)
            ],
            names: names, setStarts: [0, 0, 1], setMembers: [1])
    }

    /// The same, confirmed.
    package var confirmed: BuildRecord {
        var record = self
        record.isConfirmed = true
        return record
    }
}
