import KCacheCore
import KCacheSystem
import SystemPackage

/// The answers of one toolchain and environment on the disk, a file per directory of the kernel.
///
/// Files are replaced whole, under a lock that all runs share, so that a kill at any time leaves each as it was
/// or as it should be. Whatever is not exactly what this type writes is removed before make sees it.
struct ProbeStore: Sendable {
    private let all: PrivateFolder
    private let own: PrivateFolder
    private let clock: WallClock

    private static let lock = TreePath(literal: Array("lock".utf8))
    private static let used = TreePath(literal: Array("used".utf8))
    /// Bytes of one file: three times what a top directory of the largest configuration needs.
    static let fileLimit = 256 << 10
    /// Files of one key, and keys in all; a key is a toolchain with its environment.
    private static let mostFiles = 2000
    private static let mostKeys = 24

    /// Nil if the cache folder isn't the user's alone.
    ///
    /// - Throws: where it can't be made or opened.
    static func open(_ cache: FilePath, key: Digest, clock: WallClock) throws(SystemError) -> ProbeStore? {
        guard let all = try PrivateFolder.open(cache, ["make", "probes"]),
            let own = try PrivateFolder.open(cache, ["make", "probes", key.short])
        else { return nil }
        return ProbeStore(all: all, own: own, clock: clock)
    }

    private init(all: PrivateFolder, own: PrivateFolder, clock: WallClock) {
        (self.all, self.own, self.clock) = (all, own, clock)
    }

    /// Where make finds the answers.
    var path: FilePath { own.directory.path }

    /// Removes every file that isn't whole and well formed; false if one such can't be removed.
    func validate() -> Bool {
        for entry in own.entries() {
            let text = String(decoding: entry.name, as: UTF8.self)
            guard text.hasSuffix(".mk") else { continue }
            let name = TreePath(literal: entry.name)
            if ProbeText.isFileName(text), read(name) != nil { continue }
            do throws(SystemError) { try own.directory.remove(name) } catch { return false }
        }
        return true
    }

    private func read(_ name: TreePath) -> ProbeAnswers? {
        own.read(name, limit: Self.fileLimit * 2).flatMap { ProbeAnswers(parsing: $0) }
    }

    /// Adds answers to what is there; the number that was new.
    func merge(_ notes: [ProbeNote]) throws(SystemError) -> Int {
        guard !notes.isEmpty else { return 0 }
        let lock = try FileLock.take(.exclusive, on: Self.lock, in: all.directory)
        defer { lock.end() }
        // gc of another run may have removed the folder meanwhile.
        guard try own.directory.status().links != 0 else { return 0 }
        var added = 0
        for (file, group) in Dictionary(grouping: notes, by: { $0.file }) {
            let name = TreePath(literal: Array(file.utf8))
            var answers = read(name) ?? ProbeAnswers()
            var news = 0
            for note in group where answers.add(note) { news += 1 }
            guard news > 0 else { continue }
            answers.trim(to: Self.fileLimit)
            try own.write(answers.encode(), to: name)
            added += news
        }
        trim()
        return added
    }

    /// Marks the answers as used, at most once an hour.
    func markUsed() {
        do throws(SystemError) {
            let now = clock.now()
            if let status = try own.directory.status(Self.used) {
                guard now - status.mtime > 3_600_000_000_000 else { return }
                try own.directory.setModificationTime(Self.used, now)
            } else {
                _ = try own.directory.createFile(Self.used, mode: 0o600)
            }
        } catch _ {}
    }

    // MARK: Bounds

    private func trim() {
        // Nobody else writes while the lock is held: what killed runs left.
        for entry in own.entries() where TemporaryName.isTemporary(entry.name) {
            own.remove(TreePath(literal: entry.name))
        }
        let files = own.entries().filter { $0.name.suffix(3).elementsEqual(".mk".utf8) }
        for entry in files.sorted(by: { $0.status.mtime < $1.status.mtime }).dropLast(Self.mostFiles) {
            own.remove(TreePath(literal: entry.name))
        }
        let keys = all.entries().filter { $0.status.kind == .directory }
        guard keys.count > Self.mostKeys else { return }
        var ages: [(age: Int64, name: TreePath)] = []
        for entry in keys {
            let name = TreePath(literal: entry.name)
            var age = entry.status.mtime
            do throws(SystemError) {
                if let mark = try all.directory.directory(name).status(Self.used) {
                    age = max(age, mark.mtime)
                }
            } catch _ {}
            ages.append((age, name))
        }
        for (_, name) in ages.sorted(by: { $0.age < $1.age }).dropLast(Self.mostKeys) { remove(name) }
    }

    /// Removes a key's folder; what can't be removed stays.
    private func remove(_ name: TreePath) {
        do throws(SystemError) {
            let folder = try all.directory.directory(name)
            for entry in try folder.entries() { try folder.remove(TreePath(literal: entry.name)) }
            try all.directory.removeDirectory(name)
        } catch _ {}
    }
}
