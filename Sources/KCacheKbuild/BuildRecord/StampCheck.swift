import KCacheCore
import KCacheSystem
import Synchronization
import SystemPackage

/// Compares a record with what stands on the disk, on all cores.
struct StampCheck {
    let record: BuildRecord

    private struct Part: Sendable {
        var files: [Int] = []
        var directories: [Int] = []
        var paths: [Int] = []
        var isEmpty: Bool { files.isEmpty && directories.isEmpty && paths.isEmpty }
    }

    /// The differences, in the order of the record; with `first`, at least one of them if there are any.
    ///
    /// Nil if a root is not the directory that it was.
    func changes(_ depth: CheckDepth) throws -> BuildChanges? {
        var roots: [Directory] = []
        for root in record.roots {
            let directory = try Directory.open(FilePath(String(decoding: root.path, as: UTF8.self)))
            let status = try directory.status()
            guard status.device == root.device, status.inode == root.inode,
                Array(try directory.realPath().string.utf8) == root.path
            else { return nil }
            roots.append(directory)
        }
        let stop = Atomic<Bool>(false)
        // Parts of some hundred files each: small enough that the cores end together.
        let parts = parts(size: 512)
        let found = Mutex<[Int: Part]>([:])
        try Parallel.forEach(parts.count + 1) { [roots] i in
            if depth == .first, stop.load(ordering: .relaxed) { return }
            let part = i == parts.count ? lookAtPaths(depth) : look(at: parts[i], roots, depth)
            if part.isEmpty { return }
            stop.store(true, ordering: .relaxed)
            found.withLock { $0[i] = part }
        }
        var changes = BuildChanges(record: record)
        for (_, part) in found.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            changes.files += part.files
            changes.directories += part.directories
            changes.paths += part.paths
        }
        return changes
    }

    private func parts(size: Int) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = 0
        var weight = 0
        for (i, directory) in record.directories.enumerated() {
            weight += Int(directory.fileCount) + 2
            if weight >= size {
                parts.append(start..<(i + 1))
                (start, weight) = (i + 1, 0)
            }
        }
        if start < record.directories.count { parts.append(start..<record.directories.count) }
        return parts
    }

    private func look(at range: Range<Int>, _ roots: [Directory], _ depth: CheckDepth) -> Part {
        var part = Part()
        record.names.withUnsafeBytes { names in
            guard let base = names.baseAddress?.assumingMemoryBound(to: CChar.self) else { return }
            for i in range {
                let expected = record.directories[i]
                let files = Int(expected.firstFile)..<Int(expected.firstFile + expected.fileCount)
                guard let sweep = DirectorySweep.open(roots[Int(expected.root)], base + Int(expected.path)),
                    let status = sweep.status(), status.inode == expected.inode
                else {
                    part.directories.append(i)
                    part.files += files
                    if depth == .first { return }
                    continue
                }
                if status.mtime != expected.mtime || status.ctime != expected.ctime,
                    sweep.names().map({ ListingDigest.of($0) }) != expected.listing
                {
                    part.directories.append(i)
                    if depth == .first { return }
                }
                for file in files where !isSame(record.files[file], sweep, base) {
                    part.files.append(file)
                    if depth == .first { return }
                }
            }
        }
        return part
    }

    private func isSame(
        _ file: RecordedFile, _ sweep: borrowing DirectorySweep, _ base: UnsafePointer<CChar>
    ) -> Bool {
        let name = base + Int(file.name)
        guard let status = sweep.status(of: name) else { return file.mode == 0 }
        guard Stamp.mode(status) == file.mode else { return false }
        if status.kind == .link {
            // Some links are made anew by every make.
            return sweep.linkTarget(of: name).map { ContentStamp.of($0) } == file.size
        }
        if file.marks.contains(.rewritten) {
            return sweep.content(of: name).map { ContentStamp.of($0) } == file.size
        }
        return status.inode == file.inode && status.size == file.size && status.mtime == file.mtime
            && status.ctime == file.ctime
    }

    private func lookAtPaths(_ depth: CheckDepth) -> Part {
        var part = Part()
        record.names.withUnsafeBytes { names in
            guard let base = names.baseAddress?.assumingMemoryBound(to: CChar.self) else { return }
            for (i, expected) in record.paths.enumerated() {
                let status = HostFile.status(base + Int(expected.path))
                if RecordedPath(path: expected.path, dependents: expected.dependents, status) == expected {
                    continue
                }
                part.paths.append(i)
                if depth == .first { return }
            }
        }
        return part
    }
}

/// What a record holds of a symbolic link and of a file that every make writes: content, not times.
enum ContentStamp {
    static func of(_ content: [UInt8]) -> UInt64 {
        Digest.of(content).bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension RecordedPath {
    /// The stamp of what a stat that follows links found.
    init(path: UInt32, dependents: UInt32, _ status: FileStatus?) {
        self.init(
            path: path, mode: status.map { Stamp.mode($0) } ?? 0, dependents: dependents,
            device: status?.device ?? 0, inode: status?.inode ?? 0, size: status?.size ?? 0,
            mtime: status?.mtime ?? 0, ctime: status?.ctime ?? 0)
        // A device's times are the driver's business; a directory's ctime follows what happens in it anyway.
        if status?.kind == .other { (size, mtime, ctime) = (0, 0, 0) }
    }
}
