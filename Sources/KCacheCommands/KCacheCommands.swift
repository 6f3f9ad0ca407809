// KCacheCommands: the command line.
//
// A file per command; its `run` parses, makes one call into the engine, and renders the result. Results go to
// standard output, progress and diagnostics to standard error. This module knows how things look, and the one
// place where the process's environment, terminal and clock are read (`Invocation`); it knows no way to do
// anything.

package import ArgumentParser

/// The program. `kcache` in the target of that name calls `KCache.main()`.
package struct KCache: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "kcache",
        abstract: "Carries a warm Linux kernel build from one machine to another, and keeps it warm.",
        discussion: HelpText.flowing(
            """
            Build once, anywhere; then

              kcache push          in the built tree
              kcache pull          in any other checkout of that kernel

            and plain `make` there compiles only what really differs.
            """),
        version: Version.text,
        subcommands: [
            MakeCommand.self, BuildCommand.self, PushCommand.self, PullCommand.self, StatusCommand.self,
            ListCommand.self,
            ShowCommand.self,
            ForgetCommand.self, CollectCommand.self, VerifyCommand.self, StatsCommand.self, EnvCommand.self,
            DoctorCommand.self,
            StoreCommand.self, RootCommand.self, ConfigCommand.self, ServeCommand.self,
            WalkCommand.self, SyscallsCommand.self,
        ])

    package init() {}

    /// Parses, runs, and ends the process with 0 (done), 1 (failed) or 2 (wrong usage).
    package static func launch() -> Never {
        do {
            let invocation = Invocation.current()
            if let launcher = try MakeLauncher(of: invocation) { launcher.run(invocation) }
            var command = try parseAsRoot(
                BuildCommand.arguments(PushCommand.arguments(Array(CommandLine.arguments.dropFirst()))))
            try command.run()
            exit(withError: ExitCode.success)
        } catch {
            ErrorReport.end(error)
        }
    }
}
