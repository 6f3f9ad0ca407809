import KCacheCore
import KCacheSystem
import KCacheTree

/// Gathers what a record holds and lays it out.
struct RecordTable {
    private let scans: [RootScan]
    private let indexes: [DirectoryIndex]
    /// Files by root and directory.
    private var members: [[Int: [Member]]]

    private struct Member {
        var file: Int
        var marks: RecordedFile.Marks
    }

    init(scans: [RootScan]) {
        self.scans = scans
        indexes = scans.map { DirectoryIndex($0.listing) }
        members = scans.map { _ in [:] }
    }

    mutating func add(_ root: Int, _ file: Int, decides: Bool, isPlain: Bool) {
        var marks: RecordedFile.Marks = []
        if scans[root].isOutput[file] { marks.insert(.output) }
        if decides { marks.insert(.rules) }
        if isPlain { marks.insert(.plain) }
        members[root][indexes[root].home[file], default: []].append(Member(file: file, marks: marks))
    }

    private struct Place {
        var root: Int
        var path: TreePath?
        var members: [Member]
    }

    /// Directories with a watched file, and those above them, in the order of their paths.
    private func places() -> [Place] {
        var all: [Place] = []
        for root in scans.indices {
            var found: [TreePath: [Member]] = [:]
            var top: [Member] = []
            for (home, files) in members[root] {
                guard let path = indexes[root].directories[home] else {
                    top = files
                    continue
                }
                found[path, default: []] += files
                var parent = path.parent
                while let above = parent, found[above] == nil {
                    found[above] = []
                    parent = above.parent
                }
            }
            all.append(Place(root: root, path: nil, members: top))
            for path in found.keys.sorted() {
                all.append(Place(root: root, path: path, members: found[path] ?? []))
            }
        }
        return all
    }

    /// - Throws: `RecordRefusal` if a directory is changing.
    func record(
        key: Digest, rules: Digest, watched: WatchedPaths, edges: DescentEdges, walkReason: String,
        started: Int64, begun: Int64
    ) throws -> BuildRecord {
        let places = places()
        let listings = try Parallel.map((places.count + 63) / 64) { part in
            try places[(part * 64)..<min(places.count, part * 64 + 64)].map { try look(at: $0, begun: begun) }
        }.flatMap { $0 }
        var record = BuildRecord(
            key: key, isConfirmed: false, rules: rules, walkReason: walkReason,
            roots: scans.map {
                .init(path: $0.root.path, device: $0.root.status.device, inode: $0.root.status.inode)
            },
            directories: [], files: [], paths: [], names: [], setStarts: [0], setMembers: [])
        // Sets are of numbers of directories in the record; edges count in their own.
        var numberOfOwner = Array(repeating: UInt32(0), count: edges.owners.count)
        for (i, place) in places.enumerated() where place.root == 0 {
            let owner = edges.owner(of: place.path)
            if edges.owners[owner] == place.path { numberOfOwner[owner] = UInt32(i) }
        }
        var sets = SetTable(numbers: numberOfOwner)
        for (place, listing) in zip(places, listings) {
            let owner = edges.owner(of: place.path)
            var marks: RecordedDirectory.Marks = []
            if place.root == 0, place.path != nil, edges.owners[owner] == place.path {
                marks.insert(.descended)
                if edges.always.contains(owner) { marks.insert(.always) }
            }
            record.directories.append(
                RecordedDirectory(
                    root: UInt32(place.root),
                    path: Self.append(place.path?.bytes ?? Array(".".utf8), &record),
                    firstFile: UInt32(record.files.count), fileCount: UInt32(place.members.count),
                    owner: numberOfOwner[owner], marks: marks, inode: listing.status.inode,
                    mtime: listing.status.mtime, ctime: listing.status.ctime, listing: listing.digest))
            for member in place.members.sorted(by: { $0.file < $1.file }) {
                let file = scans[place.root].listing.files[member.file]
                let set = sets.number(edges.dependents(root: place.root, file: member.file), in: &record)
                record.files.append(try Self.entry(file, member.marks, set, scans[place.root].root, &record))
            }
        }
        for path in watched.paths.sorted(by: { compareBytes($0, $1) < 0 }) {
            let status = (path + [0]).withUnsafeBufferPointer { bytes in
                bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.flatMap { HostFile.status($0) } }
            }
            if status?.kind == .directory, !watched.folders.contains(path) { continue }
            if let status, status.kind != .other, !StatIndex.isSettled(ctime: status.ctime, now: begun) {
                throw RecordRefusal("\(quoteForPeople(path)) changed just now")
            }
            if let status, status.kind == .file,
                !StatIndex.isSettled(ctime: max(status.ctime, status.mtime), now: started)
            {
                throw RecordRefusal("\(quoteForPeople(path)) changed while make ran, or just before")
            }
            let set = sets.number(edges.dependents(path: path), in: &record)
            record.paths.append(RecordedPath(path: Self.append(path, &record), dependents: set, status))
        }
        return record
    }

    private struct Listing: Sendable {
        var status: FileStatus
        var digest: RecordedDirectory.Listing
    }

    private func look(at place: Place, begun: Int64) throws -> Listing {
        let path = (place.path?.bytes ?? Array(".".utf8)) + [0]
        let found: Listing? = path.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { bytes in
                guard let base = bytes.baseAddress,
                    let sweep = DirectorySweep.open(scans[place.root].root.directory, base),
                    let status = sweep.status(), let names = sweep.names()
                else { return nil }
                return Listing(status: status, digest: ListingDigest.of(names))
            }
        }
        guard let found, StatIndex.isSettled(ctime: found.status.ctime, now: begun) else {
            throw RecordRefusal("\(place.path?.description ?? "the tree") is changing")
        }
        return found
    }

    private static func entry(
        _ file: ScannedFile, _ marks: RecordedFile.Marks, _ set: UInt32, _ root: BuildRoot,
        _ record: inout BuildRecord
    ) throws -> RecordedFile {
        let status = file.status
        var entry = RecordedFile(
            name: append(Array(file.path.name), &record), mode: Stamp.mode(status), marks: marks,
            dependents: set,
            inode: status.inode, size: status.size, mtime: status.mtime, ctime: status.ctime)
        if status.kind == .link {
            entry.size = ContentStamp.of(try root.directory.readLink(file.path))
            (entry.inode, entry.mtime, entry.ctime) = (0, 0, 0)
        } else if root.isRewritten(file.path),
            let content = try root.directory.readFile(file.path, limit: 65536)
        {
            entry.marks.insert(.rewritten)
            entry.size = ContentStamp.of(content)
            (entry.inode, entry.mtime, entry.ctime) = (0, 0, 0)
        }
        return entry
    }

    private static func append(_ name: [UInt8], _ record: inout BuildRecord) -> UInt32 {
        let start = record.names.count
        record.names += name
        record.names.append(0)
        return UInt32(start)
    }
}

/// Gives each set of directories a number; most headers share theirs with others.
private struct SetTable {
    let numbers: [UInt32]
    private var known: [[UInt32]: UInt32] = [:]

    init(numbers: [UInt32]) { self.numbers = numbers }

    mutating func number(_ owners: [UInt32], in record: inout BuildRecord) -> UInt32 {
        if let number = known[owners] { return number }
        let number = UInt32(record.setStarts.count - 1)
        known[owners] = number
        record.setMembers += owners.map { numbers[Int($0)] }
        record.setStarts.append(UInt32(record.setMembers.count))
        return number
    }
}
