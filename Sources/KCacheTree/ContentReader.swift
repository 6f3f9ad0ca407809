package import KCacheCore
package import KCacheSystem
import Synchronization
import SystemPackage

/// Reads what the files of a tree hold, on all cores, skipping what the stat index knows.
package struct ContentReader: Sendable {
    package let root: Directory
    package let listing: TreeListing
    /// Parallel to the listing.
    package let roles: [PathRole]
    package let rules: ContentRules
    package let index: StatIndex

    /// Bytes that one batch gathers before it hands them on; also the size of a read.
    package static let batchBytes = 4 << 20

    package init(
        root: Directory, listing: TreeListing, roles: [PathRole], rules: ContentRules, index: StatIndex
    ) {
        (self.root, self.listing, self.roles) = (root, listing, roles)
        (self.rules, self.index) = (rules, index)
    }

    /// Chunks of files of one role that lie together in memory, ready to be compressed together.
    package struct Batch {
        package let role: PathRole
        package let chunks: [Chunk]
        package let bytes: UnsafeRawBufferPointer
    }

    /// How to go about it.
    package struct Options: Sendable {
        /// Content known from the stat index is read all the same where this says so.
        package var mustRead: @Sendable (PathRole, Content) -> Bool = { _, _ in false }
        /// Gets every batch of chunks that was read, on any thread; its bytes live until it returns.
        package var consume: (@Sendable (Batch) throws -> Void)?
        /// Gets the size of every batch that was read, on any thread.
        package var advance: @Sendable (ByteCount) -> Void = { _ in }
        /// Files of a lower round are read before those of a higher one, and share no batch with them: chunks that
        /// several files hold then lie with the file that is read first.
        package var round: @Sendable (TreePath) -> Int = { _ in 0 }
        /// An unreadable file becomes `unknown` instead of an error.
        package var toleratesUnreadable = false
        package init() {}
    }

    package func read(_ options: Options = Options()) throws -> TreeContents {
        let known = index.matching(listing)
        var contents = TreeContents(outcomes: Array(repeating: .unknown, count: listing.files.count))
        var pending: [Int] = []
        for i in listing.files.indices where roles[i] != .leftOut {
            if let record = known[i], !needsReading(record, roles[i], options) {
                contents.outcomes[i] = .read(
                    .init(
                        kind: record.kind, holdsTreePath: record.holdsTreePath,
                        status: listing.files[i].status))
            } else {
                pending.append(i)
            }
        }
        let results = Mutex<[(Int, TreeContents.Outcome)]>([])
        let rounds = Dictionary(grouping: pending) { options.round(listing.files[$0].path) }
        for (_, members) in rounds.sorted(by: { $0.key < $1.key }) {
            let batches = cutIntoBatches(members)
            try Parallel.forEach(batches.count) { b in
                var worker = BatchWorker(reader: self, options: options)
                let done = try worker.run(batches[b])
                results.withLock { $0.append(contentsOf: done) }
                options.advance(ByteCount(size(of: batches[b])))
            }
        }
        for (i, outcome) in results.withLock({ $0 }) {
            contents.outcomes[i] = outcome
            contents.filesRead += 1
            if case .read(let item) = outcome { contents.bytesRead += ByteCount(item.status.size) }
        }
        return contents
    }

    private func needsReading(_ record: StatIndex.Record, _ role: PathRole, _ options: Options) -> Bool {
        if case .file(let content, _) = record.kind { return options.mustRead(role, content) }
        return false
    }

    /// Sources, and all else, of one suffix go together, since they compress well together.
    private func cutIntoBatches(_ pending: [Int]) -> [[Int]] {
        struct Key: Hashable {
            let role: UInt8
            let suffix: [UInt8]
        }
        var groups: [Key: [Int]] = [:]
        for i in pending {
            let path = listing.files[i].path
            let name = path.name
            let suffix = name.lastIndex(of: UInt8(ascii: ".")).map { Array(name[$0...]) } ?? []
            groups[Key(role: roles[i] == .source ? 0 : 1, suffix: suffix), default: []].append(i)
        }
        let ordered = groups.sorted { a, b in
            a.key.role != b.key.role ? a.key.role < b.key.role : compareBytes(a.key.suffix, b.key.suffix) < 0
        }
        var batches: [[Int]] = []
        for (_, members) in ordered {
            var batch: [Int] = []
            var bytes: UInt64 = 0
            for i in members {
                batch.append(i)
                bytes += listing.files[i].status.size
                if bytes >= UInt64(Self.batchBytes) || batch.count >= 4096 {
                    batches.append(batch)
                    (batch, bytes) = ([], 0)
                }
            }
            if !batch.isEmpty { batches.append(batch) }
        }
        // The longest first, so that no core is left with a large file at the end.
        return batches.sorted { size(of: $0) > size(of: $1) }
    }

    private func size(of batch: [Int]) -> UInt64 { batch.reduce(0) { $0 + listing.files[$1].status.size } }
}

/// Reads one batch on one thread.
private struct BatchWorker {
    let reader: ContentReader
    let options: ContentReader.Options
    /// Bytes of the chunks gathered and not yet handed on.
    private var gathered: [UInt8] = []
    private var chunks: [Chunk] = []
    private var role = PathRole.source

