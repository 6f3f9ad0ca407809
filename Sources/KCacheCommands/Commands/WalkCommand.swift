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
    /// The target of a build under `tools/`: whether that can be left out.
    @Option var tool: String?

    func run() throws {
        let invocation = Invocation.current()
        guard let key = Digest(hex: key), let tree = Digest(hex: tree) else { throw ExitCode(2) }
        var host = try invocation.host()
        host.cacheFolder = FilePath(cache)
        if let tool {
            guard let tool = ToolsBuild(tool) else { throw ExitCode(2) }
            if try MakeWalk.mayLeaveOut(tool, key: key, tree: tree, host: host) {
                invocation.console.print("y")
            }
            return
        }
        let paths = try MakeWalk.untouched(key: key, tree: tree, folder: FilePath(folder), host: host)
        invocation.console.print(paths.joined(separator: " "))
    }
}
