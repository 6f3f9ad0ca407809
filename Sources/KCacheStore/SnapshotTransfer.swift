package import KCacheCore
import KCacheSystem

/// Copies a snapshot from one store to another: of its content only what the other lacks.
package struct SnapshotTransfer: Sendable {
    package struct Options: Sendable {
        /// How often a pack is taken up again after the connection broke.
        package var retries = 3
        /// Gets the bytes that are to be sent, once, then those that have been.
        package var started: @Sendable (ByteCount) -> Void = { _ in }
        package var advanced: @Sendable (ByteCount) -> Void = { _ in }
        package init() {}
    }

    package struct Summary: Hashable, Sendable {
        /// The other store listed the snapshot before.
        package var alreadyThere = false
        /// Chunks that the other store did not have, and how many bytes they are there.
        package var newChunks = 0
        package var storedBytes = ByteCount.zero
        package var packs = 0
        /// Bytes that an earlier attempt had sent.
        package var resumedBytes = ByteCount.zero

        package init(alreadyThere: Bool = false) { self.alreadyThere = alreadyThere }
    }

    private let source: StoreSession
    private let target: StoreSession
    private let options: Options

    package init(from source: StoreSession, to target: StoreSession, options: Options = Options()) {
        (self.source, self.target, self.options) = (source, target, options)
    }

    /// The order of writing is that of a push: packs, indexes, record, catalog. May be repeated; what was sent
    /// whole is not sent again.
    ///
    /// - Throws: `StoreError`; then the snapshot isn't listed there.
    package func copy(_ id: SnapshotID) throws -> Summary {
        var summary = Summary()
        guard let record = try source.record(id) else {
            throw StoreError(
                .unknownSnapshot, "\(source.store.place) has no snapshot \(id.short): kcache list shows them",
                subject: id.digest.hex)
        }
        if try target.store.holds(id) {
            summary.alreadyThere = true
            for signature in try lackingSignatures(id) { try target.add(signature, to: id) }
            return summary
        }
        var attempt = 0
        while true {
            do {
                try copyContent(record, id, &summary)
                let signatures = try lackingSignatures(id)
                guard try target.commit(record, sign: { _ in signatures }) == id else {
                    throw StoreError(
                        .damaged, "snapshot \(id.short) does not encode to itself", subject: id.digest.hex)
                }
                return summary
            } catch let error as StoreError {
                // Between two connections nobody had the lock: what was there may have been collected.
                guard error.code == .unreachable || target.hasLostLock, attempt < options.retries else {
                    throw error
                }
                attempt += 1
                try target.renew()
            }
        }
    }

    /// Packs and their indexes.
    private func copyContent(_ record: SnapshotRecord, _ id: SnapshotID, _ summary: inout Summary) throws {
        let plan = try source.plan(reading: try lacking(record, id))
        options.started(plan.compressedBytes)
        var packs = PackImages(target.store.options.fullPack)
        for frame in plan.frames {
            if let full = try packs.add(frame, source) { try send(full, &summary) }
            options.advanced(frame.compressedBytes)
        }
        for rest in try packs.finish() { try send(rest, &summary) }
        target.claims.publish(packs.sealed)
        for index in packs.sealed { try target.store.objects.put(.index(index.pack), index.encode()) }
    }

    /// The snapshot's chunks that the other store lacks, in an order that depends on nothing else: a second
    /// attempt then makes the same packs.
    private func lacking(_ record: SnapshotRecord, _ id: SnapshotID) throws -> [Digest] {
        var seen = Set<Digest>()
        var lacking: [Digest] = []
        func take(_ content: Content, optional: Bool) {
            for chunk in content.chunks where seen.insert(chunk.digest).inserted {
                guard !target.contains(chunk.digest) else { continue }
                if !optional || source.contains(chunk.digest) { lacking.append(chunk.digest) }
            }
        }
        for entry in try source.entries(of: record, id) {
            if let delta = entry.derivation?.content { take(delta, optional: true) }
            if let content = entry.content {
                take(content, optional: record.header.withoutSources && entry.role == .source)
            }
        }
        take(record.manifest, optional: false)
        return lacking
    }

    /// Those that the other store doesn't have.
    private func lackingSignatures(_ id: SnapshotID) throws -> [SshSignature] {
        guard let ours = try source.signatures(id) else { return [] }
        let theirs = try target.signatures(id) ?? []
        return ours.filter { !theirs.contains($0) }
    }

    private func send(_ pack: PackImages.Image, _ summary: inout Summary) throws {
        let name = ObjectName.pack(pack.index.pack)
        var attempt = 0
        var mayResume = true
        var resumed = 0
        while true {
            var stream: (any ObjectStream)?
            do throws(StoreError) {
                let objects = target.store.objects
                let taken = mayResume ? try objects.resumeStream(name) : nil
                let begun = if let taken { taken } else { try objects.beginStream() }
                stream = begun
                var done = Int(clamping: begun.length)
                if done > pack.bytes.count {
                    (mayResume, resumed) = (false, 0)
                    begun.cancel()
                    continue
                }
                resumed = done
                while done < pack.bytes.count {
                    let end = min(done + Self.piece, pack.bytes.count)
                    try begun.append(pack.bytes, done..<end)
                    done = end
                }
                try begun.commit(as: name)
                break
            } catch {
                // What lay there was not the beginning of it; the far end has dropped it.
                if error.code == .damaged, resumed > 0 {
                    (mayResume, resumed) = (false, 0)
                    continue
                }
                guard error.code == .unreachable, attempt < options.retries else {
                    stream?.suspend()
                    throw error
                }
                attempt += 1
            }
        }
        summary.resumedBytes += ByteCount(resumed)
        summary.packs += 1
        summary.newChunks += pack.index.table.chunks.count
        summary.storedBytes += ByteCount(pack.bytes.count)
    }

    private static let piece = 1 << 20
}

extension ObjectStream {
    fileprivate func append(_ bytes: [UInt8], _ range: Range<Int>) throws(StoreError) {
        let result = bytes.withUnsafeBytes { raw -> Result<Void, StoreError> in
            do throws(StoreError) {
                return .success(try append(UnsafeRawBufferPointer(rebasing: raw[range])))
            } catch { return .failure(error) }
        }
        try result.get()
    }
}
