import KCacheCore
import KCacheStore
import KCacheSystem
import Synchronization

/// Writes the files of a restore plan from a store's packs, on all cores, frame by frame; with `thrift` from what is
/// in the tree already wherever that will do.
struct ContentWriter: Sendable {
    let placer: FilePlacer
    let entries: [SnapshotEntry]
    let session: StoreSession
    let rules: ContentRules
    let progress: ProgressSink
    /// Nil: everything is read from the store.
    var thrift: Thrift?
    /// Places of entries that stand in the tree already, with this content.
    var present: [Int] = []

    struct Outcome: Sendable {
        /// Files that can't be made for this tree's path.
        var unmade: [TreePath] = []
        var thrift = Thrift.Summary()
    }

    /// Writes the entries at these places.
    func write(_ places: [Int]) throws -> Outcome {
        var outcome = Outcome()
        var (pieces, plan, left) = (LocalPieces.none, DerivationPlan.nothing, places)
        let before = session.bytesRead
        if let thrift {
            pieces = localPieces(thrift, places)
            let deriver = Deriver(placer: placer, entries: entries, session: session, thrift: thrift)
            let patches = DerivationPlan.patches(entries, writes: places, pieces: pieces)
            try session.fetch(patches.compactMap { entries[$0].derivation?.content })
            for place in patches {
                guard try deriver.patch(place, pieces, stamp(place)) else {
                    outcome.thrift.failed.append(entries[place].path)
                    continue
                }
                outcome.thrift.derived.append(entries[place].path)
                pieces.add(placer.root, entries[place])
            }
            let done = Set(outcome.thrift.derived)
            left = places.filter { !done.contains(entries[$0].path) }
            let standing = present + places.filter { done.contains(entries[$0].path) }
            plan = DerivationPlan(
                entries, writes: left, present: standing, pieces: pieces,
                mostInput: try mostInput(thrift, left, pieces))
        }
        let compressed = Set(plan.compressions)
        var layout = Layout()
        var simple: [Int] = []
        for place in left where !compressed.contains(place) {
            guard case .file(let content, _) = entries[place].kind, !content.chunks.isEmpty else {
                simple.append(place)
                continue
            }
            if entries[place].holdsTreePath {
                layout.addRewritten(place, content)
            } else {
                layout.add(place, content)
            }
        }
        let written = try Parallel.map(simple.count) { [simple] i in try writeSimple(simple[i]) }
        try writeChunks(layout, pieces, plan, &outcome.thrift)
        try Parallel.forEach(layout.copies.count) { [layout] i in
            try copy(layout.copies[i].of, to: layout.copies[i].place)
        }
        let rewritten = layout.rewritten.filter { $0.value.state.withLock { $0.isUnmade } }.keys.sorted()
        outcome.unmade = (zip(simple, written).filter { !$0.1 }.map(\.0) + rewritten).map { entries[$0].path }
        if thrift != nil {
            let whole = session.cost(ofReading: digests(of: places)).value
            let read = session.bytesRead.value - before.value
            outcome.thrift.spared = ByteCount(whole > read ? whole - read : 0)
        }
        return outcome
    }

    /// What compressors get done while everything, their output included, would be read.
    private func mostInput(_ thrift: Thrift, _ places: [Int], _ pieces: LocalPieces) throws -> UInt64 {
        guard let rate = thrift.bytesPerSecond else { return .max }
        let bytes = try session.plan(reading: digests(of: places).filter { !pieces.contains($0) })
            .compressedBytes
        let seconds = Double(bytes.value) / Double(max(1, rate))
        return UInt64(min(seconds, 3600) * Double(DerivationPlan.compressorBytesPerSecond))
    }

    private func digests(of places: [Int]) -> Set<Digest> {
        var digests = Set<Digest>()
        for place in places {
            for chunk in entries[place].content?.chunks ?? [] { digests.insert(chunk.digest) }
        }
        return digests
    }

    private func localPieces(_ thrift: Thrift, _ places: [Int]) -> LocalPieces {
        var (wanted, wholes) = ([Digest: UInt32](), Set<Digest>())
        for place in places where !entries[place].holdsTreePath {
            for chunk in entries[place].content?.chunks ?? [] { wanted[chunk.digest] = chunk.length }
            if case .patch(let base, _) = entries[place].derivation { wholes.insert(base) }
        }
        return LocalPieces(thrift.local, chunks: wanted, wholes: wholes)
    }

    private func stamp(_ place: Int) -> FilePlacer.Stamp { entries[place].role == .output ? .stale : .now }

    /// Links and empty files; false for a link that can't be made for this tree.
    private func writeSimple(_ place: Int) throws -> Bool {
        let entry = entries[place]
        switch entry.kind {
        case .link(let target):
            guard let bytes = entry.holdsTreePath ? rules.restored(entry.path, target) : target else {
                return false
            }
            try placer.link(entry.path, target: bytes, stamp: stamp(place))
        case .file(_, let executable):
            try placer.file(entry.path, executable: executable, stamp: stamp(place)) { _ in }
        }
        return true
    }

