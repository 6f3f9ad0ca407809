import ArgumentParser
import KCacheStore
import SystemPackage

struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Names stores: add, list, remove.",
        discussion: """
            Example:

              kcache store add team /srv/kcache
              kcache push team
            """,
        subcommands: [Add.self, List.self, Remove.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a folder a name, and makes a store there where none is.",
            discussion: """
                Example:

                  kcache store add team /srv/kcache
                """)
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The name.") var name: String
        @Argument(help: "The folder.") var folder: String

        func run() throws {
            let invocation = Invocation.current()
            guard !folder.contains("://") else {
                throw SettingsError("\(folder): this kcache knows folders only as stores")
            }
            let path = invocation.absolute(folder)
            _ = try Store.open(at: path, mode: .createIfMissing)
            try StoreRegistry(invocation).add(name, path)
            if global.format == .json {
                invocation.console.print(
                    try JSONText.of(StoreRegistry.NamedStore(name: name, path: path.string)))
            } else {
                invocation.console.print("\(name) is \(path.string)")
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the named stores.",
            discussion: """
                Example:

                  kcache store list --format json
                """)
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let invocation = Invocation.current()
            let stores = try StoreRegistry(invocation).all()
            if global.format == .json {
                invocation.console.print(try JSONText.of(stores))
            } else {
                for line in TextTable.lines(["name", "folder"], stores.map { [$0.name, $0.path] }) {
                    invocation.console.print(line)
                }
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forgets a store's name; the store itself stays.",
            discussion: """
                Example:

                  kcache store remove team
                """)
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The name.") var name: String

        func run() throws {
            let invocation = Invocation.current()
            try StoreRegistry(invocation).remove(name)
            if global.format == .json {
                invocation.console.print(try JSONText.of(["removed": name]))
            } else {
                invocation.console.print("\(name) is no name of a store any more; its content is untouched")
            }
        }
    }
}
