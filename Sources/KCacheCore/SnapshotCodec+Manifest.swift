extension SnapshotCodec {
    /// The version of manifests that this program writes, and the newest that it reads.
    package static let manifestVersion: UInt8 = 2
    static let manifestMagic = Array("KCMF".utf8)

    // MARK: Writing

    /// The manifest's bytes.
    package static func encode(_ entries: [SnapshotEntry]) -> [UInt8] {
        Array(sections(of: entries).joined())
    }

    /// The manifest's bytes in parts, to be cut into chunks each by itself: the sources, the outputs, the order,
    /// and if there are any, the derivations.
    ///
    /// What changes at every build (the order) stays out of the way of what does not, so that two manifests share
    /// the rest; and a tree's own entries give the same first two parts.
    package static func sections(of entries: [SnapshotEntry]) -> [[UInt8]] {
        let outputs = entries.filter { $0.role == .output }
        let others = entries.filter { $0.role != .output }
        var first = ByteWriter(capacity: others.count * 100)
        first.raw(manifestMagic)
        first.u8(manifestVersion)
        write(others, to: &first)
        var second = ByteWriter(capacity: outputs.count * 100)
        write(outputs, to: &second)
        let sections = [first.bytes, second.bytes, orders(of: others + outputs)]
        let derived = derivations(of: outputs)
        return derived.isEmpty ? sections : sections + [derived]
    }

    private static func write(_ entries: [SnapshotEntry], to writer: inout ByteWriter) {
        writer.varint(UInt64(entries.count))
        for entry in entries {
            writer.counted(entry.path.bytes)
            var flags = entry.role.rawValue
            switch entry.kind {
            case .file(_, let executable): if executable { flags |= Flag.executable }
            case .link: flags |= Flag.link
            }
            if entry.holdsTreePath { flags |= Flag.holdsTreePath }
            writer.u8(flags)
            switch entry.kind {
            case .file(let content, _): write(content, to: &writer)
            case .link(let target): writer.counted(target)
            }
        }
    }

    private static func orders(of entries: [SnapshotEntry]) -> [UInt8] {
        let orders = entries.map { withinReach($0.order) }
        let base = orders.lazy.filter { $0 != 0 }.min() ?? 0
        var writer = ByteWriter(capacity: entries.count * 3)
        writer.signed(base)
        for order in orders { writer.varint(order == 0 ? 0 : UInt64(order - base) + 1) }
        return writer.bytes
    }

    private static func derivations(of outputs: [SnapshotEntry]) -> [UInt8] {
        var writer = ByteWriter()
        for entry in outputs {
            guard let derivation = entry.derivation else { continue }
            writer.counted(entry.path.bytes)
            switch derivation {
            case .patch(let base, let delta):
                writer.u8(DerivationKind.patch)
                writer.digest(base)
                write(delta, to: &writer)
            case .compressed(let compressor, let inputs):
                writer.u8(DerivationKind.compressed)
                writer.u8(compressor.rawValue)
                writer.varint(UInt64(inputs.count))
                for input in inputs { writer.counted(input.bytes) }
            }
        }
        return writer.bytes
    }

    // MARK: Reading

    /// Reads a manifest and refuses whatever could reach outside a tree or make one path two things.
    package static func decodeManifest(_ bytes: [UInt8]) throws(FormatError) -> [SnapshotEntry] {
        let versions = [1, manifestVersion]
        return try decode(bytes, what: "manifest", magic: manifestMagic, versions: versions) {
            (reader, version) throws(FormatError) in
            let entries = version == 1 ? try readVersion1(&reader) : try readLists(&reader)
            try checkDirectories(entries, reader)
            return entries
        }
    }

    private static func readVersion1(_ reader: inout ByteReader) throws(FormatError) -> [SnapshotEntry] {
        var entries: [SnapshotEntry] = []
        while !reader.isAtEnd {
            var (entry, flags) = try readHead(&reader)
            entry.order = withinReach(try reader.signed())
            try readKind(of: &entry, flags, &reader)
            try append(entry, to: &entries, reader)
        }
        return entries
    }

    private static func readLists(_ reader: inout ByteReader) throws(FormatError) -> [SnapshotEntry] {
        var others = try readList(&reader)
        var outputs = try readList(&reader)
        let base = try checked(try reader.signed(), reader)
        try readOrders(of: &others, base, &reader)
        try readOrders(of: &outputs, base, &reader)
        try readDerivations(of: &outputs, &reader)
        var merged: [SnapshotEntry] = []
        merged.reserveCapacity(others.count + outputs.count)
        var at = 0
        for entry in others {
            while at < outputs.count, outputs[at].path < entry.path {
                try append(outputs[at], to: &merged, reader)
                at += 1
            }
            try append(entry, to: &merged, reader)
        }
        for entry in outputs[at...] { try append(entry, to: &merged, reader) }
        return merged
    }

    private static func readList(_ reader: inout ByteReader) throws(FormatError) -> [SnapshotEntry] {
        // A path of one byte, flags, and a content or target of no bytes.
        let count = try reader.count(of: 4)
        var entries: [SnapshotEntry] = []
        entries.reserveCapacity(count)
        for _ in 0..<count {
            var (entry, flags) = try readHead(&reader)
            try readKind(of: &entry, flags, &reader)
            try append(entry, to: &entries, reader)
        }
        return entries
    }

    private static func append(
        _ entry: SnapshotEntry, to entries: inout [SnapshotEntry], _ reader: ByteReader
    ) throws(FormatError) {
        if let last = entries.last, !(last.path < entry.path) {
            throw reader.error("entries out of order at \(entry.path)")
        }
        entries.append(entry)
    }

    private static func readOrders(
        of entries: inout [SnapshotEntry], _ base: Int64, _ reader: inout ByteReader
    ) throws(FormatError) {
        for i in entries.indices {
            let value = try reader.varint()
            guard value > 0 else { continue }
            guard value <= UInt64(longestTime) * 2 else { throw reader.error("a time out of range") }
            entries[i].order = try checked(base + Int64(value - 1), reader)
        }
    }

    /// Times stay far from the ends of their range, so that sums of them are safe.
    private static let longestTime = Int64.max / 4

    private static func withinReach(_ time: Int64) -> Int64 { min(max(time, -longestTime), longestTime) }

    private static func checked(_ time: Int64, _ reader: ByteReader) throws(FormatError) -> Int64 {
        guard time >= -longestTime, time <= longestTime else { throw reader.error("a time out of range") }
        return time
    }

    private static func readDerivations(
        of outputs: inout [SnapshotEntry], _ reader: inout ByteReader
    ) throws(FormatError) {
        var at = outputs.startIndex
        while !reader.isAtEnd {
            let name = try reader.counted()
            while at < outputs.endIndex, outputs[at].path.bytes != name { at += 1 }
            guard at < outputs.endIndex, outputs[at].derivation == nil, outputs[at].role == .output,
                outputs[at].content != nil, !outputs[at].holdsTreePath
            else {
                throw reader.error("a derivation of what is no such output")
            }
            outputs[at].derivation = try readDerivation(&reader)
        }
    }

    private static func readDerivation(_ reader: inout ByteReader) throws(FormatError) -> Derivation {
        switch try reader.u8() {
        case DerivationKind.patch:
            return .patch(base: try reader.digest(), delta: try readContent(&reader))
        case DerivationKind.compressed:
            guard let compressor = Derivation.Compressor(rawValue: try reader.u8()) else {
                throw reader.error("an unknown compressor")
            }
            var inputs: [TreePath] = []
            for _ in 0..<(try reader.count(of: 2)) {
                guard let path = TreePath(try reader.counted()) else { throw reader.error("an illegal path") }
                inputs.append(path)
            }
            return .compressed(compressor, inputs: inputs)
        default: throw reader.error("an unknown derivation")
        }
    }

    private static func readHead(
        _ reader: inout ByteReader
    ) throws(FormatError) -> (entry: SnapshotEntry, flags: UInt8) {
        let name = try reader.counted()
        guard let path = TreePath(name) else {
            throw reader.error("illegal path \"\(quoteForPeople(name.prefix(200)))\"")
        }
        if let reserved = ReservedName.occurring(in: path) {
            throw reader.error("\(path) is refused: no snapshot may write to \(quoteForPeople(reserved))")
        }
        let flags = try reader.u8()
        guard let role = Role(rawValue: flags & Flag.roleMask), flags & Flag.unknown == 0 else {
            throw reader.error("unknown kind of entry \(path)")
        }
        guard role != .configuration || path.bytes == configurationPath else {
            throw reader.error("\(path) can't be the configuration")
        }
        let holds = flags & Flag.holdsTreePath != 0
        return (SnapshotEntry(path: path, role: role, kind: .link([]), holdsTreePath: holds), flags)
    }

    private static func readKind(
        of entry: inout SnapshotEntry, _ flags: UInt8, _ reader: inout ByteReader
    ) throws(FormatError) {
        guard flags & Flag.link != 0 else {
            entry.kind = .file(try readContent(&reader), executable: flags & Flag.executable != 0)
            return
        }
        guard flags & Flag.executable == 0 else { throw reader.error("unknown kind of entry \(entry.path)") }
        let target = try reader.counted()
        guard LinkTarget.staysInside(target, from: entry.path, relocatable: entry.holdsTreePath) else {
            throw reader.error(
                "link \(entry.path) leads out of the tree: \"\(quoteForPeople(target.prefix(200)))\"")
        }
        entry.kind = .link(target)
    }

    private static func checkDirectories(
        _ entries: [SnapshotEntry], _ reader: ByteReader
    ) throws(FormatError) {
        let leaves = Set(entries.lazy.map(\.path))
        var lastParent: TreePath?
        for entry in entries {
            guard var directory = entry.path.parent, directory != lastParent else { continue }
            lastParent = directory
            while true {
                if leaves.contains(directory) {
                    throw reader.error("\(entry.path) lies below \(directory), which is no directory")
                }
                guard let up = directory.parent else { break }
                directory = up
            }
        }
    }

    private static let configurationPath = Array(".config".utf8)

    private enum Flag {
        static let roleMask: UInt8 = 0b11
        static let executable: UInt8 = 0b100
        static let link: UInt8 = 0b1000
        static let holdsTreePath: UInt8 = 0b1_0000
        static let unknown: UInt8 = 0b1110_0000
    }

    private enum DerivationKind {
        static let patch: UInt8 = 1
        static let compressed: UInt8 = 2
    }
}
