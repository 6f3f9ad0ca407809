import KCacheCore

/// Tells whether a make with a record's key is known to do nothing in the state that the record holds.
///
/// Some makefiles never come to rest: a rule of theirs runs each time. So one make has to have been seen to
/// change nothing.
enum Confirmation {
    static func holds(_ result: RecordScan.Result, after former: BuildRecord?) -> Bool {
        guard let former else { return false }
        return isSameState(result.record, former) || staysAtRest(result, former)
    }

    /// Everything stands as after the make before, down to inode and ctime: so this one changed nothing.
    private static func isSameState(_ new: BuildRecord, _ old: BuildRecord) -> Bool {
        guard new.key == old.key, new.roots == old.roots, new.names == old.names,
            new.files.count == old.files.count, new.directories.count == old.directories.count,
            new.paths.count == old.paths.count
        else { return false }
        let isUnchanged =
            zip(new.files, old.files).allSatisfy { isSame($0, $1) }
            && zip(new.directories, old.directories).allSatisfy {
                $0.inode == $1.inode && $0.listing == $1.listing && $0.fileCount == $1.fileCount
            }
        return isUnchanged && zip(new.paths, old.paths).allSatisfy { stamp($0) == stamp($1) }
    }

    /// The former state was at rest, and since then only sources changed whose dependents the compiler recorded;
    /// none of these is newer than what is made from it.
    private static func staysAtRest(_ result: RecordScan.Result, _ old: BuildRecord) -> Bool {
        let new = result.record
        guard old.isConfirmed, result.isAtRest, new.key == old.key, new.rules == old.rules,
            new.roots == old.roots
        else { return false }
        // What make had made and nobody makes any more was taken away, perhaps behind make's back.
        let made = Set(files(new) { $0.contains(.output) }.map { $0.0 })
        guard files(old, where: { $0.contains(.output) }).allSatisfy({ made.contains($0.0) }) else {
            return false
        }
        var before: [[UInt8]: RecordedFile] = [:]
        for (name, file) in files(old, where: { !$0.contains(.output) }) { before[name] = file }
        for (name, file) in files(new, where: { !$0.contains(.output) }) {
            guard let was = before.removeValue(forKey: name) else {
                if file.marks.contains(.plain) { continue }
                return false
            }
            if !isSame(was, file), !(was.marks.contains(.plain) && file.marks.contains(.plain)) {
                return false
            }
        }
        guard before.values.allSatisfy({ $0.marks.contains(.plain) }) else { return false }
        var paths: [[UInt8]: RecordedPath] = [:]
        for path in old.paths { paths[old.name(at: path.path)] = path }
        return new.paths.allSatisfy { path in
            paths[new.name(at: path.path)].map { stamp($0) == stamp(path) } ?? true
        }
    }

    /// Files with such marks, by root and path.
    private static func files(_ record: BuildRecord, where isWanted: (RecordedFile.Marks) -> Bool)
        -> [([UInt8], RecordedFile)]
    {
        var found: [([UInt8], RecordedFile)] = []
        for directory in record.directories {
            let prefix =
                Array("\(directory.root) ".utf8) + record.name(at: directory.path) + [UInt8(ascii: "/")]
            for i in Int(directory.firstFile)..<Int(directory.firstFile + directory.fileCount)
            where isWanted(record.files[i].marks) {
                found.append((prefix + record.name(at: record.files[i].name), record.files[i]))
            }
        }
        return found
    }

    private static func isSame(_ a: RecordedFile, _ b: RecordedFile) -> Bool {
        a.mode == b.mode && a.inode == b.inode && a.size == b.size && a.mtime == b.mtime && a.ctime == b.ctime
    }

    private static func stamp(_ path: RecordedPath) -> RecordedPath {
        var stamp = path
        (stamp.path, stamp.dependents) = (0, 0)
        return stamp
    }
}
