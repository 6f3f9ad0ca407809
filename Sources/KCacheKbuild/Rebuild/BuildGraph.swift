import KCacheCore
import KCacheSystem
import KCacheTree

/// The files that make looks at in a tree, and what each is made from.
///
/// What fixdep recorded is taken from the `.cmd` files; what it didn't is read out of the saved commands, and
/// what these don't say either stands in `KbuildKnowledge`.
struct BuildGraph {
    typealias Node = Int32

    /// How a file comes to be.
    enum Rule {
        /// if_changed: made when a prerequisite is newer or the command changed.
        case saved(record: Int)
        /// An ordinary rule without `.cmd` file, as `tools/objtool/objtool`.
        case plain
        /// Written together with its one prerequisite, as System.map with vmlinux.
        case with
        /// filechk and its like: made each time, and replaced if the content differs.
        case compared
    }

    private(set) var paths: [TreePath] = []
    private(set) var mtimes: [Int64?] = []
    var rules: [Rule?] = []
    /// Prerequisites beside those that fixdep recorded.
    var edges: [[Node]] = []
    /// What a changed Makefile or symbol does to a target, certainly or perhaps.
    var changes: [Node: StaleCause] = [:]
    var doubts: [Node: StaleCause] = [:]
    /// Files without `.cmd` that Makefiles now ask for, and files that they have rules for.
    var wanted: Set<Node> = []
    var ruled: Set<Node> = []
    private var numbers: [TreePath: Node] = [:]
    /// For each name of the index: its node, -1 if outside the tree, -2 if under include/config.
    private(set) var nodeOfName: [Node] = []

    let index: CmdIndex
    let times: TreeTimes

    init(index: CmdIndex, times: TreeTimes) {
        (self.index, self.times) = (index, times)
        for (i, record) in index.records.enumerated() {
            let node = node(record.target)
            rules[Int(node)] = .saved(record: i)
        }
        nodeOfName = index.names.map { name in name.path.map { node($0) } ?? -1 }
    }

    mutating func node(_ path: TreePath) -> Node {
        if let known = numbers[path] { return known }
        let new = Node(paths.count)
        numbers[path] = new
        paths.append(path)
        mtimes.append(times.time(of: path))
        rules.append(nil)
        edges.append([])
        return new
    }

    /// The node if the path is a file here or has a rule.
    func known(_ path: TreePath) -> Node? { numbers[path] }

    mutating func existing(_ path: TreePath) -> Node? {
        if let known = numbers[path] { return known }
        return times.listing[path] == nil ? nil : node(path)
    }

    func exists(_ node: Node) -> Bool { mtimes[Int(node)] != nil }

    func record(_ node: Node) -> CmdIndex.Record? {
        if case .saved(let i) = rules[Int(node)] { index.records[i] } else { nil }
    }

    mutating func add(_ target: Node, from prerequisite: Node) {
        if target != prerequisite, !edges[Int(target)].contains(prerequisite) {
            edges[Int(target)].append(prerequisite)
        }
    }
}
