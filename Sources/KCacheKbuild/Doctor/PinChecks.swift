import KCacheCore
import KCacheSystem

/// Checks the variables that stand in the kernel that is built, and the release that git gives it.
enum PinChecks {
    /// - Parameter recorded: what the tree was built with (`BuildPins.recorded`).
    static func pins(
        _ recorded: [BuildEnvironment.Pin], environment: [String: String], emptyPins: Bool
    ) -> [DoctorFinding] {
        guard !recorded.isEmpty else { return [] }
        var findings: [DoctorFinding] = []
        let other = recorded.filter { pin in
            guard let value = environment[pin.name], !value.isEmpty else { return false }
            return value != pin.value
        }
        if !other.isEmpty {
            let here = other.map { "\($0.name)='\(environment[$0.name] ?? "")'" }
            findings.append(
                DoctorFinding(
                    .pinsDiffer,
                    "this shell has other values than the tree was built with: \(DoctorText.names(here))",
                    cost: "relinks vmlinux",
                    mend: "export "
                        + other.map { "\($0.name)=\(DoctorText.shell($0.value))" }.joined(separator: " ")
                ))
        }
        if emptyPins, environment["KBUILD_BUILD_TIMESTAMP"]?.isEmpty == true {
            findings.append(
                DoctorFinding(
                    .emptyTimestamp,
                    "KBUILD_BUILD_TIMESTAMP is set and empty, which pins nothing from Linux 6.1 on",
                    cost:
                        "relinks vmlinux at each link with the time of day: no two builds are the same bytes",
                    mend: "eval \"$(kcache env)\""))
        }
        let unset = recorded.filter { environment[$0.name] == nil }.map(\.name)
        if !unset.isEmpty {
            findings.append(
                DoctorFinding(
                    .pinsUnset, "not set in this shell: \(DoctorText.names(unset))",
                    cost:
                        "kcache make sets them; a link by plain make puts this user, host and hour into the kernel",
                    mend: "eval \"$(kcache env)\""))
        }
        return findings
    }

    /// Kernels whose init/Makefile takes the date where the variable is empty (`$(or …)`).
    static func emptyPins(_ tree: TreeCondition) throws -> Bool {
        try tree.text("init/Makefile")?.contains("$(or $(KBUILD_BUILD_TIMESTAMP)") ?? false
    }

    /// The release that was built, against what scripts/setlocalversion says of the checkout now.
    static func release(_ tree: TreeCondition, host: HostEnvironment) throws -> [DoctorFinding] {
        let built = tree.tree.kernelRelease
        let then = suffix(of: built)
        // A copy without the repository: only a commit in the release surely came from one.
        guard !built.isEmpty, tree.tracked != nil || tree.gitProblem == nil && then.contains("-g") else {
            return []
        }
        let now = try GitRelease.suffix(
            in: tree.root, localVersion: host.environment["LOCALVERSION"], environment: host.environment,
            runner: host.runner)
        guard now != then else { return [] }
        func named(_ text: String) -> String { text.isEmpty ? "no git suffix" : "\"\(text)\"" }
        return [
            DoctorFinding(
                .kernelRelease,
                "the kernel was built as \(built), and git gives \(named(now)) for \(named(then)) now",
                cost: "relinks vmlinux\(tree.andModules) (vermagic)",
                mend: tree.config("LOCALVERSION_AUTO") == "y"
                    ? "scripts/config -d LOCALVERSION_AUTO, and export LOCALVERSION= for the + that is left"
                    : "export LOCALVERSION= before make")
        ]
    }

    /// What scripts/setlocalversion adds: `+`, or `-00012-gabcdef123456` and `-dirty`.
    static func suffix(of release: String) -> String {
        if release.hasSuffix("+") { return "+" }
        var rest = release[...]
        let isDirty = rest.hasSuffix("-dirty")
        if isDirty { rest = rest.dropLast(6) }
        guard let dash = rest.lastIndex(of: "-") else { return isDirty ? "-dirty" : "" }
        let commit = rest[rest.index(after: dash)...]
        guard commit.hasPrefix("g"), commit.count == 13, commit.dropFirst().allSatisfy(\.isHexDigit) else {
            return isDirty ? "-dirty" : ""
        }
        // The number of commits since the tag, where there is one.
        let front = rest[..<dash]
        if let before = front.lastIndex(of: "-") {
            let number = front[front.index(after: before)...]
            if number.count == 5, number.allSatisfy(\.isNumber) { return String(release[before...]) }
        }
        return String(release[dash...])
    }
}
