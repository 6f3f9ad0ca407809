import ArgumentParser
import KCacheCore
import KCacheKbuild

struct EnvCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env",
        abstract: "Prints the pinned KBUILD_BUILD_* variables, for a shell's start-up file.",
        discussion: HelpText.flowing(
            """
            A kernel holds the user, host, version number and time of its build. With these variables every
            machine builds the same bytes, and a pulled tree is not linked again for another user or host.

            Example:

              eval "$(kcache env)"
            """))

    @OptionGroup var global: GlobalOptions

    func run() throws {
        let invocation = Invocation.current()
        let pins = BuildPins.pins(of: global.treePath(invocation))
        if global.format == .json {
            invocation.console.print(
                try JSONText.of(Dictionary(pins.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a }))
            )
        } else {
            invocation.console.print(String(BuildPins.shellLines(pins).dropLast()))
        }
    }
}
