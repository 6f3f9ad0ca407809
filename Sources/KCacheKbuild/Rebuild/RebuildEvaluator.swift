import KCacheCore
import KCacheTree

/// Walks the graph from make's goals, in make's order, and collects what is stale.
final class RebuildEvaluator {
    enum State: UInt8 { case unseen, busy, fresh, possible, stale }

    var graph: BuildGraph
    let model: RebuildModel
    var states: [State] = []
    var report = RebuildReport()
    /// CONFIG symbols whose files under include/config will be touched.
    let changedSymbols: Set<String>
    /// For each name of the index: what its presence as a prerequisite means beside its time.
    private var marks: [UInt8] = []
    private var depth = 0
    private var nameTimes: [Int64] = []

    private static let plain: UInt8 = 0
    private static let look: UInt8 = 1

    init(graph: BuildGraph, model: RebuildModel) {
        (self.graph, self.model) = (graph, model)
        changedSymbols = model.wanted.differences(from: model.built)
        readNames()
    }

    /// Sorts the names: those that a compare of times settles, and those that need a closer look.
    private func readNames() {
        let names = model.index.names
        marks = Array(repeating: Self.plain, count: names.count)
        nameTimes = Array(repeating: Int64.min, count: names.count)
        for (i, name) in names.enumerated() {
            let node = graph.nodeOfName[i]
            if node >= 0 {
                if let time = graph.mtimes[Int(node)] { nameTimes[i] = time } else { marks[i] = Self.look }
                if graph.rules[Int(node)] != nil { marks[i] = Self.look }
                if let symbol = symbol(of: name), changedSymbols.contains(symbol) { marks[i] = Self.look }
            } else if model.options.looksOutside {
                if let time = TreeTimes.outside(name.outside, in: model.options.outside) {
                    nameTimes[i] = time
                } else {
                    marks[i] = Self.look
                }
            }
        }
    }

    /// X for `include/config/X`.
    func symbol(of name: CmdIndex.Name) -> String? {
        guard name.isWildcard, let path = name.path, path.hasPrefix("include/config/") else { return nil }
        return String(decoding: path.name, as: UTF8.self)
    }

    func run() -> RebuildReport {
        if let auto = model.syncTarget, let cause = model.syncCause {
            report.stale.append(StaleTarget(target: auto, cause: cause))
            // conf_write_autoconf (scripts/kconfig/confdata.c) writes these beside it.
            for name in [
                "include/config/auto.conf.cmd", "include/generated/autoconf.h", "include/generated/rustc_cfg",
            ] {
                guard let path = TreePath(name), model.listing[path] != nil else { continue }
                report.stale.append(StaleTarget(target: path, cause: .rebuiltPrerequisite(auto)))
            }
        }
        let vmlinux = TreePath("vmlinux").flatMap { graph.known($0) }
        for root in RebuildGoals(graph: graph, model: model).nodes() {
            if visit(root) != .fresh, root == vmlinux {
                visitStamp(linkIsCertain: states[Int(root)] == .stale)
            }
        }
        return report
    }

    /// scripts/link-vmlinux.sh makes init/version-timestamp.o, and nothing else does: a link that is due for
    /// other reasons looks at it, and takes a new number and time unless they are pinned.
    private func visitStamp(linkIsCertain: Bool) {
        guard let node = TreePath("init/version-timestamp.o").flatMap({ graph.known($0) }) else { return }
        var link: StaleTarget?
        if linkIsCertain { link = report.stale.popLast() }
        let before = report.stale.count
        let state = visit(node)
        if state == .fresh, !model.options.stampsArePinned {
            report.stale.append(StaleTarget(target: graph.paths[Int(node)], cause: .buildStamp))
        }
        if let link { return report.stale.append(link) }
        // The link itself is only possible: so is all that it would bring.
        report.possible += report.stale[before...]
        report.stale.removeSubrange(before...)
    }

    @discardableResult
    func visit(_ node: BuildGraph.Node) -> State {
        let at = Int(node)
        if states.count < graph.paths.count {
            states += Array(repeating: .unseen, count: graph.paths.count - states.count)
        }
        if states[at] == .busy { return .fresh }
        if states[at] != .unseen { return states[at] }
        // No real build is a tenth as deep; made-up .cmd files must not use up the stack.
        guard depth < 1000 else { return .possible }
        depth += 1
        defer { depth -= 1 }
        states[at] = .busy
        let state: State
        switch graph.rules[at] {
        case nil: state = bare(node)
        case .saved(let record): state = saved(node, model.index.records[record])
        case .plain:
            var causes = Causes()
            if !graph.exists(node) { causes.certain = .missing }
            lookAtEdges(node, &causes)
            state = finish(node, causes)
        case .with: state = with(node)
        case .compared: state = compared(node)
        }
        states[at] = state
        return state
    }

