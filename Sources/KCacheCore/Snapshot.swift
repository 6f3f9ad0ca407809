/// Names a snapshot in a store: the digest of its encoded record.
package struct SnapshotID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let digest: Digest
    package init(_ digest: Digest) { self.digest = digest }
    package static func < (a: SnapshotID, b: SnapshotID) -> Bool { a.digest < b.digest }
    package var description: String { digest.hex }
    package var short: String { digest.short }
}

/// What is known of a snapshot without reading its manifest.
package struct SnapshotHeader: Hashable, Sendable {
    /// The name its maker gave; empty for none.
    package var name = ""
    /// Seconds since 1970 on the machine that pushed: shown to people, never compared with a file's time.
    package var created: Int64 = 0
    package var environment = BuildEnvironment()
    /// Digest over paths and contents of the sources (`.config` is apart).
    package var sourcesDigest = Digest.zero
    /// Content of `.config`; zero for none.
    package var configDigest = Digest.zero
    package var sourceCount: UInt64 = 0
    package var outputCount: UInt64 = 0
    package var sourceBytes = ByteCount.zero
    package var outputBytes = ByteCount.zero
    /// The store may not hold the sources' content.
    package var withoutSources = false
    /// The build had been interrupted or had failed, and the snapshot was wanted all the same.
    package var partial = false
    /// Directories of an output tree in which no file lies, sorted: Kbuild's rules look through some of them
    /// (`$(obj)/../../../../x` of arch/x86/entry/syscalls/Makefile), and take what they don't find for not made.
    package var emptyFolders: [TreePath] = []
    /// More are not kept: a kernel has a few dozen.
    package static let mostEmptyFolders = 10_000

    package init() {}
}

/// The record that stands in a store as `snapshots/ID`: the header, and where the manifest's bytes are.
package struct SnapshotRecord: Hashable, Sendable {
    package var header: SnapshotHeader
    /// The encoded manifest, cut into chunks like any content.
    package var manifest: Content

    package init(header: SnapshotHeader, manifest: Content) {
        (self.header, self.manifest) = (header, manifest)
    }
}

/// A named record of one tree after a build.
package struct Snapshot: Sendable {
    package var header: SnapshotHeader
    /// Sorted by path, without repetition.
    package var entries: [SnapshotEntry]

    package init(header: SnapshotHeader, entries: [SnapshotEntry]) {
        (self.header, self.entries) = (header, entries)
    }

    /// True if the header tells the number and size of the entries as they are: what a list shows, and what
    /// a person decides by, is then what a pull writes.
    package var isSealed: Bool {
        var (sourceCount, outputCount): (UInt64, UInt64) = (0, 0)
        var (sourceBytes, outputBytes) = (ByteCount.zero, ByteCount.zero)
        for entry in entries {
            switch entry.role {
            case .source: (sourceCount, sourceBytes) = (sourceCount + 1, sourceBytes + entry.size)
            case .output: (outputCount, outputBytes) = (outputCount + 1, outputBytes + entry.size)
            case .configuration: break
            }
        }
        return sourceCount == header.sourceCount && outputCount == header.outputCount
            && sourceBytes == header.sourceBytes && outputBytes == header.outputBytes
    }

    /// Fills the header's counts and digests from the entries.
    package mutating func seal() {
        header.sourceCount = 0
        header.outputCount = 0
        header.sourceBytes = .zero
        header.outputBytes = .zero
        header.configDigest = .zero
        var sources = SourcesDigest()
        for entry in entries {
            switch entry.role {
            case .source:
                header.sourceCount += 1
                header.sourceBytes += entry.size
                sources.add(entry)
            case .output:
                header.outputCount += 1
                header.outputBytes += entry.size
            case .configuration:
                if let content = entry.content { header.configDigest = content.digest }
            }
        }
        header.sourcesDigest = sources.finish()
    }
}

/// The digest over a tree's sources, fed in the order of their paths.
package struct SourcesDigest {
    private var hash = DigestBuilder()

    package init() {}

    package mutating func add(_ entry: SnapshotEntry) {
        var writer = ByteWriter()
        writer.counted(entry.path.bytes)
        switch entry.kind {
        case .file(let content, let executable):
            writer.u8(executable ? 1 : 0)
            writer.digest(content.digest)
        case .link(let target):
            writer.u8(2)
            writer.counted(target)
        }
        hash.update(writer.bytes)
    }

    package func finish() -> Digest { hash.finish() }
}
