import ArgumentParser
import KCacheCore
import KCacheStore

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists a store's snapshots, the newest first.",
        discussion: HelpText.flowing(
            """
            Examples:

              kcache list
              kcache list /srv/kcache
              kcache list ssh://desk
            """))

    @OptionGroup var global: GlobalOptions
    @Argument(
        help: ArgumentHelp(
            "Another store: a folder, an address as ssh://HOST/PATH, or a name from `kcache store list`.",
            valueName: "store")
    )
    var from: String?

    func run() throws {
        let invocation = Invocation.current()
        let reference =
            try from.map { try StoreRegistry(invocation).resolve($0) } ?? global.storeReference(invocation)
        let store = try reference.open(.existing)
        let catalog = try store.catalog()
        let signed = try store.signedSnapshots()
        if global.format == .json {
            invocation.console.print(
                try JSONText.of(catalog.entries.map { SnapshotResult($0, signed: signed.contains($0.id)) }))
        } else {
            let rows = catalog.entries.map { entry in
                [
                    entry.id.short, SnapshotText.time(entry.header.created),
                    SnapshotText.time(entry.lastUsed),
                    signed.contains(entry.id) ? "yes" : "no",
                    SnapshotText.title(entry.header), "\(entry.header.outputBytes)",
                ]
            }
            for line in TextTable.lines(
                ["snapshot", "pushed", "last used", "signed", "tree", "outputs"], rows)
            {
                invocation.console.print(line)
            }
        }
        for entry in catalog.unreadable { global.note("skipped \(entry.name): \(entry.problem)", invocation) }
    }
}

/// A snapshot in `--format json`.
struct SnapshotResult: Encodable {
    let snapshot: String
    let name: String
    let created: Int64
    let lastUsed: Int64
    let architecture: String
    let kernelRelease: String
    let sources: UInt64
    let outputs: UInt64
    let sourceBytes: UInt64
    let outputBytes: UInt64
    let withoutSources: Bool
    let partial: Bool
    /// By whom, and whether that counts, `pull` says.
    let signed: Bool

    init(_ entry: CatalogEntry, signed: Bool) {
        let header = entry.header
        snapshot = entry.id.description
        name = header.name
        (created, lastUsed) = (header.created, entry.lastUsed)
        (architecture, kernelRelease) = (header.environment.architecture, header.environment.kernelRelease)
        (sources, outputs) = (header.sourceCount, header.outputCount)
        (sourceBytes, outputBytes) = (header.sourceBytes.value, header.outputBytes.value)
        self.signed = signed
        (withoutSources, partial) = (header.withoutSources, header.partial)
    }
}
