import KCacheCore
import KCacheSystem
import SystemPackage

/// Plans a make that runs inside a root, with the trees at their own paths.
///
/// The caches of compiler probes and the records of builds are of the machine's own tools, and stay out of it.
struct MakeInRoot {
    let root: RootImage
    let host: HostEnvironment
    let store: MakeStore?

    func plan(_ request: MakeSession.Request) throws(KbuildError) -> MakePlan {
        do { return try prepare(request) } catch let error as KbuildError { throw error } catch {
            throw KbuildError(.unfit, "\(error)")
        }
    }

    private func prepare(_ request: MakeSession.Request) throws -> MakePlan {
        var variables = MakeVariables(request.environment)
        let invocation = MakeInvocation(
            arguments: request.arguments.map { String(decoding: $0, as: UTF8.self) },
            environment: variables.values, workingDirectory: request.workingDirectory)
        let location: KbuildLocation
        switch KbuildLocation.find(invocation) {
        case .none(let reason):
            throw KbuildError(.notKbuild, "--root is for a make in a Kbuild tree: \(reason)")
        case .tree(let found): location = found
        }
        guard location.module == nil else {
            throw KbuildError(.unfit, "--root can't build external modules yet: build this one without it")
        }
        let view = try root.view()
        guard try ToolFiles(root: view).program("make", path: RootEnvironment.path) != nil else {
            throw KbuildError(.noMake, "there is no make in the root \(root.title): install it there")
        }
        var explanation = [
            "Kbuild tree: \(location.source)",
            "inside the root \(root.title) in \(root.folder)",
            "make always runs, and asks its compiler itself: there are no caches for roots yet",
        ]
        let goals = MakeGoals(invocation.goals)
        if request.options.pins, goals.takesPins {
            for pin in BuildPins.pins(of: location.source) where !invocation.isSet(pin.name) {
                variables.set(pin.name, pin.value)
                explanation.append("\(pin.name)=\(pin.value)")
            }
        }
        let build = MakeBuild(
            invocation: invocation, location: location, goals: goals, options: request.options,
            environment: variables.values, keepsNothing: MakeBuild.unkept(invocation))
        let writable = try Self.writable(location)
        let enclosure = try Enclosure(generations: RootEngine.generations)
        var call = RootCall(view: view, environment: RootEnvironment.values(variables.values))
        (call.writable, call.directory, call.enclosure) = (writable, request.workingDirectory, enclosure)
        let words = try RootEngine.words(call, path: variables["PATH"] ?? "/bin:/usr/bin")
        // Says what is wrong before anything is changed.
        _ = try root.runner(host)
        let inner = MakeTransfer.host(host, for: build)
        if build.keepsNothing == nil, goals.mayWriteCaches {
            explanation += warm(build)
        }
        if ToolchainSwitch.isNeeded(build),
            let line = try ToolchainSwitch(MakeTransfer.place(build), host: inner).prepare()
        {
            store?.tell(line)
        }
        var process = ForegroundProcess(
            program: FilePath(String(decoding: words[0], as: UTF8.self)),
            arguments: words + [Array("make".utf8)] + request.arguments,
            environment: RootEnvironment.entries(variables.entries))
        process.enclosure = enclosure
        var plan = MakePlan(decision: .run, process: process, build: build, explanation: explanation)
        if build.options.push, build.keepsNothing == nil, let store, goals.kind == .build {
            plan.pushing = MakePushing(build: build, host: host, store: store, key: nil)
        }
        return plan
    }

    private func warm(_ build: MakeBuild) -> [String] {
        guard let store else { return [] }
        var lines = MakeCompleting(build: build, host: host, store: store).run()
        if build.options.warm { lines += MakeWarming(build: build, host: host, store: store).run() }
        return lines
    }

    /// The trees, by their real paths: those are what make sees and writes down.
    private static func writable(_ location: KbuildLocation) throws -> [FilePath] {
        var found: [FilePath] = []
        for path in [location.source, location.output] {
            // make makes an output tree that is missing, but no mount point can wait for that.
            let real = try Directory.create(path).realPath()
            if !found.contains(where: { real.starts(with: $0) }) { found.append(real) }
        }
        return found
    }
}
