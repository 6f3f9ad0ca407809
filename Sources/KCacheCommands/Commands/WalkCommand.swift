import ArgumentParser
import KCacheCore
import KCacheKbuild
import SystemPackage

/// Answers Kbuild's top make in the middle of a `kcache make`; nobody types it.
struct WalkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: MakeWalk.verb,
        abstract: "Prints the directories that make may leave out now.",
        shouldDisplay: false)

    @Argument var cache: String
    @Argument var key: String
    @Argument var tree: String
    @Argument var folder: String

    func run() throws {
        let invocation = Invocation.current()
        guard let key = Digest(hex: key), let tree = Digest(hex: tree) else { throw ExitCode(2) }
        var host = try invocation.host()
        host.cacheFolder = FilePath(cache)
        let paths = try MakeWalk.untouched(key: key, tree: tree, folder: FilePath(folder), host: host)
        invocation.console.print(paths.joined(separator: " "))
    }
}
