import ArgumentParser
import KCacheCommands
import Testing

@Suite struct HelpTests {
    /// Every command's help has an example that begins with the program's name.
    @Test func everyCommandHasAnExample() {
        var pending: [any ParsableCommand.Type] = [KCache.self]
        var seen = 0
        while let command = pending.popLast() {
            pending += command.configuration.subcommands
            seen += 1
            let help = KCache.helpMessage(for: command, columns: 100)
            #expect(help.contains("  kcache "), "\(command)")
            #expect(!command.configuration.abstract.isEmpty)
        }
        #expect(seen >= 15)
    }
}
