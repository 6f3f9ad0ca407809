import KCacheRemote
import KCacheStore
import SystemPackage

/// A store that was named, not opened yet.
struct StoreReference {
    enum Location {
        case folder(FilePath)
        case ssh(SSHAddress, SSHTransport.Options)
    }

    let location: Location
    private let invocation: Invocation

    init(location: Location, invocation: Invocation) {
        (self.location, self.invocation) = (location, invocation)
    }

    /// The folder; nil for a store elsewhere.
    var folder: FilePath? {
        if case .folder(let path) = location { return path }
        return nil
    }

    /// As it is shown to people.
    var place: String {
        switch location {
        case .folder(let path): path.string
        case .ssh(let address, _): address.description
        }
    }

    /// Opens it; one elsewhere is reached when it is first used.
    func open(_ mode: Store.OpenMode) throws -> Store {
        switch location {
        case .folder(let path): return try Store.open(at: path, mode: mode)
        case .ssh:
            guard let transport else { throw SettingsError("no way to \(place)") }
            return RemoteStore.open(
                transport, creating: mode == .createIfMissing, cache: try invocation.cacheFolder())
        }
    }

    /// How a store elsewhere is reached; nil for a folder.
    var transport: SSHTransport? {
        guard case .ssh(let address, var options) = location else { return nil }
        // As GIT_SSH_COMMAND and RSYNC_RSH: for this run, over what is set down for the store.
        if let words = invocation.environment["KCACHE_SSH"], !words.isEmpty {
            options.command = words.split(separator: " ").map(String.init)
        }
        return SSHTransport(address, environment: invocation.environment, options: options)
    }
}

/// The stores that a push or pull has to do with.
struct StoreChoice {
    /// The folder of this machine.
    let local: FilePath
    /// Another store: the one that was named, or the default one where that is no folder.
    let other: StoreReference?

    /// What finds the store to read from again, whatever the working directory.
    let name: String

    /// `named` is the store that the command line names beside the local one.
    init(_ global: GlobalOptions, _ invocation: Invocation, named: String? = nil) throws {
        let standard = try global.storeReference(invocation)
        let local = try standard.folder ?? invocation.cacheFolder()
        var other = try named.map { try StoreRegistry(invocation).resolve($0) }
        if other == nil, standard.folder == nil { other = standard }
        // The local one, named once more.
        if let folder = other?.folder, folder == local { other = nil }
        (self.local, self.other) = (local, other)
        // A store's name has its options with it; a folder is absolute as it is shown.
        let text = try named ?? global.storeText(invocation)
        name =
            try text.flatMap { try StoreRegistry(invocation).isName($0) ? $0 : nil } ?? other?.place
            ?? local.string
    }

    /// The store to read from, and the local one in front of it where it is far away.
    func openForReading() throws -> (store: Store, near: Store?) {
        guard let other else { return (try Store.open(at: local, mode: .existing), nil) }
        let store = try other.open(.existing)
        if other.folder != nil { return (store, nil) }
        return (store, try Store.open(at: local, mode: .createIfMissing))
    }
}
