package import KCacheCore

/// The newest snapshot of each name that this machine has seen listed in one store.
package struct SeenSnapshots: Hashable, Sendable {
    package struct Mark: Hashable, Sendable {
        package var name: String
        package var id: SnapshotID
        /// As its maker says.
        package var created: Int64
        /// Somebody whom this machine trusts has signed it. Only such a mark can't have been set by the store.
        package var signed: Bool

        package init(name: String, id: SnapshotID, created: Int64, signed: Bool) {
            (self.name, self.id, self.created, self.signed) = (name, id, created, signed)
        }
    }

    /// As the user names the store: an address that the store itself told could be any.
    package var place: String
    /// By name, each once.
    package private(set) var marks: [Mark] = []

    /// The newest stay.
    package static let most = 256

    package init(place: String) { self.place = place }

    package subscript(name: String) -> Mark? { marks.first { $0.name == name } }

    /// Puts marks in the place of all there are.
    package mutating func set(_ new: [Mark]) {
        var byName: [String: Mark] = [:]
        for mark in new { byName[mark.name] = mark }
        marks = Array(
            byName.values.sorted { ($0.created, $0.name) > ($1.created, $1.name) }.prefix(Self.most)
        ).sorted { $0.name < $1.name }
    }

    /// Drops the marks of snapshots that were forgotten from here; true if there were any.
    package mutating func forget(_ ids: Set<SnapshotID>) -> Bool {
        let before = marks.count
        marks.removeAll { ids.contains($0.id) }
        return marks.count != before
    }

    // MARK: File

    private static let format = SealedFormat("memory of a store", magic: "KCSE", version: 1)

    package func encode() -> [UInt8] {
        Self.format.encode { writer in
            writer.text(place)
            writer.varint(UInt64(marks.count))
            for mark in marks {
                writer.text(mark.name)
                writer.digest(mark.id.digest)
                writer.signed(mark.created)
                writer.u8(mark.signed ? 1 : 0)
            }
        }
    }

    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> SeenSnapshots {
        try format.decode(bytes) { (reader) throws(FormatError) in
            var seen = SeenSnapshots(place: try reader.text())
            var marks: [Mark] = []
            for _ in 0..<(try reader.count(of: 3 + Digest.byteCount)) {
                let name = try reader.text()
                let id = SnapshotID(try reader.digest())
                let created = try reader.signed()
                let flag = try reader.u8()
                guard flag < 2 else { throw reader.error("unknown flag \(flag)") }
                marks.append(Mark(name: name, id: id, created: created, signed: flag == 1))
            }
            seen.set(marks)
            guard seen.marks == marks else { throw reader.error("marks out of order, twice, or too many") }
            return seen
        }
    }
}
