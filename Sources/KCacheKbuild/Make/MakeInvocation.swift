package import SystemPackage

/// What a command line asks of make, together with MAKEFLAGS and GNUMAKEFLAGS of the environment.
///
/// Read as GNU make 3.82 to 4.4 read it. Nothing is looked up on the disk. What can't be told without running
/// make is named in `doubts`: then nothing may be concluded from the rest.
package struct MakeInvocation: Hashable, Sendable {
    package enum Jobs: Hashable, Sendable {
        case one
        case limited(Int)
        /// `-j` alone.
        case unlimited
    }

    /// Where make works: the working directory after all `-C`.
    package var directory: FilePath
    /// `-f`, in order; `-` for standard input.
    package var makefiles: [String] = []
    /// `-I`, in order.
    package var includeDirectories: [String] = []
    /// In the order in which make defines them: MAKEFLAGS first.
    package var variables: [MakeVariable] = []
    /// As MAKECMDGOALS has them.
    package var goals: [String] = []
    package var modes: Set<MakeMode> = []
    package var jobs = Jobs.one
    /// `-W`
    package var newFiles: [String] = []
    /// `-o`
    package var oldFiles: [String] = []
    /// `-E`, `--eval`
    package var evals: [String] = []
    /// Nil, or why make will refuse this command line.
    package var mistake: String?
    /// What this reading can't be sure of.
    package var doubts: [String] = []

    let environment: [String: String]

    /// Reads a command line, without the program's name in front.
    package init(arguments: [String], environment: [String: String], workingDirectory: FilePath) {
        self.environment = environment
        directory = workingDirectory
        for name in ["GNUMAKEFLAGS", "MAKEFLAGS"] {
            guard let text = environment[name] else { continue }
            switch MakeValue.expanding(text) {
            case .text(let text): readWords(MakeflagsText.words(text), fromEnvironment: true)
            default: doubts.append("\(name) has references to variables")
            }
        }
        readWords(arguments, fromEnvironment: false)
        for word in arguments where word.contains("\u{fffd}") {
            doubts.append("an argument may not be UTF-8: \(word)")
        }
        for variable in variables where Self.reserved.contains(variable.name) {
            doubts.append("\(variable.name) is set on the command line")
        }
    }

    /// Variables through which a command line changes how make itself reads everything else.
    private static let reserved: Set<String> = [
        "MAKEFLAGS", "GNUMAKEFLAGS", "MFLAGS", "MAKEFILES", "MAKEOVERRIDES", "MAKECMDGOALS", "CURDIR",
        "SHELL",
        "MAKE", "MAKE_COMMAND", "MAKELEVEL", "VPATH", ".SHELLFLAGS", "MAKEFILE_LIST", ".DEFAULT_GOAL",
    ]

    /// True if the variable has a value, be it empty: then make takes no other from its environment.
    package func isSet(_ name: String) -> Bool { value(of: name) != .unset }

    /// The value before any makefile is read: the command line wins over the environment.
    package func value(of name: String) -> MakeValue {
        var value = environment[name].map(MakeValue.expanding) ?? .unset
        for variable in variables where variable.name == name {
            switch variable.assignment {
            case .shell: value = .computed
            case .recursive, .simple: value = .expanding(variable.text)
            case .conditional: if value == .unset { value = .expanding(variable.text) }
            case .append:
                switch (value, MakeValue.expanding(variable.text)) {
                case (.unset, let added): value = added
                case (.text, .text("")): break
                case (.text(let old), .text(let added)):
                    value = .text(old.isEmpty ? added : "\(old) \(added)")
                default: value = .computed
                }
            }
        }
        return value
    }

    /// The value that the command line or MAKEFLAGS gives, environment apart: make's origin `command line`.
    package func commandLineValue(of name: String) -> MakeValue {
        variables.contains { $0.name == name } ? value(of: name) : .unset
    }
}
