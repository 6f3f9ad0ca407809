package import KCacheCore

/// Compares this machine's toolchain with the one that a snapshot's tree is built with elsewhere.
package struct ToolchainCheck {
    /// What was found.
    package struct Differences: Sendable {
        /// For people: each difference, then what it costs.
        package let lines: [String]
        /// True if nothing that is built here could be taken as fresh there.
        package let isFatal: Bool
    }

    private let host: HostEnvironment

    package init(host: HostEnvironment) { self.host = host }

    /// None where the snapshot's machine has no toolchain: then nothing can be said.
    package func differences(from header: SnapshotHeader) throws -> Differences {
        let theirs = header.environment.toolchain
        guard theirs.contains(where: { $0.role == "CC" && $0.digest != .zero }) else {
            return Differences(
                lines: theirs.isEmpty
                    ? []
                    : ["your machine has no compiler: make there will build everything again once it has"],
                isFatal: false)
        }
        let verdict = try LocalToolchain(host: host).compare(theirs)
        var lines = verdict.differences.map { "the toolchains differ: \($0.betweenMachines)" }
        switch verdict.impact {
        case .none: break
        case .typeInformation: lines.append("make on your machine will link vmlinux and the modules again")
        case .everything: lines.append("make on your machine would build every object again")
        }
        return Differences(lines: lines, isFatal: verdict.impact == .everything)
    }
}

extension ToolDifference {
    /// The same as `description`, for the person at the machine that the snapshot is from.
    fileprivate var betweenMachines: String {
        switch kind {
        case .version: "\(role): \(snapshot?.version ?? "") here, \(local?.version ?? "") there"
        case .content where local?.version.isEmpty ?? true: "\(role): the files differ"
        case .content: "\(role): both say \"\(local?.version ?? "")\", but the programs differ"
        case .missing: "\(role): \(snapshot?.command ?? "") is missing there"
        case .additional: "\(role): \(local?.command ?? "") is there, and not here"
        }
    }
}