    /// Where each chunk goes.
    private struct Layout: Sendable {
        struct Target: Sendable {
            let place: Int
            let offset: UInt64
        }
        var targets: [Digest: [Target]] = [:]
        /// Files of several chunks.
        var long: [Int: LongFile] = [:]
        /// Files that are rewritten for this tree.
        var rewritten: [Int: RewrittenFile] = [:]
        /// Long files with the same content as another one: cloned from it.
        var copies: [(place: Int, of: Int)] = []
        private var firstOfContent: [Digest: Int] = [:]

        mutating func add(_ place: Int, _ content: Content) {
            if content.chunks.count > 1 {
                if let first = firstOfContent.updateValue(place, forKey: content.digest) {
                    firstOfContent[content.digest] = first
                    copies.append((place, first))
                    return
                }
                long[place] = LongFile(chunks: content.chunks.count, size: content.size.value)
            }
            addTargets(place, content)
        }

        mutating func addRewritten(_ place: Int, _ content: Content) {
            rewritten[place] = RewrittenFile(chunks: content.chunks.count, size: content.size.value)
            addTargets(place, content)
        }

        private mutating func addTargets(_ place: Int, _ content: Content) {
            var offset: UInt64 = 0
            for chunk in content.chunks {
                targets[chunk.digest, default: []].append(Target(place: place, offset: offset))
                offset += UInt64(chunk.length)
            }
        }

        /// The same files, of which only these chunks are still to come.
        func restricted(to digests: Set<Digest>) -> Layout {
            var copy = self
            copy.targets = targets.filter { digests.contains($0.key) }
            return copy
        }
    }

    /// A file that is being put together from its chunks, in any order.
    private final class LongFile: Sendable {
        struct State {
            var name: TreePath?
            var left: Int
        }
        let size: UInt64
        let state: Mutex<State>

        init(chunks: Int, size: UInt64) {
            self.size = size
            state = Mutex(State(name: nil, left: chunks))
        }
    }

    /// A file that is gathered in memory from its chunks, in any order, to be written with this tree's path.
    private final class RewrittenFile: Sendable {
        struct State {
            var bytes: [UInt8]
            var left: Int
            /// It can't be made for this tree.
            var isUnmade = false
        }
        let state: Mutex<State>

        init(chunks: Int, size: UInt64) {
            state = Mutex(State(bytes: Array(repeating: 0, count: Int(size)), left: chunks))
        }
    }

    private func writeChunks(
        _ layout: Layout, _ pieces: LocalPieces, _ plan: DerivationPlan, _ summary: inout Thrift.Summary
    ) throws {
        var again = Layout()
        do {
            try writeEarly(layout, pieces, plan, &summary)
            guard !plan.compressions.isEmpty else { return }
            // What was made serves the others; what could not be made is read after all.
            var pieces = pieces
            let derived = Set(summary.derived)
            for place in plan.compressions {
                if derived.contains(entries[place].path) {
                    pieces.add(placer.root, entries[place])
                } else if let content = entries[place].content {
                    again.add(place, content)
                }
            }
            let late = Set(layout.targets.keys).intersection(plan.late)
            let stages = [again, layout.restricted(to: late)]
            try read(late.union(again.targets.keys), stages, pieces)
            for item in again.copies { try copy(item.of, to: item.place) }
        } catch {
            for file in Array(layout.long.values) + Array(again.long.values) {
                if let name = file.state.withLock({ $0.name }) {
                    do { try placer.root.remove(name) } catch _ {}
                }
            }
            throw error
        }
    }

    /// Writes what waits for no compression, the inputs of those first; then those run beside the rest.
    private func writeEarly(
        _ layout: Layout, _ pieces: LocalPieces, _ plan: DerivationPlan, _ summary: inout Thrift.Summary
    ) throws {
        let digests = Set(layout.targets.keys).subtracting(plan.late)
        if plan.compressions.isEmpty { return try read(digests, [layout], pieces) }
        let urgent = digests.filter { digest in
            (layout.targets[digest] ?? []).contains { plan.inputs.contains($0.place) }
        }
        let frames = try session.plan(reading: digests.filter { !pieces.contains($0) }).frames
        // Whole frames, so that none is read twice.
        var first = urgent
        for frame in frames where frame.wanted.contains(where: { urgent.contains($0.chunk.digest) }) {
            for wanted in frame.wanted { first.insert(wanted.chunk.digest) }
        }
        try read(first, [layout], pieces)
        let made = Mutex<[Int: Bool]>([:])
        let others = digests.subtracting(first)
        try Parallel.forEach(2) { [thrift] job in
            if job == 1 { return try read(others, [layout], pieces) }
            guard let thrift else { return }
            let deriver = Deriver(placer: placer, entries: entries, session: session, thrift: thrift)
            for place in plan.compressions {
                let isMade = try deriver.compress(place, stamp(place))
                made.withLock { $0[place] = isMade }
            }
        }
        for place in plan.compressions {
            if made.withLock({ $0[place] }) == true {
                summary.derived.append(entries[place].path)
            } else {
                summary.failed.append(entries[place].path)
            }
        }
    }

