import KCacheCore
package import KCacheStore
import KCacheSystem
package import SystemPackage

/// The one place where a far store is put together.
package enum RemoteStore {
    /// The store at the end of an ssh connection, which is made when the store is first used.
    ///
    /// From the outside in: locks; `RemoteObjects` (connects, and again when the connection breaks);
    /// `WireObjects` (reads ahead); `WireConnection` (counts bytes, keeps to a rate); ssh. What is read is
    /// checked by `StoreSession` against its digest, as of any store; what is written, by the far end.
    ///
    /// - Parameter cache: a folder for what this machine keeps of that store alone.
    package static func open(
        _ transport: SSHTransport, creating: Bool, cache: FilePath, options: RemoteObjects.Options = .init()
    ) -> Store {
        let objects = RemoteObjects(place: transport.place, options: options) {
            () throws(StoreError) in
            try transport.connect(creating: creating)
        }
        var options = Store.Options()
        options.isRemote = true
        options.bytesPerSecond = transport.bytesPerSecond
        return Store(
            objects: objects, locks: objects.locks, indexCache: indexCache(cache, transport.place),
            options: options)
    }

    /// Nil where the folder can't be made.
    private static func indexCache(_ cache: FilePath, _ place: String) -> IndexCache? {
        let name = Digest.of(Array(place.utf8)).hex
        do throws(SystemError) { return try IndexCache(at: cache.appending("far").appending(name)) } catch {
            return nil
        }
    }
}

extension Store {
    /// What went over the connection to a far store; nil for a store in a folder.
    package var traffic: Traffic? { (objects as? RemoteObjects)?.traffic }

    /// Begins to connect to a store elsewhere, while the caller does something else.
    package func reach() { (objects as? RemoteObjects)?.reach() }

    /// What the far end of a store elsewhere says of itself, reaching it now; nil for a store in a folder.
    package func welcome() throws(StoreError) -> WireWelcome? { try (objects as? RemoteObjects)?.welcome() }
}
