package import KCacheCore
package import KCacheStore
import KCacheSystem
package import KCacheTree

/// Carries roots to a store and from it.
package struct RootExchange: Sendable {
    package let library: RootLibrary
    package let store: Store
    /// A nearer store, in front of one that is far away.
    package let near: Store?
    package var trust = SnapshotTrust.none
    package var sign: (@Sendable (SnapshotID) throws -> SshSignature)?
    package var progress: ProgressSink = { _ in }
    package var waiting: @Sendable (String) -> Void = { _ in }

    package init(library: RootLibrary, store: Store, near: Store? = nil) {
        (self.library, self.store, self.near) = (library, store, near)
    }

    package struct Pushed: Sendable {
        package var id: SnapshotID
        package var root: RootLibrary.Listed
        package var alreadyThere = false
        package var storedBytes = ByteCount.zero
    }

    // MARK: Push

    package func push(_ name: String) throws -> Pushed {
        guard try library.exists(name) else {
            throw KbuildError(.unfit, "there is no root named \(name): kcache root list has the names")
        }
        let session = try store.begin { waiting("waiting for a kcache gc of \(store.place)") }
        let writer = session.makeWriter()
        defer { writer.cancel() }
        var options = ContentReader.Options()
        options.mustRead = { _, content in !content.chunks.allSatisfy { session.contains($0.digest) } }
        options.consume = { batch in
            try writer.add(FrameInput(chunks: batch.chunks, bytes: batch.bytes), kind: .sources)
        }
        options.advance = { progress(.advanced(phase: .storing, by: $0)) }
        progress(.started(phase: .storing, total: .zero))
        defer { progress(.finished(phase: .storing)) }
        let contents = try RootContents.read(library.place(name), cache: library.host.cacheFolder, options)
        if let (path, reason) = contents.leftOut.first {
            throw KbuildError(
                .unfit,
                "the root \(name) has changed since it was made, and can't be carried: \(path): \(reason): make it anew "
                    + "with kcache root create")
        }
        var header = SnapshotHeader()
        header.name = name
        header.created = library.host.clock.now() / 1_000_000_000
        header.environment.isRoot = true
        header.environment.kernelRelease = "root"
        header.environment.architecture = HostIdentity.current().machine
        var snapshot = Snapshot(header: header, entries: contents.entries)
        snapshot.seal()
        let root = RootLibrary.Listed(
            name: name, digest: contents.digest, files: contents.entries.count,
            size: snapshot.header.sourceBytes)
        if let same = try session.catalog().only(roots: true).entries.first(where: {
            $0.header.name == name && $0.header.sourcesDigest == contents.digest
        }) {
            if let sign { try session.add(try sign(same.id), to: same.id) }
            try session.touch(same.id)
            return Pushed(id: same.id, root: root, alreadyThere: true)
        }
        let sections = SnapshotCodec.sections(of: snapshot.entries)
        for section in sections {
            try writer.add(section, ContentCutter.content(of: section), kind: .manifests)
        }
        let summary = try writer.finish()
        let manifest = Content(sections.flatMap { ContentCutter.content(of: $0).chunks })
        let id = try session.commit(SnapshotRecord(header: snapshot.header, manifest: manifest)) { id in
            try sign.map { [try $0(id)] } ?? []
        }
        return Pushed(id: id, root: root, storedBytes: summary.storedBytes)
    }

    // MARK: Pull

    /// - Parameters:
    ///   - wanted: a root's name in the store, or the start of its snapshot's number.
    ///   - name: what to call it here; nil: as it is called there.
    ///   - announce: gets what was chosen, before anything is written.
    package func pull(
        _ wanted: String, as name: String?, announce: (SnapshotID, SnapshotHeader, String?) -> Void
    ) throws -> RootLibrary.Made {
        let signatures = SignatureCheck(trust, store)
        try signatures.begin()
        let session = try begin()
        let roots = try session.catalog().only(roots: true)
        guard !roots.entries.isEmpty else {
            throw KbuildError(
                .noSnapshot, "\(store.place) has no root: run kcache root push where there is one")
        }
        let id = try roots.resolve(wanted)
        let (_, warning) = try signatures.admit(id)
        let snapshot = try session.snapshot(id)
        let header = snapshot.header
        guard header.environment.isRoot, RootContents.digest(snapshot.entries) == header.sourcesDigest else {
            throw KbuildError(
                .unfit, "snapshot \(id.short) is not the root that it says it is: run kcache verify")
        }
        let local = name ?? header.name
        try RootLibrary.check(local)
        announce(id, header, warning)
        if try library.exists(local), try library.listed(local).digest == header.sourcesDigest {
            return RootLibrary.Made(root: try library.listed(local), leftOut: [], alreadyThere: true)
        }
        progress(.started(phase: .restoring, total: header.sourceBytes))
        defer { progress(.finished(phase: .restoring)) }
        let made = try library.make(local) { folder, _ in
            try FolderWriter(root: folder, session: session, rules: RootRules.make(), progress: progress)
                .write(snapshot.entries)
            return []
        }
        guard made.root.digest == header.sourcesDigest else {
            try library.remove(local)
            throw KbuildError(
                .unfit,
                "the root \(local) did not come out as it is in \(store.place): does the filesystem fold names?"
            )
        }
        try session.touch(id)
        _ = try session.keep(id, snapshot)
        return made
    }

    private func begin() throws -> StoreSession {
        @Sendable func tell(_ store: Store) { waiting("waiting for a kcache gc of \(store.place)") }
        guard let near else { return try store.begin { tell(store) } }
        let tier = try near.begin { tell(near) }
        return try store.begin(near: tier, withoutSources: false) { tell(store) }
    }
}
