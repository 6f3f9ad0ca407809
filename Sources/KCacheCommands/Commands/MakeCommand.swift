import ArgumentParser
import KCacheKbuild

struct MakeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make",
        abstract: "Runs make with pinned build variables: what to type in place of make.",
        discussion: """
            Arguments, input, terminal, signals, jobserver and exit status are those of make. Outside a Kbuild
            tree it is plain make. In one, the KBUILD_BUILD_* variables that nobody has set take the values of
            `kcache env`.

            The options below count only in front of make's own: the first word that is none of them begins
            make's command line. KCACHE_MAKEFLAGS may hold them too. Called through a link named make, all
            arguments are make's:

              ln -s "$(command -v kcache)" ~/bin/make

            KCACHE_MAKE=off makes it plain make everywhere.

            Example:

              kcache make -j8 bzImage modules
            """)

    @Flag(name: .long, help: "Set no KBUILD_BUILD_* variables.")
    var noPins = false
    @Flag(name: .long, help: "Run make even where nothing has changed (make's own -B is another thing).")
    var always = false
    @Flag(name: .long, help: "Let make walk every directory.")
    var noPrune = false
    @Flag(name: .long, help: "Let make ask the compiler each time.")
    var noProbeCache = false
    @Flag(name: .long, help: "Print what is decided, and why, on standard error.")
    var explain = false
    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("Make's own options, goals and variables.", valueName: "make-arguments"))
    var arguments: [String] = []

    /// Seldom reached: `MakeLauncher` takes the command line before it is parsed here.
    func run() throws {
        var options = MakeOptions()
        (options.pins, options.always, options.prune) = (!noPins, always, !noPrune)
        (options.probeCache, options.explain) = (!noProbeCache, explain)
        MakeLauncher(arguments: arguments.map { Array($0.utf8) }, options: options, isLink: false).run()
    }
}
