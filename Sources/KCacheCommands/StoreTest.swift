import KCacheCore
import KCacheRemote
import KCacheStore
import KCacheSystem

/// What `kcache store test` finds out.
struct StoreTest: Encodable {
    let store: String
    /// Where it is there; nil for a folder of this machine.
    let farFolder: String?
    let farProgram: String?
    let access: String?
    let snapshots: Int
    /// Of one small request, in milliseconds; nil for a folder.
    let roundTrip: Double?

    init(_ reference: StoreReference) throws {
        let store = try reference.open(.existing)
        let welcome = try store.welcome()
        self.store = store.place
        (farFolder, farProgram) = (welcome?.place, welcome?.program)
        access = welcome.map { Self.name($0.access) }
        snapshots = try store.catalog().entries.count
        if welcome == nil {
            roundTrip = nil
        } else {
            let start = WallClock.system.now()
            _ = try store.objects.info(.format)
            roundTrip = Double(WallClock.system.now() - start) / 1e6
        }
    }

    var lines: [String] {
        var lines = ["\(store) answers: \(SnapshotText.count(UInt64(snapshots), "snapshot"))"]
        if let farFolder, let farProgram, let access, let roundTrip {
            let tenths = Int((roundTrip * 10).rounded())
            lines.append(
                "\(quoteForPeople(Array(farProgram.utf8))) serves \(quoteForPeople(Array(farFolder.utf8))), "
                    + "which this key may \(access); a round trip takes \(tenths / 10).\(tenths % 10) ms")
        }
        return lines
    }

    private static func name(_ access: WireAccess) -> String {
        switch access {
        case .readOnly: "read"
        case .appendOnly: "read and add to"
        case .full: "read, add to and clear"
        }
    }
}
