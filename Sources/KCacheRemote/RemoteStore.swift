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
        let kept = folder(cache, transport.place)
        let meter = LineMeter(rememberedIn: kept)
        let objects = RemoteObjects(place: transport.place, options: options, meter: meter) {
            () throws(StoreError) in
            try transport.connect(creating: creating, meter: meter)
        }
        var options = Store.Options()
        options.isRemote = true
        options.bytesPerSecond = [transport.bytesPerSecond, meter.remembered()].compactMap { $0 }.min()
        return Store(
            objects: objects, locks: objects.locks, indexCache: kept.map { IndexCache(in: $0) },
            options: options)
    }

    /// Where what is known here of that store is kept; nil where the folder can't be made.
    private static func folder(_ cache: FilePath, _ place: String) -> Directory? {
        let name = Digest.of(Array(place.utf8)).hex
        do throws(SystemError) {
            return try Directory.create(cache.appending("far").appending(name))
        } catch {
            return nil
        }
    }
}

extension Store {
    /// What went over the connection to a far store; nil for a store in a folder.
    package var traffic: Traffic? { (objects as? RemoteObjects)?.traffic }

    /// Begins to connect to a store elsewhere, while the caller does something else.
    package func reach() { (objects as? RemoteObjects)?.reach() }

    /// Remembers how fast bytes came from a store elsewhere: the next pull decides by it what to derive.
    package func rememberLine() { (objects as? RemoteObjects)?.meter?.remember() }

    /// What the far end of a store elsewhere says of itself, reaching it now; nil for a store in a folder.
    package func welcome() throws(StoreError) -> WireWelcome? { try (objects as? RemoteObjects)?.welcome() }
}
