import ArgumentParser
import KCacheCore
import KCacheStore

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists a store's snapshots, the newest first.",
        discussion: """
            Examples:

              kcache list
              kcache list /srv/kcache
              kcache list ssh://desk
            """)

    @OptionGroup var global: GlobalOptions
    @Argument(
        help: ArgumentHelp(
            "Another store: a folder, an address as ssh://HOST/PATH, or a name from `kcache store list`.",
            valueName: "store")
    )
    var from: String?

    func run() throws {
        let invocation = Invocation.current()
        let store =
            try from.map { try StoreRegistry(invocation).resolve($0) } ?? global.storeReference(invocation)
        let catalog = try store.open(.existing).catalog()
        if global.format == .json {
            invocation.console.print(try JSONText.of(catalog.entries.map(SnapshotResult.init)))
        } else {
            let rows = catalog.entries.map { entry in
                [
                    entry.id.short, SnapshotText.time(entry.header.created),
                    SnapshotText.time(entry.lastUsed),
                    SnapshotText.title(entry.header), "\(entry.header.outputBytes)",
                ]
            }
            for line in TextTable.lines(["snapshot", "pushed", "last used", "tree", "outputs"], rows) {
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

    init(_ entry: CatalogEntry) {
        let header = entry.header
        snapshot = entry.id.description
        name = header.name
        (created, lastUsed) = (header.created, entry.lastUsed)
        (architecture, kernelRelease) = (header.environment.architecture, header.environment.kernelRelease)
        (sources, outputs) = (header.sourceCount, header.outputCount)
        (sourceBytes, outputBytes) = (header.sourceBytes.value, header.outputBytes.value)
        (withoutSources, partial) = (header.withoutSources, header.partial)
    }
}
