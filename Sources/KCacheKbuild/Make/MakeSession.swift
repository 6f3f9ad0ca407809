import KCacheCore
package import KCacheSystem
import KCacheTree
package import SystemPackage

/// Runs make as asked: finds out on what, decides what can be saved, and passes everything through.
package struct MakeSession: Sendable {
    /// What one run was given.
    package struct Request: Sendable {
        /// Make's own, without a name in front; as bytes, since they are passed on untouched.
        package var arguments: [[UInt8]]
        /// `NAME=VALUE` entries, the same.
        package var environment: [[UInt8]]
        package var workingDirectory: FilePath
        package var options: MakeOptions
        /// Whether this program was called by the name of make.
        package var isLink: Bool
        /// This program's own file.
        package var program: FileIdentity?
        /// Its path; nil where it is not known.
        package var programPath: FilePath?
        /// The effective user.
        package var user: UInt32

        package init(
            arguments: [[UInt8]], environment: [[UInt8]], workingDirectory: FilePath, options: MakeOptions,
            isLink: Bool, program: FileIdentity?, user: UInt32
        ) {
            (self.arguments, self.environment) = (arguments, environment)
            (self.workingDirectory, self.options) = (workingDirectory, options)
            (self.isLink, self.program, self.user) = (isLink, program, user)
        }
    }

    /// Nil where there is no folder to keep anything in.
    package let host: HostEnvironment?

    /// Nil where a make is neither warmed nor pushed, nor a part completed, whatever its options say.
    package let store: MakeStore?

    package init(host: HostEnvironment?, store: MakeStore? = nil) { (self.host, self.store) = (host, store) }

    /// Decides. Looks at the tree, and changes nothing but caches; but where a cold tree is to be warmed, that
    /// is done here, since all else is decided by how the tree then stands.
    ///
    /// - Throws: `KbuildError` if there is no make to run.
    package func plan(_ request: Request) throws(KbuildError) -> MakePlan {
        let variables = MakeVariables(request.environment)
        if let host, let root = host.root {
            return try MakeInRoot(root: root, host: host, store: store).plan(request)
        }
        let make = try RealMake.find(
            path: variables["PATH"], own: request.program, isLink: request.isLink)
        var plan = MakePlan(
            decision: .replace,
            process: ForegroundProcess(
                program: make.program, arguments: [Array(make.name.utf8)] + request.arguments,
                environment: request.environment),
            build: nil, explanation: ["make is \(make.program.string)"])
        if let reason = Self.nested(variables) {
            plan.explanation.append("plain make: \(reason)")
            return plan
        }
        let invocation = MakeInvocation(
            arguments: request.arguments.map { String(decoding: $0, as: UTF8.self) },
            environment: variables.values, workingDirectory: request.workingDirectory)
        switch KbuildLocation.find(invocation) {
        case .none(let reason): plan.explanation.append("plain make: \(reason)")
        case .tree(let location): try prepare(&plan, request, invocation, location, variables)
        }
        return plan
    }

    /// Why this is a make inside one that this program started already.
    private static func nested(_ variables: MakeVariables) -> String? {
        if variables["KCACHE_MAKE"] == "off" { return "KCACHE_MAKE is off" }
        let injected = variables["MAKEFILES"]?.split(separator: " ").contains { $0.contains("/kcache/make/") }
        return injected == true ? "a kcache make runs around this one" : nil
    }

    private func prepare(
        _ plan: inout MakePlan, _ request: Request, _ invocation: MakeInvocation, _ location: KbuildLocation,
        _ variables: MakeVariables
    ) throws(KbuildError) {
        var variables = variables
        let goals = MakeGoals(invocation.goals)
        plan.explanation.append(contentsOf: Self.describe(location, goals))
        if request.options.pins, goals.takesPins {
            for pin in BuildPins.pins(of: location.source) where !invocation.isSet(pin.name) {
                variables.set(pin.name, pin.value)
                plan.explanation.append("\(pin.name)=\(pin.value)")
            }
        }
        var build = MakeBuild(
            invocation: invocation, location: location, goals: goals, options: request.options,
            environment: variables.values, keepsNothing: nil)
        build.keepsNothing = reasonToKeepNothing(build, user: request.user)
        if let reason = build.keepsNothing { plan.explanation.append("nothing is kept: \(reason)") }
        plan.build = build
        plan.process.environment = variables.entries
        try leaveRoot(build)
        guard let host, build.keepsNothing == nil else { return }
        if let store { plan.explanation += MakeCompleting(build: build, host: host, store: store).run() }
        if build.options.warm, let store {
            plan.explanation += MakeWarming(build: build, host: host, store: store).run()
        }
        let caches = MakeCaches(
            build, make: plan.process.program, host: host, program: request.programPath)
        plan.explanation += caches.explanation
        if build.options.push, let store, goals.kind == .build {
            plan.pushing = MakePushing(build: build, host: host, store: store, key: caches.key)
        }
        if caches.isUpToDate {
            plan.decision = .nothingToDo
            return
        }
        for (name, value) in caches.environment.sorted(by: { $0.key < $1.key }) { variables.set(name, value) }
        plan.process.environment = variables.entries
        plan.caches = caches
        plan.decision = .run
    }

    /// Where a root's tools built the tree, and this make runs the machine's own.
    ///
    /// - Throws: if a root's tools did, and make can't be told.
    private func leaveRoot(_ build: MakeBuild) throws(KbuildError) {
        guard ToolchainSwitch.isNeeded(build) else { return }
        let output = build.location.output
        do {
            // A tree that is not there yet was not built in a root either.
            guard try HostStatus.of(output, followingLinks: true) != nil,
                let note = try RootNote.read(in: try Directory.open(output))
            else { return }
            if build.location.module != nil {
                store?.tell(
                    note == .unknown
                        ? "nobody knows what built the kernel in \(output): this module is built with the machine's own tools"
                        : "the kernel in \(output) was built in the root \(note.root.name), this module is built with the "
                            + "machine's own tools")
                return
            }
            guard let host else {
                throw KbuildError(
                    .unfit,
                    "\(output) was built in a root: set HOME or XDG_CACHE_HOME, or make clean there first")
            }
            let change = try ToolchainSwitch(
                MakeTransfer.place(build), host: MakeTransfer.host(host, for: build))
            if let line = try change.prepare() { store?.tell(line) }
        } catch let error as KbuildError { throw error } catch {
            throw KbuildError(.unfit, "whether a root's tools built \(output) can't be told: \(error)")
        }
    }

    private func reasonToKeepNothing(_ build: MakeBuild, user: UInt32) -> String? {
        if host == nil { return "neither XDG_CACHE_HOME nor HOME is set" }
        if !build.goals.mayWriteCaches { return "these goals do more or other than building" }
        if let reason = MakeBuild.unkept(build.invocation) { return reason }
        if user == 0 {
            let places = [build.location.module, build.location.output, build.location.source]
            for case let place? in places {
                if let owner = FileIdentity(place)?.owner, owner != 0 {
                    return "\(place.string) is another user's, and this is root"
                }
            }
        }
        return nil
    }

    private static func describe(_ location: KbuildLocation, _ goals: MakeGoals) -> [String] {
        var lines = ["Kbuild tree: \(location.source.string)"]
        if location.output != location.source { lines.append("output tree: \(location.output.string)") }
        if let module = location.module { lines.append("external module: \(module.string)") }
        return lines + ["goals: \(goals.kind)"]
    }
}
