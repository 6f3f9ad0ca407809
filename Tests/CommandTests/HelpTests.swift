import ArgumentParser
import KCacheCommands
import Testing

@Suite struct HelpTests {
    /// The help of every command that people type has an example that begins with the program's name.
    @Test func everyCommandHasAnExample() {
        var pending: [any ParsableCommand.Type] = [KCache.self]
        var seen = 0
        while let command = pending.popLast() {
            // Nobody types the others: make asks them.
            pending += command.configuration.subcommands.filter { $0.configuration.shouldDisplay }
            seen += 1
            let help = KCache.helpMessage(for: command, columns: 100)
            let isRoot = command == KCache.self
            let name = isRoot ? "push" : command._commandName
            #expect(
                help.contains("kcache \(name)") || help.contains("kcache store \(name)")
                    || help.contains("kcache root \(name)"), "\(command)")
            #expect(isRoot || help.contains("Example"), "\(command)")
            #expect(!command.configuration.abstract.isEmpty)
        }
        #expect(seen >= 15)
    }
}
