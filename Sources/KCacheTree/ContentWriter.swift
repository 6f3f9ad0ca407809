import KCacheCore
import KCacheStore
import KCacheSystem
import Synchronization

/// Writes the files of a restore plan from a store's packs, on all cores, frame by frame.
struct ContentWriter: Sendable {
    let placer: FilePlacer
    let entries: [SnapshotEntry]
    let session: StoreSession
    let rules: ContentRules
    let progress: ProgressSink

    /// Writes the entries at these places; answers those that can't be made for this tree's path.
    func write(_ places: [Int]) throws -> [TreePath] {
        var layout = Layout()
        var simple: [Int] = []
        for place in places {
            guard case .file(let content, _) = entries[place].kind, !content.chunks.isEmpty,
                !entries[place].holdsTreePath
            else {
                simple.append(place)
                continue
            }
            layout.add(place, content)
        }
        let written = try Parallel.map(simple.count) { [simple] i in try writeSimple(simple[i]) }
        try writeChunks(layout)
        try Parallel.forEach(layout.copies.count) { [layout] i in
            try copy(layout.copies[i].of, to: layout.copies[i].place)
        }
        return zip(simple, written).filter { !$0.1 }.map { entries[$0.0].path }
    }

    private func stamp(_ place: Int) -> FilePlacer.Stamp { entries[place].role == .output ? .stale : .now }

    /// Links, empty files, and what is rewritten for this tree; false if that can't be done.
    private func writeSimple(_ place: Int) throws -> Bool {
        let entry = entries[place]
        switch entry.kind {
        case .link(let target):
            guard let bytes = entry.holdsTreePath ? rules.restored(entry.path, target) : target else {
                return false
            }
            try placer.link(entry.path, target: bytes, stamp: stamp(place))
        case .file(let content, let executable):
            let stored = try session.read(content: content)
            guard let bytes = entry.holdsTreePath ? rules.restored(entry.path, stored) : stored else {
                return false
            }
            try placer.file(entry.path, executable: executable, stamp: stamp(place)) { try $0.write(bytes) }
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
            var offset: UInt64 = 0
            for chunk in content.chunks {
                targets[chunk.digest, default: []].append(Target(place: place, offset: offset))
                offset += UInt64(chunk.length)
            }
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

    private func writeChunks(_ layout: Layout) throws {
        let plan = try session.plan(reading: Array(layout.targets.keys))
        progress(.started(phase: .restoring, total: plan.compressedBytes))
        do {
            try Parallel.forEach(plan.frames.count) { i in
                try session.readFrame(plan.frames[i]) { chunk, bytes in
                    for target in layout.targets[chunk.digest] ?? [] {
                        if let file = layout.long[target.place] {
                            try writePart(of: file, target, bytes)
                        } else {
                            try writeWhole(target.place, bytes)
                        }
                    }
                }
                progress(.advanced(phase: .restoring, by: plan.frames[i].compressedBytes))
            }
        } catch {
            for file in layout.long.values {
                if let name = file.state.withLock({ $0.name }) {
                    do { try placer.root.remove(name) } catch _ {}
                }
            }
            throw error
        }
        progress(.finished(phase: .restoring))
    }

    private func writeWhole(_ place: Int, _ bytes: UnsafeRawBufferPointer) throws {
        guard case .file(_, let executable) = entries[place].kind else { return }
        try placer.file(entries[place].path, executable: executable, stamp: stamp(place)) {
            try $0.write(bytes, at: 0)
        }
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
        try placer.file(entries[place].path, executable: executable, stamp: stamp(place)) { file in
            if try !file.reflink(from: source) { try file.copy(from: source, size: size) }
        }
    }
}
