package import KCacheCore

/// A file that make would make again, and why.
package struct StaleTarget: Hashable, Sendable, CustomStringConvertible {
    package let target: TreePath
    package let cause: StaleCause

    package init(target: TreePath, cause: StaleCause) { (self.target, self.cause) = (target, cause) }

    package var description: String { "\(target): \(cause)" }
}

/// Why make would make a file again. The first cause in make's own order is named.
package enum StaleCause: Hashable, Sendable, CustomStringConvertible {
    case missing
    /// The file is there, but nothing says what made it.
    case noCommandFile
    case unreadableCommandFile
    case newerPrerequisite(TreePath)
    /// A file outside the tree, as a system header that a host tool includes.
    case newerOutside([UInt8])
    case missingPrerequisite(TreePath)
    case missingOutside([UInt8])
    case rebuiltPrerequisite(TreePath)
    /// CONFIG_… has another value, or was set anew, since the target was made.
    case configChanged(String)
    case membersChanged(added: [TreePath], removed: [TreePath])
    /// A word of the command that make would now use is not in the saved one, or the other way round.
    case commandChanged(String)
    /// Only if the content differs from what it is now: make writes the file when it has compared.
    case comparedWith(TreePath)
    /// This Makefile is newer than the target, and what it says of it can't be told without make.
    case makefileChanged(TreePath)
    /// The build's number and time go into every link that isn't pinned.
    case buildStamp

    package var description: String {
        switch self {
        case .missing: "it is missing"
        case .noCommandFile: "its .cmd file is missing"
        case .unreadableCommandFile: "its .cmd file can't be read"
        case .newerPrerequisite(let path): "\(path) is newer"
        case .newerOutside(let path): "\(quoteForPeople(path)) is newer"
        case .missingPrerequisite(let path): "\(path) is gone"
        case .missingOutside(let path): "\(quoteForPeople(path)) is gone"
        case .rebuiltPrerequisite(let path): "\(path) is made again"
        case .configChanged(let name): "CONFIG_\(name) changed"
        case .membersChanged(let added, let removed):
            "its members change: "
                + (added.map { "+\($0)" } + removed.map { "-\($0)" }).joined(separator: " ")
        case .commandChanged(let word): "its command line changes: \(word)"
        case .comparedWith(let path): "\(path) is made again, and may change it"
        case .makefileChanged(let path): "\(path) is newer, and may say something else of it"
        case .buildStamp: "a link takes a new build number and time"
        }
    }
}

/// What make would do in a tree.
package struct RebuildReport: Sendable {
    /// In the order in which make would get to them.
    package var stale: [StaleTarget] = []
    /// Files that make would look at again, and perhaps write, depending on content that only making tells.
    package var possible: [StaleTarget] = []

    /// True if make has nothing to do.
    package var isWarm: Bool { stale.isEmpty && possible.isEmpty }

    package init() {}
}
