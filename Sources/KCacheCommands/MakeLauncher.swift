import ArgumentParser
import Glibc
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheSystem
import SystemPackage

/// Takes the command lines of `kcache make` and of a link named `make` as they are, in front of the parser:
/// every word may be make's, and make's start must not wait for it.
struct MakeLauncher {
    /// Make's own.
    let arguments: [[UInt8]]
    /// The options of the command line included.
    let settings: Settings
    let isLink: Bool

    private var options: MakeOptions { settings.make }

    init(arguments: [[UInt8]], settings: Settings, isLink: Bool) {
        (self.arguments, self.settings, self.isLink) = (arguments, settings, isLink)
    }

    /// Nil if this process was started for something else.
    init?(of invocation: Invocation) throws {
        let words = ProcessStrings.arguments()
        guard let first = words.first else { return nil }
        let name = first.split(separator: UInt8(ascii: "/")).last.map { String(decoding: $0, as: UTF8.self) }
        isLink = name == "make" || name == "gmake"
        guard isLink || words.dropFirst().first.map({ $0.elementsEqual("make".utf8) }) == true else {
            return nil
        }
        let own = words.dropFirst(isLink ? 1 : 2)
        let given = isLink ? [] : MakeOptions.front(of: own.map { String(decoding: $0, as: UTF8.self) })
        if given.contains("--help") { throw CleanExit.helpRequest(MakeCommand.self) }
        var settings = try Settings.forMake(invocation)
        _ = settings.make.take(from: given)
        (arguments, self.settings) = (Array(own.dropFirst(given.count)), settings)
    }

    /// Runs make, and ends this process as make ends.
    func run(_ invocation: Invocation = .current()) -> Never {
        let session: MakeSession
        do {
            session = MakeSession(host: try hostInRoot(invocation), store: store(invocation))
        } catch {
            ErrorReport.tell(ErrorReport.describe(error) ?? "\(error)")
            exit(2)
        }
        var options = options
        if !StatusLineRun.isPossible(invocation.environment) { options.statusLine = false }
        var request = MakeSession.Request(
            arguments: arguments, environment: ProcessStrings.environment(),
            workingDirectory: invocation.workingDirectory, options: options, isLink: isLink,
            program: ownFile(invocation), user: geteuid())
        request.programPath = ProcessStrings.programPath()
        do {
            try carryOut(try session.plan(request), invocation)
        } catch {
            // As make ends on an error: 1 would be the answer of -q.
            ErrorReport.tell(ErrorReport.describe(error) ?? "\(error)")
            exit(2)
        }
    }

    private func carryOut(_ plan: MakePlan, _ invocation: Invocation) throws -> Never {
        explain(plan.explanation, invocation)
        switch plan.decision {
        case .nothingToDo:
            if plan.build?.invocation.modes.contains(.silent) != true {
                invocation.console.print("kcache: nothing to do")
            }
            explain(plan.close(nil), invocation)
            exit(0)
        case .replace:
            guard let line = statusLine(plan, invocation) else { try plan.process.replace() }
            try runMake(plan, line, invocation)
        case .run: try runMake(plan, statusLine(plan, invocation), invocation)
        }
    }

    private func runMake(_ plan: MakePlan, _ line: StatusLineRun?, _ invocation: Invocation) throws -> Never {
        let start = WallClock.system.now()
        let ending = try line.map { try $0.run(plan.process) } ?? plan.process.run()
        let summary = MakeSummary(
            steps: line?.progress.words, nanoseconds: WallClock.system.now() - start, savings: plan.savings)
        do { try line?.keep(ending) } catch { explain(["the steps are not kept: \(error)"], invocation) }
        explain(plan.close(ending), invocation)
        if ending.isSuccess, line != nil || options.explain {
            invocation.console.diagnostic("kcache: \(summary)")
        }
        ending.endProcess()
    }

    /// Nil where make gets the terminal itself.
    private func statusLine(_ plan: MakePlan, _ invocation: Invocation) -> StatusLineRun? {
        do { return try StatusLineRun(plan, host: host(invocation)) } catch {
            explain(["no status line: \(error)"], invocation)
            return nil
        }
    }

    /// With the root of `--root`, if one was named.
    private func hostInRoot(_ invocation: Invocation) throws -> HostEnvironment? {
        guard let root = options.root else { return host(invocation) }
        return try invocation.host(root: root)
    }

    /// No folder for caches, no caches: make runs all the same.
    private func host(_ invocation: Invocation) -> HostEnvironment? {
        do { return try invocation.host() } catch { return nil }
    }

    /// For `--warm` and `--push`, and to complete what a pull brought a part of; opened when one of them needs it.
    private func store(_ invocation: Invocation) -> MakeStore? {
        let (named, signing) = (settings.store, settings.signing)
        @Sendable func open(_ store: StoreReference, _ mode: Store.OpenMode) throws -> (Store, Store?) {
            if store.folder != nil { return (try store.open(mode), nil) }
            let near = try Store.open(at: try invocation.cacheFolder(), mode: .createIfMissing)
            return (try store.open(mode), near)
        }
        return MakeStore(
            open: { mode in try open(try StoreRegistry(invocation).reference(ofSetting: named), mode) },
            openNamed: { try open(try StoreRegistry(invocation).resolve($0), .existing) },
            trust: { signing.trust(store: $0.place, option: nil, acceptsOlder: false, invocation) },
            sign: signing.signer(invocation),
            progress: ProgressLine(console: invocation.console, quiet: false).sink,
            tell: { invocation.console.diagnostic("kcache: \(quoteForPeople(Array($0.utf8)))") })
    }

    private func explain(_ lines: [String], _ invocation: Invocation) {
        guard options.explain else { return }
        for line in lines { invocation.console.diagnostic("kcache: \(line)") }
    }

    /// This program's file; where /proc is not mounted, the one that its name leads to.
    private func ownFile(_ invocation: Invocation) -> FileIdentity? {
        if let own = FileIdentity("/proc/self/exe") { return own }
        guard let name = ProcessStrings.arguments().first else { return nil }
        let text = String(decoding: name, as: UTF8.self)
        return ExecutableLookup.find(text, path: invocation.environment["PATH"] ?? "/bin:/usr/bin")
            .flatMap { FileIdentity($0) }
    }
}
