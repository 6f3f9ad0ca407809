import KCacheKbuild
package import SystemPackage

/// Why a build can't be ordered, in one line.
package struct BuildRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Make's words for a build on another machine.
package struct BuildWords: Hashable, Sendable {
    package private(set) var arguments: [String]
    /// Of this machine's environment, what Kbuild reads: `NAME=VALUE`, sorted.
    package private(set) var environment: [String]

    /// - Throws: `BuildRefusal` for what has no meaning there: goals that install or configure, other directories.
    package init(_ words: [String], environment: [String: String], directory: FilePath) throws(BuildRefusal) {
        let invocation = MakeInvocation(arguments: words, environment: [:], workingDirectory: directory)
        if let mistake = invocation.mistake {
            throw BuildRefusal("make would refuse these words: \(mistake)")
        }
        guard invocation.directory == directory, invocation.makefiles.isEmpty else {
            throw BuildRefusal("-C and -f have no meaning there: run kcache build in the tree")
        }
        for (name, what) in [
            ("O", "an output folder"), ("M", "an external module"), ("KBUILD_OUTPUT", "an output folder"),
            ("KBUILD_EXTMOD", "an external module"),
        ]
        where invocation.isSet(name) || !(environment[name] ?? "").isEmpty {
            throw BuildRefusal(
                "\(name) names \(what), and only trees are built on another machine: leave it out")
        }
        guard !invocation.modes.contains(.touch), invocation.oldFiles.isEmpty else {
            throw BuildRefusal(
                "-t and -o make old files look new, and that would stay so there: leave them out")
        }
        let unfit = invocation.goals.first { MakeGoals([$0]).kind != .build }
        if let unfit {
            switch MakeGoals([unfit]).kind {
            case .install:
                throw BuildRefusal(
                    "\(unfit) installs, and that belongs here: build first, then run make \(unfit)")
            case .configure:
                throw BuildRefusal(
                    "\(unfit) makes the configuration, and that belongs here: run make \(unfit) first")
            default:
                throw BuildRefusal("\(unfit) is nothing to build on another machine: run make \(unfit) here")
            }
        }
        arguments = words
        self.environment = environment.filter { Self.counts($0.key) && !$0.value.isEmpty }
            .map { "\($0.key)=\($0.value)" }.sorted()
    }

    /// Variables that choose tools and flags (the kernel's Documentation/kbuild/kbuild.rst, top Makefile). Paths of
    /// this machine's programs go as well: where they are not there, make says so.
    static func counts(_ name: String) -> Bool {
        named.contains(name) || ["KBUILD_", "KCONFIG_"].contains { name.hasPrefix($0) }
    }

    private static let named: Set<String> = [
        "ARCH", "SUBARCH", "CROSS_COMPILE", "CROSS_COMPILE_COMPAT", "LLVM", "LLVM_IAS", "CC", "CPP", "LD",
        "AR", "NM",
        "OBJCOPY", "OBJDUMP", "READELF", "STRIP", "PAHOLE", "RUSTC", "HOSTCC", "HOSTCXX", "HOSTLD", "HOSTAR",
        "HOSTCFLAGS", "HOSTCXXFLAGS", "HOSTLDFLAGS", "HOSTLDLIBS", "KCPPFLAGS", "KAFLAGS", "KCFLAGS",
        "KRUSTFLAGS",
        "AFLAGS_KERNEL", "AFLAGS_MODULE", "CFLAGS_KERNEL", "CFLAGS_MODULE", "RUSTFLAGS_KERNEL",
        "RUSTFLAGS_MODULE",
        "LDFLAGS_MODULE", "LOCALVERSION", "EXTRAVERSION", "SOURCE_DATE_EPOCH", "W", "V", "C", "CF", "CHECK",
        "EXTRA_CFLAGS", "EXTRA_AFLAGS", "DTC", "DTC_FLAGS",
    ]

    private static let localVersion = "LOCALVERSION="

    /// LOCALVERSION as make gets it; nil: it is not set.
    var localVersion: String? {
        (environment + arguments).last { $0.hasPrefix(Self.localVersion) }.map {
            String($0.dropFirst(Self.localVersion.count))
        }
    }

    /// The same, with LOCALVERSION longer by that, where it is set.
    func adding(toLocalVersion suffix: String) -> BuildWords {
        func longer(_ word: String) -> String { word.hasPrefix(Self.localVersion) ? word + suffix : word }
        var words = self
        words.arguments = arguments.map(longer)
        words.environment = environment.map(longer)
        if localVersion == nil { words.environment.append(Self.localVersion + suffix) }
        return words
    }
}
