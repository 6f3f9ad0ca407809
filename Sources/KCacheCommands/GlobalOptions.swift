import ArgumentParser
import KCacheStore
import SystemPackage

/// How results are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// Options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(
        name: .customShort("C"), help: ArgumentHelp("Work as if started in this directory.", valueName: "dir")
    )
    var directory: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            The local store: a folder or a name from `kcache store list`. Default: $KCACHE_STORE, else \
            what `kcache config` says.
            """, valueName: "store"))
    var store: String?

    @Option(name: .long, help: "How results are printed: text or json.")
    var format: OutputFormat = .text

    @Flag(
        name: .shortAndLong,
        help: "Print no progress, no remarks, and nothing of a push or pull that is well.")
    var quiet = false

    /// The tree's directory.
    func treePath(_ invocation: Invocation) -> FilePath {
        directory.map { invocation.absolute($0) } ?? invocation.workingDirectory
    }

    /// Where the local store is: `--store`, then `KCACHE_STORE`, then the configuration file, then the cache
    /// folder.
    func storePath(_ invocation: Invocation) throws -> FilePath {
        let named = store ?? invocation.environment["KCACHE_STORE"].flatMap { $0.isEmpty ? nil : $0 }
        return try StoreRegistry(invocation).path(
            of: try named ?? ConfigurationFile.read(invocation)?.store?.text)
    }

    func openStore(_ invocation: Invocation, creating: Bool = false) throws -> Store {
        try Store.open(at: try storePath(invocation), mode: creating ? .createIfMissing : .existing)
    }

    func note(_ text: String, _ invocation: Invocation) {
        if !quiet { invocation.console.diagnostic(text) }
    }
}
