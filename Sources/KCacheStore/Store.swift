import KCacheCore
package import KCacheSystem
package import SystemPackage

/// A place where packs and snapshots live. Any number of processes may use one at once.
package final class Store: Sendable {
    /// For people: the folder, or what stands for it.
    package let place: String
    /// The folder; nil for a store elsewhere.
    package let path: FilePath?
    package let objects: any ObjectPruner
    package let locks: StoreLocks
    let indexCache: IndexCache?
    let clock: WallClock
    package let options: Options

    package struct Options: Sendable {
        /// A pack is closed at this size: large enough for few transfers, small enough to be rewritten.
        package var fullPack = PackFormat.fullPack
        /// gc rewrites a pack of which less than this share is live.
        package var repackBelow = 0.5
        /// Bytes come over a line: a pull then derives and copies what it can instead of reading it.
        package var isRemote = false
        /// What the line gives, where that is known: what takes longer to derive than to read is then read.
        package var bytesPerSecond: UInt64?

        package init() {}
    }

    /// What to do where no store is.
    package enum OpenMode: Sendable { case existing, createIfMissing }

    /// A store over any objects; `locks` where more than one process may use them.
    package init(
        objects: any ObjectPruner, locks: StoreLocks = .none, path: FilePath? = nil,
        indexCache: IndexCache? = nil, clock: WallClock = .system, options: Options = Options()
    ) {
        (self.objects, self.locks, self.path, self.indexCache) = (objects, locks, path, indexCache)
        (self.clock, self.options, place) = (clock, options, objects.place)
    }

    /// Opens the store in a folder. A read-only folder will do for reading.
    package static func open(
        at path: FilePath, mode: OpenMode = .existing, clock: WallClock = .system,
        options: Options = Options()
    ) throws -> Store {
        let folder = try openFolder(path, mode)
        let objects = FolderObjects(folder)
        let locks = try StoreLocks.folder(folder)
        if try !checkFormat(objects) {
            guard mode == .createIfMissing else { throw noStore(path) }
            try create(folder, objects, locks, path)
        }
        return Store(objects: objects, locks: locks, path: path, clock: clock, options: options)
    }

    /// Takes part in the store: reading and writing, while gc waits.
    ///
    /// Calls `waiting` once if a gc is running. Reads the index of every pack.
    package func begin(waiting: @Sendable () -> Void = {}) throws -> StoreSession {
        let lock = try locks.shared(waiting)
        return StoreSession(self, lock: lock, inventory: try reader.packs())
    }

    /// Takes part in a store that is far away, with one that is near in front of it: what the near one has is
    /// read there, and what is read from here stays there (`StoreSession.keep`).
    ///
    /// What is asked of it goes in few journeys: the lock and the listings, then the catalog, likely records and
    /// the indexes.
    ///
    /// - Parameter withoutSources: passes over the indexes of packs of sources, as far as nobody asks for a chunk
    ///   that isn't in any other.
    package func begin(
        near: StoreSession, withoutSources: Bool = false, waiting: @Sendable () -> Void = {}
    ) throws -> StoreSession {
        let lock = try locks.sharedExpecting([.list(.index), .list(.packs), .list(.catalog)], waiting)
        let reader = reader
        let listing = try objects.list(.catalog)
        try reader.expectCatalog(of: listing)
        let packs = try reader.packs(without: withoutSources ? .sources : nil)
        return StoreSession(
            self, lock: lock, inventory: packs, tier: try SessionTier(near: near),
            catalog: try reader.catalog(of: listing))
    }

    var reader: StoreObjects { StoreObjects(objects: objects, indexCache: indexCache) }

    // MARK: Opening

    static let formatText = "kcache store 1\n"

    private static func openFolder(_ path: FilePath, _ mode: OpenMode) throws -> Directory {
        do throws(SystemError) {
            return mode == .createIfMissing ? try Directory.create(path) : try Directory.open(path)
        } catch {
            if mode == .existing, [.noSuchFileOrDirectory, .notDirectory].contains(error.errno) {
                throw noStore(path)
            }
            throw StoreError(
                .system, "cannot open the store \(path.string)", subject: path.string, cause: error)
        }
    }

    private static func noStore(_ path: FilePath) -> StoreError {
        StoreError(
            .noStore, "there is no kcache store at \(path.string): kcache push makes one",
            subject: path.string)
    }

    /// False if there is no format file.
    private static func checkFormat(_ objects: FolderObjects) throws(StoreError) -> Bool {
        guard let bytes = try objects.get(.format, limit: 4096) else { return false }
        let text = String(decoding: bytes, as: UTF8.self)
        if text == formatText { return true }
        let words = text.split(whereSeparator: \.isWhitespace)
        if words.count >= 3, words[0] == "kcache", words[1] == "store", let number = Int(words[2]), number > 1
        {
            throw StoreError(
                .newerFormat,
                "store \(objects.place) has format \(number), and this kcache reads 1: use a newer kcache",
                subject: objects.place)
        }
        throw StoreError(
            .damaged, "\(objects.place)/format is not that of a kcache store: is this the right folder?",
            subject: objects.place)
    }

    private static func create(
        _ folder: Directory, _ objects: FolderObjects, _ locks: StoreLocks, _ path: FilePath
    ) throws {
        // The default store's folder is the user's cache folder, where the states of trees are kept too, and what was
        // seen of stores if it is the state folder as well.
        let neighbours = ["lock", "trees", "make", "seen", "far", "builds", "tools.stat-index"].map {
            Array($0.utf8)
        }
        let known = Set(ObjectKind.allCases.map { Array($0.rawValue.utf8) } + neighbours)
        let entries = try translating("cannot read the folder \(path.string)", subject: path.string) {
            () throws(SystemError) in
            try folder.entries()
        }
        let foreign = entries.first {
            !known.contains($0.name) && !TemporaryName.isTemporary($0.name)
                && $0.name != Array("format".utf8)
        }
        if let foreign {
            throw StoreError(
                .noStore,
                "\(path.string) is not a kcache store and not empty (it holds "
                    + "\(quoteForPeople(foreign.name))): give an empty or new folder",
                subject: path.string)
        }
        let lock = try locks.shared({})
        try withExtendedLifetime(lock) {
            for kind in ObjectKind.allCases {
                guard let name = TreePath(kind.rawValue) else { continue }
                try translating("cannot make the store \(path.string)", subject: path.string) {
                    () throws(SystemError) in
                    try folder.makeDirectories(name)
                }
            }
            try objects.put(.format, Array(formatText.utf8))
            syncAncestors(folder)
        }
    }

    /// Makes the names of folders that may be new durable; one that can't be opened is not ours to have made.
    private static func syncAncestors(_ folder: Directory) {
        do throws(SystemError) {
            var path = try folder.realPath()
            while path.removeLastComponent() { try Directory.open(path).sync() }
        } catch _ {}
    }
}
