import ArgumentParser
import KCacheCore
import KCacheStore

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows a snapshot: what it was built with and from, its sizes, what it shares with others.",
        discussion: HelpText.flowing(
            """
            Examples:

              kcache show nightly
              kcache show 3f2a --files
            """))

    @OptionGroup var global: GlobalOptions
    @Argument(help: "The snapshot's name, or the start of its number.") var snapshot: String
    @Flag(name: .long, help: "List its paths too: role, size, content.")
    var files = false

    func run() throws {
        let invocation = Invocation.current()
        let store = try global.openStore(invocation)
        let id = try store.resolve(snapshot)
        let statistics = try store.statistics()
        guard let entry = statistics.snapshots.first(where: { $0.entry.id == id }) else {
            // Its manifest can't be read: say why instead of showing half of it.
            _ = try store.begin().snapshot(id)
            return
        }
        let signatures = try Self.signatures(of: id, in: store)
        let entries = files ? try store.begin().snapshot(id).entries : []
        if global.format == .json {
            invocation.console.print(try JSONText.of(ShownSnapshot(entry, entries, signatures)))
        } else {
            for line in text(entry, signatures) + entries.map(Self.line) { invocation.console.print(line) }
        }
    }

    private func text(_ shown: StoreStatistics.PerSnapshot, _ signatures: [String]) -> [String] {
        let header = shown.entry.header
        var lines = [
            "snapshot       \(shown.entry.id)",
            "tree           \(SnapshotText.title(header))",
            "pushed         \(SnapshotText.time(header.created)), last used \(SnapshotText.time(shown.entry.lastUsed))",
            "sources        \(SnapshotText.grouped(header.sourceCount)) (\(header.sourceBytes))"
                + (header.withoutSources ? ", content not stored" : ""),
            "outputs        \(SnapshotText.grouped(header.outputCount)) (\(header.outputBytes))",
            "content        \(shown.total) in \(SnapshotText.grouped(UInt64(shown.chunks))) chunks, "
                + "\(shown.unique) of it in no other snapshot",
            "configuration  \(header.configDigest.short)",
        ]
        if shown.missingChunks > 0 {
            lines.append("missing        \(SnapshotText.grouped(UInt64(shown.missingChunks))) chunks")
        }
        lines += signatures.map { "signature      \($0)" }
        for pin in header.environment.pins {
            lines.append("pinned         \(pin.name)=\(printable(pin.value))")
        }
        for tool in header.environment.toolchain {
            lines.append(
                "tool           \(printable(tool.role)): \(printable(tool.command)), \(printable(tool.version)), "
                    + tool.digest.short)
        }
        return lines
    }

    /// The keys that stand in its signatures.
    private static func signatures(of id: SnapshotID, in store: Store) throws -> [String] {
        do { return try store.signatures(id)?.map(\.keyDescription) ?? [] } catch let error as StoreError {
            guard error.code == .damaged else { throw error }
            return ["damaged"]
        }
    }

    private func printable(_ text: String) -> String { quoteForPeople(Array(text.utf8)) }

    private static func line(_ entry: SnapshotEntry) -> String {
        let role =
            switch entry.role {
            case .source: "source"
            case .output: "output"
            case .configuration: "config"
            }
        switch entry.kind {
        case .file(let content, _):
            return "\(role)  \(content.digest.short)  \(content.size.value)  \(entry.path)"
        case .link(let target):
            return "\(role)  link          \(target.count)  \(entry.path) -> \(quoteForPeople(target))"
        }
    }
}

/// `show --format json`.
private struct ShownSnapshot: Encodable {
    let summary: SnapshotResult
    let contentBytes: UInt64
    let uniqueBytes: UInt64
    let chunks: Int
    let missingChunks: Int
    let configuration: String
    let pins: [String: String]
    let toolchain: [Tool]
    /// Keys, as the signatures say; unchecked.
    let signatures: [String]
    let files: [File]

    struct Tool: Encodable {
        let role, command, version, digest: String
    }

    struct File: Encodable {
        let path: String
        let role: String
        let size: UInt64
        let digest: String?
    }

    init(_ shown: StoreStatistics.PerSnapshot, _ entries: [SnapshotEntry], _ signatures: [String]) {
        let header = shown.entry.header
        summary = SnapshotResult(shown.entry, signed: !signatures.isEmpty)
        self.signatures = signatures
        (contentBytes, uniqueBytes) = (shown.total.value, shown.unique.value)
        (chunks, missingChunks) = (shown.chunks, shown.missingChunks)
        configuration = header.configDigest.hex
        pins = Dictionary(
            header.environment.pins.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
        toolchain = header.environment.toolchain.map {
            Tool(role: $0.role, command: $0.command, version: $0.version, digest: $0.digest.hex)
        }
        files = entries.map { entry in
            File(
                path: entry.path.description, role: "\(entry.role)", size: entry.size.value,
                digest: entry.content?.digest.hex)
        }
    }
}
