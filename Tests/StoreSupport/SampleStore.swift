import Glibc
package import KCacheCore
package import KCacheStore
package import KCacheSystem
package import SystemPackage

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    package init(_ seed: UInt64) { state = seed }
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// A folder that goes when the value does.
package final class ScratchFolder {
    package let path: FilePath

    package init() throws {
        var template = Array("/tmp/kcache-store-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("make", "a folder", .ioError) }
        path = FilePath(platformString: template)
    }

    deinit { remove(path) }

    private func remove(_ path: FilePath) {
        guard let directory = try? Directory.open(path), let entries = try? directory.entries() else {
            return
        }
        for entry in entries {
            guard let name = TreePath(entry.name) else { continue }
            if entry.status.kind == .directory {
                remove(path.appending(String(decoding: entry.name, as: UTF8.self)))
            } else {
                _ = try? directory.remove(name)
            }
        }
        _ = path.withPlatformString { rmdir($0) }
    }
}

/// Seconds that a test sets.
package final class FakeClock: Sendable {
    private let seconds = SharedNumber()

    package init() {}

    package var clock: WallClock { WallClock { [seconds] in seconds.value * 1_000_000_000 } }
    package func set(_ value: Int64) { seconds.value = value }
}

package func randomBytes(_ count: Int, _ rng: inout some RandomNumberGenerator) -> [UInt8] {
    // Compressible: few letters.
    (0..<count).map { _ in UInt8.random(in: 97...104, using: &rng) }
}

package func chunk(_ bytes: [UInt8]) -> Chunk { Chunk(digest: Digest.of(bytes), length: UInt32(bytes.count)) }

extension PackWriter {
    /// Adds these pieces as one frame.
    package func add(_ pieces: [[UInt8]], _ kind: PackKind) throws {
        let joined = pieces.flatMap { $0 }
        try joined.withUnsafeBytes {
            try add(FrameInput(chunks: pieces.map(chunk), bytes: $0), kind: kind)
        }
    }
}

/// Pushes files as a snapshot: `sources` and `outputs` by path.
@discardableResult
package func push(
    _ store: Store, name: String, outputs: [String: [UInt8]], sources: [String: [UInt8]] = [:],
    created: Int64 = 0, withoutSources: Bool = false
) throws -> SnapshotID {
    let session = try store.begin()
    let writer = session.makeWriter()
    var entries: [SnapshotEntry] = []
    for (role, files) in [(Role.source, sources), (.output, outputs)] {
        for (path, bytes) in files {
            let pieces = stride(from: 0, to: bytes.count, by: 1000).map {
                Array(bytes[$0..<min(bytes.count, $0 + 1000)])
            }
            if !(role == .source && withoutSources) {
                try writer.add(pieces, role == .source ? .sources : .outputs)
            }
            entries.append(
                SnapshotEntry(
                    path: try there(TreePath(path)), role: role,
                    kind: .file(Content(pieces.map(chunk)), executable: false), order: Int64(entries.count)))
        }
    }
    entries.sort { $0.path < $1.path }
    var snapshot = Snapshot(header: SnapshotHeader(), entries: entries)
    snapshot.header.name = name
    snapshot.header.created = created
    snapshot.header.withoutSources = withoutSources
    snapshot.seal()
    let manifest = SnapshotCodec.encode(entries)
    try writer.add([manifest], .manifests)
    _ = try writer.finish()
    return try session.commit(SnapshotRecord(header: snapshot.header, manifest: Content([chunk(manifest)])))
}

/// Reads every file of a snapshot.
package func pull(_ store: Store, _ id: SnapshotID) throws -> [String: [UInt8]] {
    let session = try store.begin()
    var files: [String: [UInt8]] = [:]
    for entry in try session.snapshot(id).entries {
        files["\(entry.path)"] = try session.read(content: try there(entry.content))
    }
    return files
}

/// What must be there. (This module is built without the testing library as well.)
private func there<T>(_ value: T?) throws -> T {
    guard let value else { throw FormatError("sample", "something is missing") }
    return value
}

/// Some files that depend on the seed only.
package func sampleFiles(_ seed: UInt64, count: Int = 4, size: Int = 5000) -> [String: [UInt8]] {
    var rng = SeededGenerator(seed)
    return Dictionary(uniqueKeysWithValues: (0..<count).map { ("dir/file\($0)", randomBytes(size, &rng)) })
}

package func storeError(_ body: () throws -> Void) -> StoreError? {
    do { try body() } catch { return error as? StoreError }
    return nil
}