    private func with(_ node: BuildGraph.Node) -> State {
        var causes = Causes()
        for partner in graph.edges[Int(node)] {
            let path = graph.paths[Int(partner)]
            switch visit(partner) {
            case .stale: causes.add(.rebuiltPrerequisite(path))
            case .possible: causes.possible = .rebuiltPrerequisite(path)
            default: break
            }
        }
        return finish(node, causes)
    }

    /// A file without a rule: a source, or something that must have a `.cmd` file and has none.
    private func bare(_ node: BuildGraph.Node) -> State {
        let path = graph.paths[Int(node)]
        let isMade = KbuildShape.hasCommandFile(path) || graph.wanted.contains(node)
        guard isMade || graph.ruled.contains(node) else { return .fresh }
        var causes = Causes()
        if !graph.exists(node) {
            causes.certain = .missing
        } else if isMade {
            causes.certain = .noCommandFile
        }
        // A recipe without .cmd file may be a filechk: what it is made from says that it may change.
        var inputs = Causes()
        lookAtEdges(node, &inputs)
        if let cause = inputs.certain ?? inputs.possible { causes.possible = cause }
        return finish(node, causes)
    }

    private func compared(_ node: BuildGraph.Node) -> State {
        var causes = Causes()
        if !graph.exists(node) { causes.certain = .missing }
        for input in graph.edges[Int(node)] {
            let state = visit(input)
            if state == .stale || state == .possible {
                causes.possible = causes.possible ?? .comparedWith(graph.paths[Int(input)])
            }
        }
        return finish(node, causes)
    }

    private func finish(_ node: BuildGraph.Node, _ causes: Causes) -> State {
        let path = graph.paths[Int(node)]
        if let cause = causes.certain {
            report.stale.append(StaleTarget(target: path, cause: cause))
            return .stale
        }
        guard let cause = causes.possible else { return .fresh }
        report.possible.append(StaleTarget(target: path, cause: cause))
        return .possible
    }

    private func saved(_ node: BuildGraph.Node, _ record: CmdIndex.Record) -> State {
        // All prerequisites are visited, whatever the first cause: make gets to each of them.
        var causes = Causes()
        if !graph.exists(node) { causes.certain = .missing }
        if let change = graph.changes[node] { causes.add(change) }
        causes.possible = graph.doubts[node]
        let time = graph.mtimes[Int(node)] ?? Int64.max
        if let source = record.source {
            if let known = graph.known(source) ?? graph.existing(source) {
                look(at: known, newerThan: time, mayBeMissing: false, &causes)
            } else {
                causes.add(.missingPrerequisite(source))
            }
        }
        let names = model.index.names
        for list in [model.index.recorded(record), model.index.extra(record)] {
            for number in list {
                let i = Int(number)
                if marks[i] == Self.plain, nameTimes[i] <= time { continue }
                look(at: i, names[i], newerThan: time, &causes)
            }
        }
        lookAtEdges(node, &causes)
        return finish(node, causes)
    }

    private func look(at i: Int, _ name: CmdIndex.Name, newerThan time: Int64, _ causes: inout Causes) {
        if let symbol = symbol(of: name) {
            if changedSymbols.contains(symbol) || nameTimes[i] > time { causes.add(.configChanged(symbol)) }
            return
        }
        let node = graph.nodeOfName[i]
        if node >= 0 {
            look(at: node, newerThan: time, mayBeMissing: name.isWildcard, &causes)
        } else if nameTimes[i] > time {
            causes.add(.newerOutside(name.outside))
        } else if marks[i] == Self.look, !name.isWildcard {
            causes.add(.missingOutside(name.outside))
        }
    }

    private func look(
        at node: BuildGraph.Node, newerThan time: Int64, mayBeMissing: Bool, _ causes: inout Causes
    ) {
        let path = graph.paths[Int(node)]
        switch visit(node) {
        case .stale: return causes.add(.rebuiltPrerequisite(path))
        case .possible: causes.possible = causes.possible ?? .rebuiltPrerequisite(path)
        default: break
        }
        guard let mtime = graph.mtimes[Int(node)] else {
            if !mayBeMissing { causes.add(.missingPrerequisite(path)) }
            return
        }
        if mtime > time { causes.add(.newerPrerequisite(path)) }
    }

    private func lookAtEdges(_ node: BuildGraph.Node, _ causes: inout Causes) {
        let time = graph.mtimes[Int(node)] ?? Int64.max
        for prerequisite in graph.edges[Int(node)] {
            look(at: prerequisite, newerThan: time, mayBeMissing: false, &causes)
        }
    }
}

/// The first cause of each kind.
struct Causes {
    var certain: StaleCause?
    var possible: StaleCause?

    mutating func add(_ cause: StaleCause) { if certain == nil { certain = cause } }
}
