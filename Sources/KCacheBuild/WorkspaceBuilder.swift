import KCacheCore
package import KCacheKbuild
package import KCacheServer
package import KCacheStore
import KCacheSystem
import KCacheTree
package import SystemPackage

/// Builds in workspaces of this machine what others order.
package struct WorkspaceBuilder: BuildService {
    package struct Options: Sendable {
        /// So many workspaces are kept.
        package var most = 8
        package init() {}
    }

    private let folder: WorkspaceFolder
    private let host: HostEnvironment
    /// This program, which runs make.
    private let program: FilePath
    private let options: Options

    package init(
        _ folder: WorkspaceFolder, host: HostEnvironment, program: FilePath, options: Options = Options()
    ) {
        (self.folder, self.host, self.program, self.options) = (folder, host, program, options)
    }

    package func build(_ order: WireBuildOrder, in store: Store, _ talk: BuildTalk) throws -> WireBuildResult
    {
        func waiting() { do { try talk.note("waiting for another build of this tree") } catch _ {} }
        var workspace = try folder.workspace(order.workspace)
        var lock = try workspace.lock(waiting: waiting)
        while try !folder.holds(workspace) {
            workspace = try folder.workspace(order.workspace)
            lock = try workspace.lock(waiting: waiting)
        }
        defer { lock.end() }
        let session = try store.begin()
        let snapshot = try session.snapshot(order.sources)
        let differences = try ToolchainCheck(host: host(for: order)).differences(from: snapshot.header)
        for line in differences.lines { try talk.note(line) }
        if differences.isFatal, !order.acceptsAnyToolchain {
            try talk.note(
                "nothing is built: your machine could use none of it. Choose a compiler that both have "
                    + "(--cc NAME), or build all the same (--any-toolchain)")
            return WireBuildResult(status: 2, snapshot: nil)
        }
        try talk.stillRunning()
        try WorkspaceTree(workspace: workspace, host: host(for: order), session: session, note: talk.note)
            .follow(snapshot, order.sources, origin: order.origin)
        guard !talk.isCut else { return WireBuildResult(status: 130, snapshot: nil) }
        let status = try make(order, workspace, talk, lock: lock.number)
        var result = WireBuildResult(status: UInt32(clamping: status), snapshot: nil)
        if status == 0, !talk.isCut {
            try talk.stillRunning()
            result.snapshot = try push(order, workspace, store)
        }
        do { try folder.bound(options.most) } catch {
            try talk.note("old workspaces stay: \(error)")
        }
        return result
    }

    /// This machine, with the tools and flags that the client has chosen, and none of its own.
    private func host(for order: WireBuildOrder) -> HostEnvironment {
        var host = host.with(words: order.arguments)
        host.environment = host.environment.filter { !BuildWords.counts($0.key) }
        host.environment.merge(order.variables) { $1 }
        return host
    }

    // MARK: Steps

    private func make(
        _ order: WireBuildOrder, _ workspace: Workspace, _ talk: BuildTalk, lock: Int32
    ) throws -> Int32 {
        let tree = try Directory.open(workspace.treePath).realPath()
        var environment = host(for: order).environment
        environment["TERM"] = order.terminal?.type
        for name in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS", "GNUMAKEFLAGS", "MAKEFILES"] {
            environment[name] = nil
        }
        let process = try GroupProcess(
            // Of several -j the last one counts.
            [program.string, "make", "-j\(availableProcessors())"] + order.arguments,
            environment: environment, directory: tree,
            window: order.terminal.map { TerminalWindow(columns: $0.columns, rows: $0.rows) },
            // So that no other build begins here while this one still writes.
            lock: lock)
        talk.onCut { process.interrupt() }
        defer { talk.onCut(nil) }
        let here = Array(tree.string.utf8)
        var output = PathTranslation(from: here, to: order.tree)
        var errors = PathTranslation(from: here, to: order.tree)
        let status = try process.run(quiet: Self.quiet) { part in
            switch part {
            case .output(let bytes): try talk.say(.output, output.take(bytes))
            case .error(let bytes): try talk.say(.error, errors.take(bytes))
            case .quiet:
                try talk.say(.output, output.finish())
                try talk.say(.error, errors.finish())
                try talk.stillRunning()
            }
        }
        try talk.say(.output, output.finish())
        try talk.say(.error, errors.finish())
        return status
    }

    /// Nanoseconds.
    private static let quiet: Int64 = 5_000_000_000

    /// Goals that make a part of the kernel leave a tree that is not whole: what there is of it will do.
    private func push(_ order: WireBuildOrder, _ workspace: Workspace, _ store: Store) throws -> SnapshotID? {
        var request = KbuildPusher.Request(tree: workspace.treePath)
        request.name = SnapshotName.build(workspace.name)
        let pusher = KbuildPusher(host: host(for: order), store: store)
        do { return try pusher.push(request).id } catch let error as KbuildError
            where error.code == .interrupted
        {
            request.partial = true
            return try pusher.push(request).id
        } catch let error as KbuildError where error.code == .notBuilt {
            return nil
        }
    }
}

extension WireBuildOrder {
    /// Make's environment by name.
    fileprivate var variables: [String: String] { HostEnvironment.assignments(in: environment) }
}
