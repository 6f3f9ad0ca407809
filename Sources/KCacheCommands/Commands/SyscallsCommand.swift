import ArgumentParser
import KCacheCore
import KCacheKbuild
import KCacheSystem
import SystemPackage

/// Answers a recipe in the middle of a `kcache make`; nobody types it.
struct SyscallsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: SyscallCheck.verb,
        abstract: "Tells whether the check for missing system calls can be left out now.",
        shouldDisplay: false)

    enum Deed: String, ExpressibleByArgument { case known, note }

    @Argument var deed: Deed
    @Argument var cache: String
    @Argument var toolchain: String
    @Argument var command: String

    func run() throws {
        let invocation = Invocation.current()
        guard let toolchain = Digest(hex: toolchain) else { throw ExitCode(2) }
        let (text, place) = (Array(command.utf8), invocation.workingDirectory)
        switch deed {
        case .known:
            let isKnown = try SyscallCheck.isKnown(
                text, toolchain: toolchain, directory: place, cache: FilePath(cache))
            if isKnown { invocation.console.print("y") }
        case .note:
            try SyscallCheck.note(
                text, toolchain: toolchain, directory: place, cache: FilePath(cache), clock: .system)
        }
    }
}
