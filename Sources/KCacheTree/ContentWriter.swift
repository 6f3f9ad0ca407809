import KCacheCore
import KCacheStore
import KCacheSystem
import Synchronization

/// Writes the files of a restore plan on all cores: chunks that lie in the tree already from there, where the
/// store is far away; all others from the store's packs, frame by frame.
struct ContentWriter: Sendable {
    let placer: FilePlacer
    let entries: [SnapshotEntry]
    let session: StoreSession
    let rules: ContentRules
    let progress: ProgressSink
    /// Where chunks lie in the tree as it is; empty where reading the store costs less.
    var treeChunks = TreeChunks()

    /// Writes the entries at these places; answers those that can't be made for this tree's path.
    func write(_ places: [Int]) throws -> [TreePath] {
        var layout = ContentLayout()
        var simple: [Int] = []
        for place in places {
            guard case .file(let content, _) = entries[place].kind, !content.chunks.isEmpty else {
                simple.append(place)
                continue
            }
            layout.add(place, content, isText: entries[place].holdsTreePath)
        }
        let written = try Parallel.map(simple.count) { [simple] i in try writeSimple(simple[i]) }
        let found = try treeChunks.lying(in: layout, besides: session)
        layout.assemble(found)
        do {
            let left = try writeFromTree(found, layout)
            try writeFromStore(left, layout)
        } catch {
            for file in layout.assembled.values {
                if let name = file.state.withLock({ $0.name }) {
                    do { try placer.root.remove(name) } catch _ {}
                }
            }
            throw error
        }
        try Parallel.forEach(layout.copies.count) { [layout] i in
            try copy(layout.copies[i].of, to: layout.copies[i].place)
        }
        let unmade = zip(simple, written).filter { !$0.1 }.map(\.0)
        return (unmade + layout.unmade).map { entries[$0].path }
    }

    private func stamp(_ place: Int) -> FilePlacer.Stamp { entries[place].role == .output ? .stale : .now }

    /// Links and empty files; false if one can't be made here.
    private func writeSimple(_ place: Int) throws -> Bool {
        let entry = entries[place]
        switch entry.kind {
        case .link(let target):
            guard let bytes = entry.holdsTreePath ? rules.restored(entry.path, target) : target else {
                return false
            }
            try placer.link(entry.path, target: bytes, stamp: stamp(place))
        case .file(_, let executable):
            guard let bytes = entry.holdsTreePath ? rules.restored(entry.path, []) : [] else { return false }
            try placer.file(entry.path, executable: executable, stamp: stamp(place)) { try $0.write(bytes) }
        }
        return true
    }

    // MARK: Sources of chunks

    /// Answers the chunks that have to come from the store.
    private func writeFromTree(_ found: [TreeChunks.File], _ layout: ContentLayout) throws -> [Digest] {
        guard !found.isEmpty else { return Array(layout.targets.keys) }
        let taken = Mutex<Set<Digest>>([])
        let whole = Mutex<[Int]>([])
        try Parallel.forEach(found.count) { i in
            try found[i].read(in: placer.root) { chunk, bytes in
                taken.withLock { _ = $0.insert(chunk.digest) }
                for target in layout.targets[chunk.digest] ?? [] {
                    guard let file = layout.assembled[target.place] else { continue }
                    if try writePart(of: file, target, bytes) { whole.withLock { $0.append(target.place) } }
                }
            }
        }
        // Only now: what was read must not be replaced before.
        for place in whole.withLock({ $0 }) {
            if let file = layout.assembled[place] { try finish(file, place) }
        }
        let done = taken.withLock { $0 }
        return layout.targets.keys.filter { !done.contains($0) }
    }

    private func writeFromStore(_ digests: [Digest], _ layout: ContentLayout) throws {
        let plan = try session.plan(reading: digests)
        try session.willRead(plan)
        progress(.started(phase: .restoring, total: plan.compressedBytes))
        try Parallel.forEach(plan.frames.count) { i in
            try session.readFrame(plan.frames[i]) { chunk, bytes in
                for target in layout.targets[chunk.digest] ?? [] { try write(bytes, to: target, layout) }
            }
            progress(.advanced(phase: .restoring, by: plan.frames[i].compressedBytes))
        }
        progress(.finished(phase: .restoring))
    }

    private func write(
        _ bytes: UnsafeRawBufferPointer, to target: ContentLayout.Target, _ layout: ContentLayout
    ) throws {
        let place = target.place
        if let file = layout.assembled[place] {
            if try writePart(of: file, target, bytes) { try finish(file, place) }
        } else if let text = layout.texts[place] {
            if let stored = text.put(bytes, at: target.offset), try !writeText(stored, place) {
                layout.noteUnmade(place)
            }
        } else {
            try writeWhole(place, bytes)
        }
    }

    // MARK: Files

    private func writeWhole(_ place: Int, _ bytes: UnsafeRawBufferPointer) throws {
        guard case .file(_, let executable) = entries[place].kind else { return }
        try placer.file(entries[place].path, executable: executable, stamp: stamp(place)) {
            try $0.write(bytes, at: 0)
        }
    }

    /// What is rewritten for this tree; false if that can't be done.
    private func writeText(_ stored: [UInt8], _ place: Int) throws -> Bool {
        let entry = entries[place]
        guard case .file(_, let executable) = entry.kind, let bytes = rules.restored(entry.path, stored)
        else {
            return false
        }
        try placer.file(entry.path, executable: executable, stamp: stamp(place)) { try $0.write(bytes) }
        return true
    }

    /// True if that was the last part.
    private func writePart(
        of file: PartialFile, _ target: ContentLayout.Target, _ bytes: UnsafeRawBufferPointer
    ) throws -> Bool {
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
        return file.state.withLock { state in
            state.left -= 1
            return state.left == 0
        }
    }

    private func finish(_ file: PartialFile, _ place: Int) throws {
        guard let name = file.state.withLock({ $0.name }) else { return }
        if stamp(place) == .stale { try placer.root.setModificationTime(name, FreshnessPlan.staleTime) }
        try placer.root.rename(name, to: entries[place].path)
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
