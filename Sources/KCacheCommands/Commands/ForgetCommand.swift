import ArgumentParser
import KCacheCore
import KCacheStore

struct ForgetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Takes snapshots off the catalog; `kcache gc` then frees what only they held.",
        discussion: HelpText.flowing(
            """
            Example:

              kcache forget nightly 3f2a9c0d1e4b && kcache gc
            """))

    @OptionGroup var global: GlobalOptions
    @Argument(help: ArgumentHelp("Names of snapshots, or starts of their numbers.", valueName: "snapshot"))
    var snapshots: [String]
    @Flag(name: .long, help: "Say what would be forgotten, and forget nothing.")
    var dryRun = false

    func run() throws {
        let invocation = Invocation.current()
        let store = try global.openStore(invocation)
        // All are looked up before any is forgotten: a misspelt one loses nothing.
        let ids = try snapshots.map { try store.resolve($0) }
        let gone = dryRun ? ids : try store.forget(ids)
        if !dryRun { global.noteForgotten(gone, in: store, invocation) }
        if global.format == .json {
            invocation.console.print(try JSONText.of(gone.map(\.description)))
        } else {
            for id in gone { invocation.console.print("\(dryRun ? "would forget" : "forgot") \(id.short)") }
        }
    }
}
