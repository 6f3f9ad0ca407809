/// One make in a Kbuild tree: what the caches need to know of it.
package struct MakeBuild: Hashable, Sendable {
    package var invocation: MakeInvocation
    package var location: KbuildLocation
    package var goals: MakeGoals
    package var options: MakeOptions
    /// The environment that make gets, pins included.
    package var environment: [String: String]
    /// Nil, or why nothing of this make may be kept: root in a user's tree, a dry run, goals such as install.
    package var keepsNothing: String?

    /// True if "nothing to do" may be the answer.
    package var maySkip: Bool {
        keepsNothing == nil && goals.maySkip && !options.always
            && invocation.modes.isSubset(of: Self.harmless) && invocation.newFiles.isEmpty
            && invocation.oldFiles.isEmpty && invocation.includeDirectories.isEmpty
    }

    /// True if a success of this make may tell a later one that there is nothing to do.
    package var mayBeRecorded: Bool {
        keepsNothing == nil && goals.maySkip && invocation.newFiles.isEmpty && unwatched == nil
    }

    /// Nil, or the variable through which make reads files that no record watches.
    package var unwatched: String? {
        let config = invocation.value(of: "KCONFIG_CONFIG")
        if !config.isEmpty, config != .text(".config") { return "KCONFIG_CONFIG" }
        let names = [
            "MAKEFILES", "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE",
            "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
        ]
        return names.first { environment[$0]?.isEmpty == false }
    }

    /// True if what make prints is Kbuild's lines of steps, and not something that was asked for.
    package var printsSteps: Bool {
        goals.kind == .build && invocation.modes.isDisjoint(with: Self.printing) && isQuiet
    }

    /// Kbuild's own rule (top Makefile): V on the command line only, KBUILD_VERBOSE from anywhere.
    private var isQuiet: Bool {
        let values = [invocation.commandLineValue(of: "V"), invocation.value(of: "KBUILD_VERBOSE")]
        return values.allSatisfy { $0 == .unset || $0 == .text("") || $0 == .text("0") }
    }

    /// Ways of running that print something else than steps, or nothing.
    private static let printing: Set<MakeMode> = [
        .debug, .dryRun, .help, .printDatabase, .question, .silent, .touch, .trace, .version,
    ]

    /// What of make's options decides what is made, as words of a fixed form.
    var countingFlags: [String] {
        invocation.modes.subtracting(Self.harmless).map { "\($0)" }.sorted()
            + invocation.includeDirectories.map { "-I\($0)" }
    }

    /// Ways of running that change neither what is made nor what a success means.
    private static let harmless: Set<MakeMode> = [
        .keepGoing, .noPrintDirectory, .printDirectory, .silent, .noBuiltinRules,
        .noBuiltinVariables, .warn,
    ]

    /// The modes in which make builds nothing, or not as it should.
    static func unkept(_ invocation: MakeInvocation) -> String? {
        let reasons: [(MakeMode, String)] = [
            (.dryRun, "-n only prints"), (.question, "-q only asks"), (.touch, "-t builds nothing"),
            (.version, "-v only prints"), (.help, "-h only prints"),
            (.ignoreErrors, "-i hides failures"), (.environmentOverrides, "-e changes what makefiles mean"),
        ]
        if let (_, reason) = reasons.first(where: { invocation.modes.contains($0.0) }) { return reason }
        return invocation.oldFiles.isEmpty ? nil : "-o keeps files that may be stale"
    }
}
