import KCacheCore
package import KCacheSystem
import Synchronization
import SystemPackage

/// Objects as files in a local folder.
///
/// An object is written under a temporary name (`TemporaryName`), synced and renamed; then its directory is
/// synced. So a file under an object's own name is whole, also after a power cut.
package final class FolderObjects: ObjectPruner {
    let root: Directory

    package init(_ root: Directory) { self.root = root }

    package var place: String { root.path.string }

    package func get(_ name: ObjectName, limit: Int) throws(StoreError) -> [UInt8]? {
        let path = try filePath(name)
        return try translating("cannot read \(name.forPeople)", subject: name.path) {
            () throws(SystemError) in
            try root.readFile(path, limit: limit)
        }
    }

    package func read(_ name: ObjectName, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer)
        throws(StoreError) -> Int?
    {
        let path = try filePath(name)
        guard offset <= UInt64(Int64.max) - UInt64(buffer.count) else { return 0 }
        return try translating("cannot read \(name.forPeople)", subject: name.path) {
            () throws(SystemError) in
            guard let file = try root.openFile(path) else { return nil }
            return try file.read(into: buffer, at: offset)
        }
    }

    package func info(_ name: ObjectName) throws(StoreError) -> ObjectInfo? {
        let path = try filePath(name)
        let status = try translating("cannot look at \(name.forPeople)", subject: name.path) {
            () throws(SystemError) in
            try root.status(path)
        }
        guard let status, status.kind == .file else { return nil }
        return ObjectInfo(name: name, size: ByteCount(status.size), modified: status.mtime)
    }

    package func list(_ kind: ObjectKind) throws(StoreError) -> [ObjectInfo] {
        try translating("cannot list \(kind.rawValue)", subject: kind.rawValue) { () throws(SystemError) in
            var found: [ObjectInfo] = []
            guard let folder = try subfolder(kind.rawValue) else { return [] }
            for entry in try folder.entries() {
                if kind != .packs {
                    add(entry, kind, to: &found)
                } else if entry.status.kind == .directory, let name = TreePath(entry.name),
                    try folder.status(name) != nil
                {
                    for pack in try folder.directory(name).entries()
                    where pack.name.starts(with: entry.name) {
                        add(pack, kind, to: &found)
                    }
                }
            }
            return found
        }
    }

    private func add(_ entry: Directory.Entry, _ kind: ObjectKind, to found: inout [ObjectInfo]) {
        guard entry.status.kind == .file, let name = ObjectName(kind: kind, fileName: entry.name)
        else { return }
        found.append(
            ObjectInfo(name: name, size: ByteCount(entry.status.size), modified: entry.status.mtime))
    }

    package func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StoreError) {
        let path = try filePath(name)
        try translating("cannot write \(name.forPeople)", subject: name.path) { () throws(SystemError) in
            try AtomicFile.write(bytes, to: path, in: root)
        }
    }

    package func beginStream() throws(StoreError) -> any ObjectStream {
        let temporary = TemporaryName.beside(try checked("packs/new"))
        return try translating("cannot begin a pack in \(place)", subject: place) {
            () throws(SystemError) in
            if let parent = temporary.parent { try root.makeDirectories(parent) }
            return FolderStream(self, temporary, try root.createFile(temporary))
        }
    }

    package func resumeStream(_ name: ObjectName) throws(StoreError) -> (any ObjectStream)? {
        guard case .pack(let digest) = name else { return nil }
        // One attempt at a time: the others begin files of their own.
        let unfinished = TreePath(literal: Array("packs/".utf8) + TemporaryName.unfinished(digest.hex))
        return try translating("cannot begin a pack in \(place)", subject: place) {
            () throws(SystemError) in
            if let parent = unfinished.parent { try root.makeDirectories(parent) }
            let file = try root.openOrCreate(unfinished)
            guard try file.lockIfFree() else { return nil }
            // Somebody may have put it in place, or removed it, between the opening and the lock.
            let status = try file.status()
            guard let named = try root.status(unfinished), named.inode == status.inode else { return nil }
            return FolderStream(self, unfinished, file, length: status.size, name: name)
        }
    }

    package func touch(_ name: ObjectName, _ ns: Int64) throws(StoreError) -> Bool {
        let path = try filePath(name)
        return try translating("cannot touch \(name.forPeople)", subject: name.path) {
            () throws(SystemError) in
            do throws(SystemError) {
                try root.setModificationTime(path, ns)
                return true
            } catch {
                if error.errno == .noSuchFileOrDirectory { return false }
                throw error
            }
        }
    }

    package func delete(_ names: [ObjectName]) throws(StoreError) -> Int {
        var removed = 0
        var folders: [TreePath] = []
        for name in names {
            let path = try filePath(name)
            try translating("cannot delete \(name.forPeople)", subject: name.path) {
                () throws(SystemError) in
                if try root.remove(path) { removed += 1 }
            }
            if let parent = path.parent, !folders.contains(parent) { folders.append(parent) }
        }
        try translating("cannot sync \(place)", subject: place) { () throws(SystemError) in
            for folder in folders where try root.status(folder) != nil {
                try root.directory(folder).sync()
            }
        }
        return removed
    }

    package func removeLeftovers(dryRun: Bool) throws(StoreError) -> Int {
        let folders = [nil] + ObjectKind.allCases.map { $0.rawValue }
        return try translating("cannot clear temporaries in \(place)", subject: place) {
            () throws(SystemError) in
            var count = 0
            for name in folders {
                guard let folder = try name.map(subfolder) ?? root else { continue }
                for entry in try folder.entries()
                where entry.status.kind == .file && TemporaryName.isTemporary(entry.name) {
                    guard let path = TreePath(entry.name) else { continue }
                    if !dryRun { try folder.remove(path) }
                    count += 1
                }
            }
            return count
        }
    }

    // MARK: Helpers

    /// A folder of the store; nil if it isn't there.
    private func subfolder(_ name: String) throws(SystemError) -> Directory? {
        guard let path = TreePath(name), try root.status(path) != nil else { return nil }
        return try root.directory(path)
    }

    fileprivate func filePath(_ name: ObjectName) throws(StoreError) -> TreePath { try checked(name.path) }

    private func checked(_ text: String) throws(StoreError) -> TreePath {
        guard let path = TreePath(text) else {
            throw StoreError(.misuse, "no object can be called \(text)", subject: text)
        }
        return path
    }
}

