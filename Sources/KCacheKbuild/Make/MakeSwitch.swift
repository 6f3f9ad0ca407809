/// One option of GNU make, as its table of switches has it (main.c of 3.82 to 4.4).
struct MakeSwitch: Sendable {
    enum Argument: Sendable {
        case none, required
        /// Only what is attached: `-Oline`, `--output-sync=line`.
        case attached
        /// Attached, or the next word if that is a number: `-j 4`.
        case number
        /// The same, where the next word need only begin like one: `-l .5`.
        case fraction
    }

    enum Effect: Sendable, Hashable {
        case mode(MakeMode)
        case cancel(MakeMode)
        case directory, makefile, includeDirectory, jobs, oldFile, newFile, eval
        /// Has no bearing on what is built.
        case none
    }

    let letter: UInt8?
    let names: [String]
    let argument: Argument
    let effect: Effect
    /// False for those that make passes over in MAKEFLAGS.
    let inEnvironment: Bool

    private init(
        _ letter: Character?, _ names: [String], _ effect: Effect, _ argument: Argument = .none,
        inEnvironment: Bool = true
    ) {
        self.letter = letter?.asciiValue
        (self.names, self.effect, self.argument) = (names, effect, argument)
        self.inEnvironment = inEnvironment
    }

    /// The options of all versions together: a name that means two things in two versions is ambiguous.
    static let all: [MakeSwitch] = [
        MakeSwitch("b", [], .none),
        MakeSwitch("m", [], .none),
        MakeSwitch("B", ["always-make"], .mode(.alwaysMake)),
        MakeSwitch("d", [], .mode(.debug)),
        MakeSwitch("e", ["environment-overrides"], .mode(.environmentOverrides)),
        MakeSwitch("E", ["eval"], .eval, .required),
        MakeSwitch("h", ["help"], .mode(.help), inEnvironment: false),
        MakeSwitch("i", ["ignore-errors"], .mode(.ignoreErrors)),
        MakeSwitch("k", ["keep-going"], .mode(.keepGoing)),
        MakeSwitch("L", ["check-symlink-times"], .mode(.checkLinkTimes)),
        MakeSwitch("n", ["just-print", "dry-run", "recon"], .mode(.dryRun)),
        MakeSwitch("p", ["print-data-base"], .mode(.printDatabase)),
        MakeSwitch("q", ["question"], .mode(.question)),
        MakeSwitch("r", ["no-builtin-rules"], .mode(.noBuiltinRules)),
        MakeSwitch("R", ["no-builtin-variables"], .mode(.noBuiltinVariables)),
        MakeSwitch("s", ["silent", "quiet"], .mode(.silent)),
        MakeSwitch("S", ["no-keep-going", "stop"], .cancel(.keepGoing)),
        MakeSwitch("t", ["touch"], .mode(.touch)),
        MakeSwitch("v", ["version"], .mode(.version)),
        MakeSwitch("w", ["print-directory"], .mode(.printDirectory)),
        MakeSwitch("C", ["directory"], .directory, .required, inEnvironment: false),
        MakeSwitch("f", ["file", "makefile"], .makefile, .required, inEnvironment: false),
        MakeSwitch("I", ["include-dir"], .includeDirectory, .required),
        MakeSwitch("j", ["jobs"], .jobs, .number),
        MakeSwitch("l", ["load-average", "max-load"], .none, .fraction),
        MakeSwitch("o", ["old-file", "assume-old"], .oldFile, .required, inEnvironment: false),
        MakeSwitch("O", ["output-sync"], .none, .attached),
        MakeSwitch("W", ["what-if", "new-file", "assume-new"], .newFile, .required, inEnvironment: false),
        MakeSwitch(nil, ["debug"], .mode(.debug), .attached),
        MakeSwitch(nil, ["jobserver-auth", "jobserver-fds"], .none, .required),
        MakeSwitch(nil, ["jobserver-style"], .none, .required),
        MakeSwitch(nil, ["no-print-directory"], .mode(.noPrintDirectory)),
        MakeSwitch(nil, ["no-silent"], .cancel(.silent)),
        MakeSwitch(nil, ["shuffle"], .none, .attached),
        MakeSwitch(nil, ["sync-mutex"], .none, .required),
        MakeSwitch(nil, ["trace"], .mode(.trace)),
        // Newer versions give it an argument, under a shorter name.
        MakeSwitch(nil, ["warn-undefined-variables"], .mode(.warn)),
        MakeSwitch(nil, ["warn"], .mode(.warn), .attached),
    ]

    static func short(_ letter: UInt8) -> MakeSwitch? { all.first { $0.letter == letter } }

    /// The option of that name, or the only one that begins so (getopt_long(3)).
    static func long(_ name: String) -> MakeSwitch? {
        guard !name.isEmpty else { return nil }
        var found: MakeSwitch?
        for option in all {
            for known in option.names where known.hasPrefix(name) {
                if known.utf8.count == name.utf8.count { return option }
                if let found, found.effect != option.effect || found.names != option.names { return nil }
                found = option
            }
        }
        return found
    }
}
