import KCacheCore
import KCacheStore

/// An object that a client is sending: checked against its name before it is put in place.
final class Upload {
    private let objects: any ObjectWriter
    private var hash = DigestBuilder()
    /// All bytes, while they may still be a small object's.
    private var small: [UInt8] = []
    private var stream: (any ObjectStream)?

    /// What is not a pack has no more bytes than this.
    static let longestSmall = 4 << 20

    /// Some of the bytes came over an earlier connection: the digest is that of what is read back.
    private let isResumed: Bool

    init(_ objects: any ObjectWriter, resuming stream: (any ObjectStream)? = nil) {
        (self.objects, self.stream) = (objects, stream)
        isResumed = stream != nil
    }

    func append(_ bytes: [UInt8]) throws {
        if !isResumed { hash.update(bytes) }
        if let stream { return try bytes.withUnsafeBytes { try stream.append($0) } }
        small += bytes
        guard small.count > Self.longestSmall else { return }
        let stream = try objects.beginStream()
        self.stream = stream
        try small.withUnsafeBytes { try stream.append($0) }
        small = []
    }

    /// - Throws: `WireFailure` if the bytes are not what the name says; then nothing is put in place.
    func commit(as name: ObjectName, in store: Store, replacing: Bool) throws {
        try check(name, store)
        // Others take a pack's word for what it holds, and then do not send that themselves. Who may replace and delete
        // could do them that harm in any case.
        if !replacing, case .pack(let pack) = name { try checkContent(pack) }
        // The same content under the same name: nothing to do, and nothing to overwrite.
        if !replacing, try objects.info(name) != nil {
            // Only of signatures can there be others.
            guard case .signature = name, try objects.get(name, limit: Self.longestSmall) != small else {
                return
            }
            throw WireFailure(
                code: .forbidden, message: "\(name) may not be replaced over this connection",
                subject: name.path)
        }
        if let stream { return try stream.commit(as: name) }
        try objects.put(name, small)
    }

    func cancel() { stream?.cancel() }

    func suspend() { stream?.suspend() }

    private func check(_ name: ObjectName, _ store: Store) throws {
        let digest = isResumed ? try stream?.digest() ?? .zero : hash.finish()
        switch name {
        case .format: throw refusal(name, "is the store's own")
        case .pack(let named), .snapshot(let named):
            guard digest == named else { throw refusal(name, "has other content than its name says") }
            if case .snapshot = name { _ = try decoding(name) { try SnapshotCodec.decodeRecord(small) } }
        case .index(let pack):
            let index = try decoding(name) { try PackIndex.decode(small, of: pack) }
            // It is what others go by, and not the pack.
            guard try store.table(of: pack) == index else { throw refusal(name, "has no such pack") }
        case .signature(let snapshot):
            _ = try decoding(name) { try SnapshotSignatures.decode(small) }
            guard try objects.info(.snapshot(snapshot)) != nil else {
                throw refusal(name, "has no such snapshot")
            }
        case .catalog(let snapshot):
            let header = try decoding(name) { try CatalogCodec.decode(small) }
            guard let record = try store.record(SnapshotID(snapshot)), record.header == header else {
                throw refusal(name, "is not that of its snapshot")
            }
        }
    }

    private func checkContent(_ pack: Digest) throws {
        let unplaced = UnplacedPack(pack, bytes: small, stream: stream, place: objects.place)
        let problem: String?
        do { problem = try unplaced.problem() } catch let error as StoreError where error.code == .damaged {
            problem = "\(error)"
        }
        if let problem { throw refusal(.pack(pack), "is refused: \(problem)") }
    }

    private func decoding<T>(_ name: ObjectName, _ body: () throws -> T) throws -> T {
        guard stream == nil else { throw refusal(name, "is too large") }
        do { return try body() } catch let error as StoreError { throw error } catch {
            throw refusal(name, "is refused: \(error)")
        }
    }

    private func refusal(_ name: ObjectName, _ problem: String) -> WireFailure {
        WireFailure(code: .damaged, message: "\(name) \(problem)", subject: name.path)
    }
}
