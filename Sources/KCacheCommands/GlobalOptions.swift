import ArgumentParser
import KCacheCore
import KCacheKbuild
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
            The store: a folder, an address (ssh://HOST/PATH) or a name from `kcache store list`. Default: \
            $KCACHE_STORE, else what `kcache config` says.
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

    /// The tree, in one directory or with its outputs apart.
    ///
    /// - Parameter words: `O=DIR` and `M=DIR` where they are given.
    func treePlace(_ invocation: Invocation, words: [String] = []) throws -> TreePlace {
        try TreePlace.find(treePath(invocation), words: words, environment: invocation.environment)
    }

    /// True for `O=DIR` and `M=DIR`.
    static func isPlaceWord(_ argument: String) -> Bool {
        argument.hasPrefix("O=") || argument.hasPrefix("M=")
    }

    /// Takes `O=DIR` and `M=DIR` out of a command's arguments, which make's users write where they like.
    static func placeWords(in arguments: inout [String]) throws -> [String] {
        let words = arguments.filter(isPlaceWord)
        arguments.removeAll(where: isPlaceWord)
        for start in ["O=", "M="] where words.count(where: { $0.hasPrefix(start) }) > 1 {
            throw ValidationError("\(start) is given twice")
        }
        return words
    }

    /// The store that is set: by `--store`, then `KCACHE_STORE`, then the configuration file; else the one in the
    /// cache folder.
    func storeReference(_ invocation: Invocation) throws -> StoreReference {
        try StoreRegistry(invocation).reference(ofSetting: try storeText(invocation))
    }

    /// As the option or the setting has it; nil where there is none.
    func storeText(_ invocation: Invocation) throws -> String? {
        let named = store ?? invocation.environment["KCACHE_STORE"].flatMap { $0.isEmpty ? nil : $0 }
        return try named ?? ConfigurationFile.read(invocation)?.store?.text
    }

    func openStore(_ invocation: Invocation) throws -> Store {
        try storeReference(invocation).open(.existing)
    }

    /// So that a later pull from here does not miss them.
    func noteForgotten(_ ids: [SnapshotID], in store: Store, _ invocation: Invocation) {
        guard let state = invocation.stateFolder() else { return }
        do { try SeenFolder(state).forget(ids, in: store) } catch {
            note("a later pull may tell that they are gone: \(error)", invocation)
        }
    }

    func note(_ text: String, _ invocation: Invocation) {
        if !quiet { invocation.console.diagnostic(text) }
    }
}
