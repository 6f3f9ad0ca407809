import ArgumentParser
import KCacheCore
import KCacheKbuild
import KCacheStore
import SystemPackage

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Looks for what will cost a rebuild, break exactness or leak something, and names the mend.",
        discussion: HelpText.flowing(
            """
            Looks at this machine, the tree (with O=DIR, or started in DIR, one that make O= has built), its \
            configuration and the store; outside of a kernel tree, at the \
            cache folder and the store alone. Changes nothing. Exits with 0 if all is well (notes do not count), \
            with 1 if something was found. docs/doctor.md explains each name.

            Example:

              kcache doctor -C ~/linux
            """))

    @OptionGroup var global: GlobalOptions
    @Argument(help: ArgumentHelp("O=DIR as for make.", valueName: "O=DIR")) var output: [String] = []

    func validate() throws {
        guard output.count <= 1, output.allSatisfy({ $0.hasPrefix("O=") }) else {
            throw ValidationError("doctor takes O=DIR, no other word")
        }
    }

    func run() throws {
        let invocation = Invocation.current()
        // That a variable leads make elsewhere is a finding.
        let place = try TreePlace.find(global.treePath(invocation), words: output, environment: [:])
        var request = Doctor.Request(place)
        request.store = try store(invocation)
        let report = try Doctor(host: try invocation.host()).examine(request)
        if global.format == .json {
            invocation.console.print(try JSONText.of(DoctorResult(report)))
        } else {
            for line in text(report) { invocation.console.print(line) }
        }
        if !report.isWell { throw ExitCode(1) }
    }

    private func store(_ invocation: Invocation) throws -> DoctorStore {
        let reference = try global.storeReference(invocation)
        let signing = try ConfigurationFile.read(invocation)?.signing ?? SigningSettings()
        return DoctorStore(
            place: reference.place, isNamed: try global.storeText(invocation) != nil,
            open: { try reference.open(.existing) },
            trust: signing.trust(store: reference.place, option: nil, acceptsOlder: true, invocation))
    }

    private func text(_ report: Doctor.Report) -> [String] {
        let notes = report.findings.filter { $0.severity == .note }
        let found = report.findings.filter { $0.severity != .note }
        var lines: [String] = []
        if found.isEmpty {
            let tree = report.tree.map { "the tree \($0.string)" } ?? "this machine (no kernel tree is here)"
            lines.append("all is well with \(tree)" + (report.store.map { " and the store \($0)" } ?? ""))
        } else {
            let counts = DoctorSeverity.allCases.compactMap { severity -> String? in
                let count = found.count { $0.severity == severity }
                return count == 0 ? nil : "\(count) \(Self.heading(severity))"
            }
            lines.append(
                "\(SnapshotText.count(UInt64(found.count), "finding")): \(counts.joined(separator: ", "))")
        }
        for finding in found {
            lines.append("")
            lines.append("\(finding.id.rawValue) (\(Self.heading(finding.severity))): \(finding.what)")
            lines.append("  cost: \(finding.cost)")
            lines.append("  mend: \(finding.mend)")
        }
        if !found.isEmpty, !notes.isEmpty, !global.quiet { lines.append("") }
        if !global.quiet {
            lines += notes.map { "note: \($0.id.rawValue): \($0.what); \($0.cost); \($0.mend)" }
        }
        return lines.map { quoteForPeople(Array($0.utf8)) }
    }

    private static func heading(_ severity: DoctorSeverity) -> String {
        switch severity {
        case .fails: "fails"
        case .unsafe: "unsafe"
        case .inexact: "inexact"
        case .rebuild: "rebuild"
        case .note: "note"
        }
    }
}

/// `doctor --format json`.
private struct DoctorResult: Encodable {
    let well: Bool
    /// Null outside of a kernel tree.
    let tree: String?
    /// Null where there is none yet.
    let store: String?
    let findings: [Finding]
    let notes: [Finding]

    struct Finding: Encodable {
        let id: String
        let severity: String
        let what: String
        let cost: String
        let mend: String
        let paths: [String]

        init(_ finding: DoctorFinding) {
            (id, severity) = (finding.id.rawValue, finding.severity.rawValue)
            (what, cost, mend) = (finding.what, finding.cost, finding.mend)
            paths = finding.paths.map(\.description)
        }
    }

    init(_ report: Doctor.Report) {
        well = report.isWell
        (tree, store) = (report.tree?.string, report.store)
        findings = report.findings.filter { $0.severity != .note }.map { Finding($0) }
        notes = report.findings.filter { $0.severity == .note }.map { Finding($0) }
    }
}