    init(reader: ContentReader, options: ContentReader.Options) {
        (self.reader, self.options) = (reader, options)
    }

    mutating func run(_ batch: [Int]) throws -> [(Int, TreeContents.Outcome)] {
        var done: [(Int, TreeContents.Outcome)] = []
        done.reserveCapacity(batch.count)
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: ContentReader.batchBytes + Chunking.maximum, alignment: 64)
        defer { buffer.deallocate() }
        if options.consume != nil { gathered.reserveCapacity(ContentReader.batchBytes + Chunking.maximum) }
        for i in batch {
            role = reader.roles[i]
            do {
                done.append((i, try read(reader.listing.files[i], buffer)))
            } catch let error as SystemError where options.toleratesUnreadable {
                _ = error
                done.append((i, .unknown))
            }
        }
        try flush()
        return done
    }

    private mutating func read(_ file: ScannedFile, _ buffer: UnsafeMutableRawBufferPointer) throws
        -> TreeContents.Outcome
    {
        let path = file.path
        if file.status.kind == .link {
            let target = try reader.root.readLink(path)
            return link(path, target, file.status)
        }
        // A build may still be running: a file that changes under the reading is read again, a few times.
        for _ in 0..<5 {
            guard let descriptor = try reader.root.openFile(path) else {
                throw TreeError(.changing, "\(path) vanished while the tree was read: try again", path: path)
            }
            let before = try descriptor.status()
            guard before.kind == .file else { break }
            let outcome = try read(path, descriptor, before, buffer)
            if try descriptor.status().isUnchanged(since: before) { return outcome }
        }
        throw TreeError(
            .changing, "\(path) keeps changing while it is read: wait for the build to end, then try again",
            path: path)
    }

    private func link(_ path: TreePath, _ target: [UInt8], _ status: FileStatus) -> TreeContents.Outcome {
        let stored = target.withUnsafeBytes { reader.rules.stored(path, role, $0) }
        switch stored {
        case .relocatable(let bytes) where LinkTarget.staysInside(bytes, from: path, relocatable: true):
            return .read(.init(kind: .link(bytes), holdsTreePath: true, status: status))
        default:
            guard LinkTarget.staysInside(target, from: path) else {
                return .leftOut("a link out of the tree")
            }
            return .read(.init(kind: .link(target), holdsTreePath: false, status: status))
        }
    }

    private mutating func read(
        _ path: TreePath, _ descriptor: borrowing Descriptor, _ status: FileStatus,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws -> TreeContents.Outcome {
        var filled = try descriptor.read(into: buffer, at: 0, expected: status.size)
        var held = false
        var list: [Chunk] = []
        if filled < buffer.count {
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<filled])
            let stored = filled <= ContentRules.longest ? reader.rules.stored(path, role, bytes) : .asTheyAre
            switch stored {
            case .leftOut(let reason): return .leftOut(reason)
            case .relocatable(let changed):
                held = true
                _ = try changed.withUnsafeBytes { try add($0, last: true, whole: true, to: &list) }
            case .asTheyAre:
                try add(bytes, last: true, whole: true, to: &list)
            }
        } else {
            // A long file goes through the buffer in pieces; what a piece leaves uncut starts the next.
            var offset = UInt64(filled)
            while true {
                let last = filled < buffer.count
                let used = try add(
                    UnsafeRawBufferPointer(rebasing: buffer[..<filled]), last: last, whole: false, to: &list)
                if last { break }
                let rest = filled - used
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[used..<filled]))
                let more = try descriptor.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[rest...]), at: offset)
                offset += UInt64(more)
                filled = rest + more
            }
        }
        return .read(
            .init(
                kind: .file(Content(list), executable: status.isExecutable), holdsTreePath: held,
                status: status))
    }

    /// Cuts, hashes and gathers; the number of bytes used up.
    @discardableResult
    private mutating func add(
        _ bytes: UnsafeRawBufferPointer, last: Bool, whole: Bool, to list: inout [Chunk]
    ) throws -> Int {
        var used = 0
        while used < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
            if !last, rest.count < Chunking.maximum { break }
            let length =
                whole && bytes.count <= Chunking.wholeUpTo ? rest.count : ContentCutter.firstCut(rest)
            let piece = UnsafeRawBufferPointer(rebasing: rest[..<length])
            let chunk = Chunk(digest: Digest.of(piece), length: UInt32(length))
            list.append(chunk)
            if options.consume != nil {
                chunks.append(chunk)
                gathered.append(contentsOf: piece)
                if gathered.count >= ContentReader.batchBytes { try flush() }
            }
            used += length
        }
        return used
    }

    private mutating func flush() throws {
        guard !chunks.isEmpty, let consume = options.consume else { return }
        try gathered.withUnsafeBytes {
            try consume(ContentReader.Batch(role: role, chunks: chunks, bytes: $0))
        }
        chunks.removeAll(keepingCapacity: true)
        gathered.removeAll(keepingCapacity: true)
    }
}
