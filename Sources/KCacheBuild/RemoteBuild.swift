import KCacheCore
package import KCacheKbuild
package import KCacheRemote
package import KCacheStore
import KCacheSystem
package import KCacheTree
package import SystemPackage

/// Has another machine build this tree, and warms it from the result.
package struct RemoteBuild: Sendable {
    package struct Request: Sendable {
        package var tree: FilePath
        package var words: BuildWords
        package var acceptsAnyToolchain = false
        /// The terminal that is printed to, and its TERM; nil for none.
        package var terminal: WireBuildOrder.Terminal?
        package var progress: ProgressSink = { _ in }
        package var waiting: @Sendable (String) -> Void = { _ in }
        /// Gets what the far kcache has to say: lines for the person.
        package var note: @Sendable (String) -> Void = { _ in }
        /// Gets what make prints there, on its standard error where that is said.
        package var show: @Sendable (_ bytes: [UInt8], _ isError: Bool) -> Void = { _, _ in }

        package init(tree: FilePath, words: BuildWords) { (self.tree, self.words) = (tree, words) }
    }

    package struct Report: Sendable {
        package var push: KbuildPusher.Report
        /// Make's exit status there.
        package var status: UInt32
        /// Nil if nothing was built that could be fetched.
        package var pull: KbuildPuller.Report?
        package var traffic: Traffic?
    }

    private let host: HostEnvironment
    /// The store of the machine that builds.
    private let far: Store

    package init(host: HostEnvironment, far: Store) { (self.host, self.far) = (host, far) }

    package func run(_ request: Request) throws -> Report {
        let root = try Directory.open(request.tree).realPath()
        let workspace = Self.workspace(of: root)
        var push = KbuildPusher.Request(tree: request.tree)
        push.sourcesOnly = true
        push.name = SnapshotName.sources(workspace)
        push.progress = request.progress
        push.waiting = request.waiting
        let pushed = try KbuildPusher(host: host.with(words: request.words.arguments), store: far).push(push)
        guard let sources = pushed.id else {
            throw StoreError(.misuse, "no snapshot of the sources was made", subject: root.string)
        }
        var order = WireBuildOrder(
            workspace: workspace, origin: "\(HostIdentity.current().node):\(root.string)",
            tree: Array(root.string.utf8), sources: sources)
        let words = try released(request.words, try Directory.open(root))
        (order.arguments, order.environment) = (words.arguments, words.environment)
        order.terminal = request.terminal
        order.acceptsAnyToolchain = request.acceptsAnyToolchain
        let result = try far.build(order) { voice, bytes in
            switch voice {
            case .note: request.note(quoteForPeople(bytes.prefix(1000)))
            case .output: request.show(bytes, false)
            case .error: request.show(bytes, true)
            }
        }
        var report = Report(push: pushed, status: result.status, pull: nil, traffic: nil)
        if let built = result.snapshot {
            var pull = KbuildPuller.Request(tree: request.tree)
            pull.snapshot = built.description
            pull.progress = request.progress
            pull.waiting = request.waiting
            report.pull = try KbuildPuller(host: host.with(words: request.words.arguments), store: far).pull(
                pull)
        }
        far.rememberLine()
        report.traffic = far.traffic
        return report
    }

    /// The far tree has no repository: what that adds to the kernel's release goes along, so that both have the same.
    private func released(_ words: BuildWords, _ root: Directory) throws -> BuildWords {
        let suffix = try GitRelease.suffix(
            in: root, localVersion: words.localVersion, environment: host.environment, runner: host.runner)
        return suffix.isEmpty ? words : words.adding(toLocalVersion: suffix)
    }

    /// One for each tree of each user of each machine, as well as a machine can be told from another.
    static func workspace(of tree: FilePath) -> String {
        let identity = HostIdentity.current()
        var hash = DigestBuilder()
        for part in [identity.node, String(identity.user), tree.string] {
            hash.update(part)
            hash.update([0])
        }
        hash.update(HostFile.read("/etc/machine-id", limit: 4096) ?? [])
        return String(hash.finish().hex.prefix(16))
    }
}