    /// Brings chunks to their places in these layouts: those that lie here from here, the others from the store.
    private func read(_ digests: Set<Digest>, _ layouts: [Layout], _ pieces: LocalPieces) throws {
        let batches = pieces.isEmpty ? [] : pieces.batches(digests)
        let changed = Mutex<[Digest]>([])
        let plan = try session.plan(reading: digests.filter { !pieces.contains($0) })
        try session.willRead(plan)
        progress(.started(phase: .restoring, total: plan.compressedBytes))
        try Parallel.forEach(plan.frames.count + batches.count) { i in
            if i < plan.frames.count { return try write(plan.frames[i], layouts) }
            let missed = try pieces.read(batches[i - plan.frames.count]) { try place($0, $1, layouts) }
            if !missed.isEmpty { changed.withLock { $0 += missed } }
        }
        let missed = changed.withLock { $0 }
        if !missed.isEmpty {
            let plan = try session.plan(reading: missed)
            try Parallel.forEach(plan.frames.count) { try write(plan.frames[$0], layouts) }
        }
        progress(.finished(phase: .restoring))
    }

    private func write(_ frame: ReadPlan.Frame, _ layouts: [Layout]) throws {
        try session.readFrame(frame) { try place($0.digest, $1, layouts) }
        progress(.advanced(phase: .restoring, by: frame.compressedBytes))
    }

    private func place(_ digest: Digest, _ bytes: UnsafeRawBufferPointer, _ layouts: [Layout]) throws {
        for layout in layouts {
            for target in layout.targets[digest] ?? [] {
                if let file = layout.long[target.place] {
                    try writePart(of: file, target, bytes)
                } else if let file = layout.rewritten[target.place] {
                    try gather(file, target, bytes)
                } else {
                    try writeWhole(target.place, bytes)
                }
            }
        }
    }

    private func writeWhole(_ place: Int, _ bytes: UnsafeRawBufferPointer) throws {
        guard case .file(_, let executable) = entries[place].kind else { return }
        try placer.file(entries[place].path, executable: executable, stamp: stamp(place)) {
            try $0.write(bytes, at: 0)
        }
    }

    private func gather(
        _ file: RewrittenFile, _ target: Layout.Target, _ bytes: UnsafeRawBufferPointer
    ) throws {
        let whole: [UInt8]? = file.state.withLock { state in
            let start = Int(target.offset)
            state.bytes.replaceSubrange(start..<start + bytes.count, with: bytes)
            state.left -= 1
            guard state.left == 0 else { return nil }
            defer { state.bytes = [] }
            return state.bytes
        }
        let entry = entries[target.place]
        guard let whole, case .file(_, let executable) = entry.kind else { return }
        guard let made = rules.restored(entry.path, whole) else {
            return file.state.withLock { $0.isUnmade = true }
        }
        try placer.file(entry.path, executable: executable, stamp: stamp(target.place)) { try $0.write(made) }
    }

    private func writePart(of file: LongFile, _ target: Layout.Target, _ bytes: UnsafeRawBufferPointer) throws
    {
        let entry = entries[target.place]
        let name = try file.state.withLock { state in
            if let name = state.name { return name }
            guard case .file(_, let executable) = entry.kind else { return entry.path }
            let name = TemporaryName.beside(entry.path)
            let descriptor = try placer.root.createFile(name, mode: executable ? 0o777 : 0o666)
            try descriptor.truncate(to: file.size)
            state.name = name
            return name
        }
        // A run of zeros stays a hole.
        if bytes.contains(where: { $0 != 0 }) {
            try placer.root.openForWriting(name).write(bytes, at: target.offset)
        }
        let done = file.state.withLock { state in
            state.left -= 1
            return state.left == 0
        }
        guard done else { return }
        if stamp(target.place) == .stale {
            try placer.root.setModificationTime(name, FreshnessPlan.staleTime)
        }
        try placer.root.rename(name, to: entry.path)
        file.state.withLock { $0.name = nil }
    }

    /// Shares the other file's blocks where the filesystem can, else copies inside the kernel.
    private func copy(_ from: Int, to place: Int) throws {
        guard case .file(_, let executable) = entries[place].kind,
            let source = try placer.root.openFile(entries[from].path)
        else { return }
        let size = entries[place].size.value
        let before = try source.status()
        try placer.file(entries[place].path, executable: executable, stamp: stamp(place)) { file in
            if try !file.reflink(from: source) { try file.copy(from: source, size: size) }
            // It has its own name already, and no digest is looked at again.
            let isAsWritten = stamp(from) == .now || before.mtime == FreshnessPlan.staleTime
            guard isAsWritten, before.size == size, try source.status().isUnchanged(since: before) else {
                throw TreeError(
                    .changing,
                    "\(entries[from].path) was changed while it was pulled: wait for the build to end, then try again",
                    path: entries[from].path)
            }
        }
    }
}
