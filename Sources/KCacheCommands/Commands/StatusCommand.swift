import ArgumentParser
import KCacheCore
import KCacheKbuild
import KCacheTree

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tells whether make has anything to do here; if so, what it would rebuild, and why.",
        discussion: HelpText.flowing(
            """
            Nothing is run or changed. Exits with 0 in a warm tree and with 1 in any other. A tree that
            `kcache pull --only install` has brought a part to is named partial until it is completed or built.

            Example:

              kcache status --all
            """))

    @OptionGroup var global: GlobalOptions
    @Argument(help: ArgumentHelp("Where the outputs are, as for make.", valueName: "O=DIR"))
    var output: [String] = []
    @OptionGroup var inRoot: RootOptions
    @Flag(name: .long, help: "Name every target, not only those where a cause begins.")
    var all = false

    func validate() throws {
        guard output.count <= 1, output.allSatisfy({ $0.hasPrefix("O=") }) else {
            throw ValidationError("status takes O=DIR, no other word")
        }
    }

    func run() throws {
        let invocation = Invocation.current()
        let report = try KbuildStatus(host: try inRoot.host(invocation)).report(
            try global.treePlace(invocation, words: output))
        if global.format == .json {
            invocation.console.print(try JSONText.of(StatusResult(report)))
        } else {
            for line in text(report) { invocation.console.print(line) }
        }
        if report.partial != nil || report.neverBuilt || !report.rebuild.isWarm { throw ExitCode(1) }
    }

    private func text(_ report: KbuildStatus.Report) -> [String] {
        let (stale, possible) = (report.rebuild.stale, report.rebuild.possible)
        if let partial = report.partial {
            return [
                "partial: of snapshot \(partial.snapshot.short) only what make install modules_install reads is here; "
                    + "kcache pull \(partial.store) brings the rest, make would build everything"
            ]
        }
        if report.neverBuilt {
            return ["nothing is built here: make would build everything; kcache pull may help"]
        }
        if report.rebuild.isWarm {
            return [
                "warm: make has nothing to do for \(SnapshotText.count(UInt64(report.outputs), "target"))"
            ]
        }
        var lines = [
            "make would rebuild \(SnapshotText.count(UInt64(stale.count), "target")) of "
                + SnapshotText.grouped(UInt64(report.outputs))
        ]
        let first = stale.filter { all || !$0.cause.isConsequence }
        let shown = all ? first : Array(first.prefix(10))
        lines += shown.map { "  \($0)" }
        if shown.count < first.count {
            lines.append(
                "  and \(SnapshotText.grouped(UInt64(first.count - shown.count))) more (--all names them)")
        }
        if !possible.isEmpty {
            lines.append("and perhaps \(SnapshotText.count(UInt64(possible.count), "target")) more")
            lines += (all ? possible[...] : possible.prefix(5)).map { "  \($0)" }
        }
        return lines
    }
}

extension StaleCause {
    /// True if the cause is only that something else is made again.
    fileprivate var isConsequence: Bool {
        if case .rebuiltPrerequisite = self { true } else { false }
    }
}

/// `status --format json`.
private struct StatusResult: Encodable {
    let warm: Bool
    let neverBuilt: Bool
    /// The snapshot of which only a part was pulled.
    let partial: String?
    let architecture: String
    let kernelRelease: String
    let targets: Int
    let stale: [Target]
    let possible: [Target]

    struct Target: Encodable {
        let target: String
        let cause: String
    }

    init(_ report: KbuildStatus.Report) {
        warm = report.rebuild.isWarm && !report.neverBuilt && report.partial == nil
        partial = report.partial?.snapshot.description
        neverBuilt = report.neverBuilt
        (architecture, kernelRelease) = (report.tree.architecture, report.tree.kernelRelease)
        targets = report.outputs
        stale = report.rebuild.stale.map {
            Target(target: $0.target.description, cause: $0.cause.description)
        }
        possible = report.rebuild.possible.map {
            Target(target: $0.target.description, cause: $0.cause.description)
        }
    }
}
