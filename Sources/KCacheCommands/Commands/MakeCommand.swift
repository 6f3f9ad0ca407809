import ArgumentParser
import KCacheKbuild

struct MakeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make",
        abstract: "Runs make with pinned build variables: what to type in place of make.",
        discussion: HelpText.flowing(
            """
            Arguments, input, terminal, signals, jobserver and exit status are those of make. Outside a Kbuild
            tree it is plain make. In one, the KBUILD_BUILD_* variables that nobody has set take the values of
            `kcache env`.

            With --warm a tree in which nothing has been built is first pulled from the store that `kcache config`
            shows; with --push it is pushed there after a make of the kernel or its modules that succeeded.
            Neither can fail the make.

            The options below count only in front of make's own: the first word that is none of them begins
            make's command line. KCACHE_MAKEFLAGS may hold them too, and the file that `kcache config` shows.
            Called through a link named make, all arguments are make's:

              ln -s "$(command -v kcache)" ~/bin/make

            With --root make and all that it runs are those of another root filesystem (`kcache root --help`), and
            the tree stands there at its own path. There is no network, nothing else of this machine, and of the
            environment only what is for make and Kbuild.

            KCACHE_MAKE=off makes it plain make everywhere.

            Example:

              kcache make -j8 bzImage modules
              kcache make --warm --push -j8
              kcache make --root trixie -j8
            """))

    @Flag(inversion: .prefixedNo, help: "Pull first where nothing has been built.")
    var warm: Bool?
    @Flag(inversion: .prefixedNo, help: "Push after a make that succeeded.")
    var push: Bool?
    @Flag(inversion: .prefixedNo, help: "Set the KBUILD_BUILD_* variables. Default: on.")
    var pins: Bool?
    @Flag(
        inversion: .prefixedNo,
        help: "Run make even where nothing has changed (make's own -B is another thing).")
    var always: Bool?
    @Flag(
        inversion: .prefixedNo, help: "Keep make out of directories where nothing has changed. Default: on.")
    var prune: Bool?
    @Flag(inversion: .prefixedNo, help: "Answer questions to the compiler from a cache. Default: on.")
    var probeCache: Bool?
    @Flag(inversion: .prefixedNo, help: "Show one line on a terminal in place of make's. Default: on.")
    var statusLine: Bool?
    @Flag(inversion: .prefixedNo, help: "Print what is decided, and why, on standard error.")
    var explain: Bool?
    @Option(
        name: .long,
        help: ArgumentHelp("Build inside this root: a name, a folder, a tarball.", valueName: "image"))
    var root: String?
    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("Make's own options, goals and variables.", valueName: "make-arguments"))
    var arguments: [String] = []

    /// Seldom reached: `MakeLauncher` takes the command line before it is parsed here.
    func run() throws {
        var settings = try Settings.forMake(.current())
        let given: [(MakeOption, Bool?)] = [
            (.warm, warm), (.push, push), (.pins, pins), (.always, always), (.prune, prune),
            (.probeCache, probeCache), (.statusLine, statusLine), (.explain, explain),
        ]
        settings.make.root = root
        for case (let option, let value?) in given { settings.make[option] = value }
        MakeLauncher(arguments: arguments.map { Array($0.utf8) }, settings: settings, isLink: false).run()
    }
}
