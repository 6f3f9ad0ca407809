package import KCacheCore

/// Tells into which directories make need not descend. Pure: nothing is looked at.
package struct DescentPlan: Sendable, Hashable {
    package enum Walk: Sendable, Hashable {
        /// The highest directories with nothing to make at or below them, sorted: each may be left out by its
        /// exact path.
        case allBut([TreePath])
        /// Why none may be.
        case everything(String)
    }

    package let walk: Walk
    /// All directories that make does not descend into then, those below others too.
    package let leftOut: Int
    /// True if nothing changed that the builds under `tools/` could look at: they would make nothing.
    package let leavesTools: Bool

    /// The directories to leave out; empty where everything is walked.
    package var untouched: [TreePath] {
        if case .allBut(let paths) = walk { paths } else { [] }
    }

    /// - Parameter changes: all of them, of a check to `all`.
    package init(record: BuildRecord, changes: BuildChanges) {
        if !record.walkReason.isEmpty {
            walk = .everything(record.walkReason)
            leftOut = 0
            leavesTools = false
            return
        }
        var work = DescentWalk(record)
        if let reason = work.everything(changes) {
            walk = .everything(reason)
            leftOut = 0
            leavesTools = false
        } else {
            walk = .allBut(work.untouched())
            leftOut = work.leftOut
            leavesTools = !work.touchesTop
        }
    }
}

/// The walk along the edges of a record.
private struct DescentWalk {
    let record: BuildRecord
    /// Directories to walk, by number.
    private var walked: [Bool]
    private var pending: [Int] = []
    /// Directories below which all are walked.
    private var markedBelow: Set<Int> = []
    /// A saved command of the top makefile's own work, which is that of `scripts/` and `tools/` too, names
    /// what changed.
    private(set) var touchesTop = false
    /// Directories of the record by their owner.
    private var members: [Int: [Int]] = [:]

    init(_ record: BuildRecord) {
        self.record = record
        walked = Array(repeating: false, count: record.directories.count)
        for (i, directory) in record.directories.enumerated() {
            members[Int(directory.owner), default: []].append(i)
        }
    }

    /// Marks all that has to be walked; why that is everything, nil if it isn't.
    mutating func everything(_ changes: BuildChanges) -> String? {
        for file in changes.files {
            let entry = record.files[file]
            guard let directory = changes.directory(ofFile: file) else { return "a file of no directory" }
            let name = { changes.path(ofFile: file)?.description ?? "a file" }
            if entry.marks.contains(.rules) { return "\(name()) changed" }
            let owner = Int(record.directories[directory].owner)
            let dependents = record.dependents(entry.dependents)
            if isTop(owner), dependents.isEmpty, !isTopOutput(entry, directory) {
                return "\(name()) changed, and no saved command names it"
            }
            // What only makefiles look at may decide on flags for all directories below.
            let isForMakefiles = !entry.marks.contains(.plain) && !entry.marks.contains(.output)
            mark(owner, andBelow: isForMakefiles)
            markDependents(dependents, andBelow: isForMakefiles)
        }
        for directory in changes.directories {
            let owner = Int(record.directories[directory].owner)
            if isTop(owner) {
                return "the names in \(record.path(ofDirectory: directory)?.description ?? ".") changed"
            }
            mark(owner, andBelow: true)
        }
        for path in changes.paths {
            let dependents = record.dependents(record.paths[path].dependents)
            if dependents.isEmpty {
                return "\(quoteForPeople(record.name(at: record.paths[path].path))) changed"
            }
            markDependents(dependents)
        }
        for (i, directory) in record.directories.enumerated() where directory.marks.contains(.always) {
            mark(i)
        }
        follow()
        return nil
    }

    /// The top makefile's own: the root, or the architecture's directory.
    private func isTop(_ owner: Int) -> Bool {
        guard let path = record.path(ofDirectory: owner) else { return true }
        return path.depth <= 2 && path.hasPrefix("arch/")
    }

    /// vmlinux and its like, made by every make that needs them.
    private func isTopOutput(_ file: RecordedFile, _ directory: Int) -> Bool {
        file.marks.contains(.output) && record.path(ofDirectory: directory) == nil
    }

    private mutating func mark(_ directory: Int, andBelow: Bool) {
        mark(directory)
        guard andBelow, let path = record.path(ofDirectory: directory), markedBelow.insert(directory).inserted
        else { return }
        for (i, other) in record.directories.enumerated()
        where other.root == 0 && other.marks.contains(.descended) && !walked[i] {
            if record.path(ofDirectory: i)?.isInside(path) == true { mark(i) }
        }
    }

    private mutating func mark(_ directory: Int) {
        guard directory < walked.count, !walked[directory] else { return }
        walked[directory] = true
        pending.append(directory)
    }

    private mutating func markDependents(_ dependents: ArraySlice<UInt32>, andBelow: Bool = false) {
        for dependent in dependents {
            if dependent == 0 { touchesTop = true }
            mark(Int(dependent), andBelow: andBelow)
        }
    }

    /// What is made in a walked directory is a changed input of others, and make gets there from above.
    private mutating func follow() {
        while let directory = pending.popLast() {
            // The top's own outputs are seen by comparing, when this plan is made after they are.
            guard record.directories[directory].marks.contains(.descended) else { continue }
            for member in members[directory] ?? [] where !isPrepared(member) {
                let entry = record.directories[member]
                for file in Int(entry.firstFile)..<Int(entry.firstFile + entry.fileCount)
                where record.files[file].marks.contains(.output) {
                    for dependent in record.dependents(record.files[file].dependents) { mark(Int(dependent)) }
                }
            }
            if let above = above(directory) { mark(above) }
        }
    }

    /// `include/generated` of the architecture: made before any directory is visited, and then compared.
    private func isPrepared(_ directory: Int) -> Bool {
        guard let path = record.path(ofDirectory: directory) else { return false }
        return path.bytes.firstRange(of: Array("include/generated".utf8)) != nil
    }

    /// The directory from which Kbuild gets there.
    private func above(_ directory: Int) -> Int? {
        guard let path = record.path(ofDirectory: directory) else { return nil }
        guard let parent = path.parent, let place = place(parent) else { return 0 }
        return Int(record.directories[place].owner)
    }

    /// Directories of a root are sorted by path, and the root itself stands first.
    private func place(_ path: TreePath) -> Int? {
        let end = record.directories.firstIndex { $0.root != 0 } ?? record.directories.count
        var (low, high) = (1, end)
        while low < high {
            let middle = (low + high) / 2
            guard let other = record.path(ofDirectory: middle) else { return nil }
            if other < path { low = middle + 1 } else { high = middle }
        }
        return low < end && record.path(ofDirectory: low) == path ? low : nil
    }

    var leftOut: Int {
        record.directories.indices.count {
            record.directories[$0].marks.contains(.descended) && !walked[$0]
        }
    }

    func untouched() -> [TreePath] {
        var found: [TreePath] = []
        for (i, directory) in record.directories.enumerated()
        where directory.marks.contains(.descended) && !walked[i] {
            let above = above(i) ?? 0
            let isBelowWalked = above == 0 || walked[above]
            if isBelowWalked, let path = record.path(ofDirectory: i) { found.append(path) }
        }
        return found.sorted()
    }
}
