import KCacheCore
import KCacheSystem
import TestStore

@testable import KCacheStore

/// One small store, of which every byte is known; `docs/format.md` walks through it.
enum GoldenSample {
    static let output = Array("hello, hello, hello kernel\n".utf8)

    static var entries: [SnapshotEntry] {
        get throws {
            [
                SnapshotEntry(
                    path: try path("a.o"), role: .output,
                    kind: .file(Content([chunk(output)]), executable: true), order: 5),
                SnapshotEntry(path: try path("l"), role: .source, kind: .link(Array("a.o".utf8)), order: 0),
            ]
        }
    }

    /// The same, and how `a.o` could be made: from a content that is named by a digest, or by gzip.
    static func entries(_ derivation: Derivation) throws -> [SnapshotEntry] {
        var entries = try entries
        entries[0].derivation = derivation
        return entries
    }

    /// A record of these entries, whose manifest is written down.
    static func record(manifest: [UInt8]) throws -> SnapshotRecord {
        let entries = try entries
        var snapshot = Snapshot(header: SnapshotHeader(), entries: entries)
        snapshot.header.name = "v1"
        snapshot.header.created = 1_700_000_000
        snapshot.header.environment.architecture = "x86"
        snapshot.header.environment.kernelRelease = "6.1.0"
        snapshot.header.environment.toolchain = [
            ToolIdentity(role: "CC", command: "gcc", version: "gcc 12", digest: Digest.of([1]))
        ]
        snapshot.header.environment.pins = [.init(name: "KBUILD_BUILD_USER", value: "me")]
        snapshot.seal()
        return SnapshotRecord(header: snapshot.header, manifest: Content([chunk(manifest)]))
    }

    private static func path(_ text: String) throws -> TreePath {
        guard let path = TreePath(text) else { throw FormatError("sample", "bad path") }
        return path
    }
}

extension String {
    /// The bytes that hexadecimal digits stand for; blanks and line ends are passed over.
    var hexBytes: [UInt8] {
        let digits = filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
