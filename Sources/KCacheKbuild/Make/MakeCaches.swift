import KCacheCore
import KCacheSystem
import SystemPackage

/// The caches around one make: opened before it starts, closed when it has ended.
///
/// Nothing here can fail a make: what can't be kept or answered is left to make, and explained.
package struct MakeCaches: Sendable {
    private let records: BuildRecords
    private let place: BuildPlace
    private var started: BuildStart
    /// Nil where no record may be kept or used.
    private(set) var key: BuildKey?
    private var run: ProbeRun?
    /// Added to make's environment.
    private(set) var environment: [String: String] = [:]
    /// For `--explain`, a line each.
    private(set) var explanation: [String] = []
    /// Nothing that make would look at has changed since it last came to rest.
    private(set) var isUpToDate = false

    /// Asks the caches.
    ///
    /// - Parameters:
    ///   - make: the make that would run.
    ///   - program: this program's file, for what make has to ask on the way.
    init(_ build: MakeBuild, make: FilePath, host: HostEnvironment, program: FilePath?) {
        records = BuildRecords(host: host)
        place = BuildPlace(
            sourceTree: build.location.source, outputTree: build.location.output,
            externalModules: build.location.module)
        started = BuildStart(clock: host.clock)
        guard let variables = Self.values(build.invocation) else {
            explanation.append("no caches: a variable of the command line has to be computed")
            return
        }
        let toolchain = ToolchainStamps(host: host).identity(
            .init(variables: variables, environment: build.environment, mayWrite: true))
        if build.mayBeRecorded {
            key = recordKey(build, make, toolchain)
        } else if let name = build.unwatched {
            explanation.append("no record: the files behind \(name) are not watched")
        }
        let verdict = key.flatMap { judge($0, build) }
        if isUpToDate { return }
        let walk = key.flatMap { MakeWalk(build, $0, verdict, cache: host.cacheFolder, program: program) }
        if build.options.probeCache || walk != nil { putIn(build, variables, toolchain, walk, host, program) }
        if key != nil {
            // What was edited a moment ago must have a time before this start, whatever the clock's ticks are.
            WallClock.sleep(Self.tick)
            started = BuildStart(clock: host.clock)
        }
    }

    /// Nanoseconds; longer than the 20 ms within which `StatIndex` trusts no time.
    private static let tick: Int64 = 22_000_000

    /// What the caches have saved the make; to be asked after its end, before `close`.
    var savings: MakeSavings { run?.savings ?? MakeSavings(answers: 0, directories: 0) }

    /// Keeps what the make has shown. Called once, after make's end.
    func close(_ build: MakeBuild, _ ending: ForegroundProcess.Ending) -> [String] {
        var lines: [String] = []
        if let run {
            do {
                // What went wrong in a make that failed (a full disk, no memory) may have gone wrong in its
                // probes too.
                let summary = try run.finish(keeping: ending.isSuccess)
                if summary.kept > 0 { lines.append("\(summary.kept) new answers of compilers are kept") }
                lines += summary.explanation
            } catch { lines.append("no answer is kept: \(error)") }
        }
        guard ending.isSuccess, let key else { return lines }
        do {
            switch try records.record(key, place, started: started) {
            case .recorded(confirmed: true): lines.append("the same make again will have nothing to do")
            case .recorded(confirmed: false):
                lines.append("the next make will show whether this tree comes to rest")
            case .none(let reason): lines.append("no record is kept: \(reason)")
            }
        } catch { lines.append("no record is kept: \(error)") }
        return lines
    }

    // MARK: Steps

    /// Values of the command line's variables; nil if only make can tell one.
    private static func values(_ invocation: MakeInvocation) -> [String: String]? {
        var values: [String: String] = [:]
        for variable in invocation.variables {
            switch invocation.value(of: variable.name) {
            case .text(let text): values[variable.name] = text
            case .unset: continue
            case .computed: return nil
            }
        }
        return values
    }

    private mutating func recordKey(
        _ build: MakeBuild, _ make: FilePath, _ toolchain: ToolchainStamps.Answer
    ) -> BuildKey? {
        guard case .known(let identity) = toolchain else {
            if case .unfit(let reason) = toolchain { explanation.append("no record: \(reason)") }
            return nil
        }
        do {
            return try BuildKey(
                goals: build.invocation.goals,
                variables: build.invocation.variables.map { "\($0.name)\($0.assignment.rawValue)\($0.text)" },
                flags: build.countingFlags, environment: build.environment, toolchain: identity.digest,
                programs: try Self.programs(make, build.environment["PATH"]), compilers: identity.programs,
                place: place)
        } catch {
            explanation.append("no record: \(error)")
            return nil
        }
    }

    /// Make itself, and what makefiles and scripts ask for a version or a commit without its being in the
    /// toolchain: where each is, and its stamp.
    private static func programs(_ make: FilePath, _ path: String?) throws(SystemError) -> [String] {
        var found = [make]
        for name in ["git", "rustc", "bindgen"] {
            if let program = ExecutableLookup.find(name, path: path ?? "/bin:/usr/bin") {
                found.append(program)
            }
        }
        var words: [String] = []
        for program in found {
            let witness = try FileWitness(program, followingLinks: true)
            words.append("\(program.string) \(witness.text)")
        }
        return words
    }

    private mutating func judge(_ key: BuildKey, _ build: MakeBuild) -> BuildVerdict? {
        do {
            let verdict = try records.check(key, place, .first)
            switch verdict {
            case .unchanged:
                explanation.append("nothing that make would look at has changed")
                isUpToDate = build.maySkip
            case .changed(let changes):
                explanation.append(
                    changes.example.map { "changed: \($0)" }
                        ?? "whether this tree comes to rest is not known yet")
            case .unknown(let reason): explanation.append(reason)
            }
            return verdict
        } catch {
            explanation.append("no record: \(error)")
            return nil
        }
    }

    private mutating func putIn(
        _ build: MakeBuild, _ variables: [String: String], _ toolchain: ToolchainStamps.Answer,
        _ walk: MakeWalk?,
        _ host: HostEnvironment, _ program: FilePath?
    ) {
        let output: FilePath
        do { output = try Directory.open(build.location.output).realPath() } catch {
            // An output tree that Kbuild is yet to make: there is nothing to compare its makes' CURDIR with.
            explanation.append("nothing is put into this make: \(error)")
            return
        }
        var request = ProbeCache.Request(
            sourceTree: build.location.source, outputTree: output, variables: variables,
            environment: build.environment, mayWrite: true, toolchain: toolchain)
        request.caches = build.options.probeCache
        request.countsAnswers = build.options.statusLine || build.options.explain
        let syscalls = SyscallCheck.Injection(build, toolchain, cache: host.cacheFolder, program: program)
        request.extraMakefile = { folder in
            (walk?.makefile(folder) ?? "") + (syscalls?.makefile(folder) ?? "")
        }
        let run = ProbeCache(host: host).begin(request)
        environment = run.environment
        explanation += run.explanation
        if walk != nil { explanation.append("make descends only where something changed") }
        self.run = run
    }
}