/// A pack that is being written, under a temporary name.
private final class FolderStream: ObjectStream {
    private let objects: FolderObjects
    private let temporary: TreePath
    private let file: Descriptor
    /// What is left for a later attempt has a name already.
    private let name: ObjectName?
    private struct State: Sendable {
        var length: UInt64
        var isOpen = true
    }
    private let state: Mutex<State>

    init(
        _ objects: FolderObjects, _ temporary: TreePath, _ file: consuming Descriptor, length: UInt64 = 0,
        name: ObjectName? = nil
    ) {
        (self.objects, self.temporary, self.name) = (objects, temporary, name)
        self.file = file
        state = Mutex(State(length: length))
    }

    var length: UInt64 { state.withLock { $0.length } }

    deinit { cancel() }

    func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        let offset = state.withLock { state in
            defer { state.length += UInt64(bytes.count) }
            return state.length
        }
        try translating("cannot write a pack in \(objects.place)", subject: objects.place) {
            () throws(SystemError) in
            try file.write(bytes, at: offset)
        }
    }

    func commit(as name: ObjectName) throws(StoreError) {
        let path = try objects.filePath(name)
        try translating("cannot write \(name.forPeople)", subject: name.path) { () throws(SystemError) in
            try file.sync()
            guard let folder = path.parent else { return }
            try objects.root.makeDirectories(folder)
            try objects.root.rename(temporary, to: path)
            state.withLock { $0.isOpen = false }
            try objects.root.directory(folder).sync()
            // The folder itself may be new, made here or by another push that has not synced it yet.
            if let above = folder.parent { try objects.root.directory(above).sync() }
        }
    }

    func cancel() {
        let wasOpen = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
        guard wasOpen else { return }
        // What can't be removed now is a leftover for gc.
        do throws(SystemError) { try objects.root.remove(temporary) } catch _ {}
    }

    func suspend() {
        guard name != nil, length > 0 else { return cancel() }
        state.withLock { $0.isOpen = false }
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
        guard offset <= UInt64(Int64.max) - UInt64(buffer.count) else { return 0 }
        return try translating("cannot read a pack back in \(objects.place)", subject: objects.place) {
            () throws(SystemError) in
            try file.read(into: buffer, at: offset)
        }
    }

    func digest() throws(StoreError) -> Digest {
        try translating("cannot read a pack back in \(objects.place)", subject: objects.place) {
            () throws(SystemError) in
            try file.digest(of: length)
        }
    }
}
