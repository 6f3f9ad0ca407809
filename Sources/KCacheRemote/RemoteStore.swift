package import KCacheStore

/// The one place where a far store is put together.
package enum RemoteStore {
    /// The store at the end of an ssh connection, which is made when the store is first used.
    ///
    /// From the outside in: locks; `RemoteObjects` (connects, and again when the connection breaks);
    /// `WireObjects` (reads ahead); `WireConnection` (counts bytes, keeps to a rate); ssh. What is read is
    /// checked by `StoreSession` against its digest, as of any store; what is written, by the far end.
    package static func open(
        _ transport: SSHTransport, creating: Bool, options: RemoteObjects.Options = .init()
    ) -> Store {
        let objects = RemoteObjects(place: transport.address.description, options: options) {
            () throws(StoreError) in
            try transport.connect(creating: creating)
        }
        var options = Store.Options()
        options.isRemote = true
        return Store(objects: objects, locks: objects.locks, options: options)
    }
}

extension Store {
    /// What went over the connection to a far store; nil for a store in a folder.
    package var traffic: Traffic? { (objects as? RemoteObjects)?.traffic }

    /// What the far end of a store elsewhere says of itself, reaching it now; nil for a store in a folder.
    package func welcome() throws(StoreError) -> WireWelcome? { try (objects as? RemoteObjects)?.welcome() }
}
