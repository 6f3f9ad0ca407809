import Dispatch
import KCacheCore
import KCacheRemote
import KCacheServer
import KCacheSystem
import Synchronization

@testable import KCacheStore

/// A store in memory behind a server and a connection, in one process.
final class ServedStore {
    let behind: Store
    let objects: WireObjects

    init(access: WireAccess = .full, behind: Store = Store(objects: MemoryObjects())) throws {
        self.behind = behind
        let up = try ByteChannel.pipe("the way there")
        let down = try ByteChannel.pipe("the way back")
        DispatchQueue(label: "server").async {
            var options = StoreServer.Options()
            options.access = access
            let server = StoreServer(input: up.reading, output: down.writing, options: options) { _ in behind
            }
            do { try server.run() } catch {}
        }
        objects = WireObjects(
            try WireConnection(input: down.reading, output: up.writing, place: "the far store"))
    }
}
