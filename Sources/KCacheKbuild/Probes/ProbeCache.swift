import KCacheCore
import KCacheSystem
package import SystemPackage

/// Answers for the questions that Kbuild asks compilers again and again, put in from outside through
/// `MAKEFILES`.
package struct ProbeCache: Sendable {
    /// What a make is about to be run with.
    package struct Request: Sendable {
        package var sourceTree: FilePath
        /// As getcwd(3) tells it in makes that run there.
        package var outputTree: FilePath
        /// `VAR=value` of make's command line.
        package var variables: [String: String]
        /// What make will be started with.
        package var environment: [String: String]
        /// False: nothing is written anywhere, so nothing is put in either.
        package var mayWrite: Bool
        /// Further makefile text for makes that run in the output tree; gets the run's folder.
        package var extraMakefile: @Sendable (FilePath) -> String = { _ in "" }
        /// False: questions are not answered, the rest is put in all the same.
        package var caches = true
        /// True: the answers that make takes are counted (`ProbeRun.savings`).
        package var countsAnswers = false
        /// From `ToolchainStamps`; nil: no probe is cached.
        package var toolchain: ToolchainStamps.Answer

        package init(
            sourceTree: FilePath, outputTree: FilePath, variables: [String: String],
            environment: [String: String], mayWrite: Bool, toolchain: ToolchainStamps.Answer
        ) {
            (self.sourceTree, self.outputTree) = (sourceTree, outputTree)
            (self.variables, self.environment) = (variables, environment)
            (self.mayWrite, self.toolchain) = (mayWrite, toolchain)
        }
    }

    private let host: HostEnvironment

    package init(host: HostEnvironment) { self.host = host }

    /// Prepares a run. It always succeeds: what can't be done is left to plain make, and explained.
    package func begin(_ request: Request) -> ProbeRun {
        var explanation: [String] = []
        do {
            guard request.mayWrite else {
                return ProbeRun(explanation: ["nothing is put into this make: it may write nothing of ours"])
            }
            guard ProbeText.isPlainPath(host.cacheFolder.string) else {
                return ProbeRun(explanation: [
                    "make would split or expand the cache's path: \(host.cacheFolder)"
                ])
            }
            let cache = try Directory.create(host.cacheFolder).realPath()
            guard ProbeText.isPlainPath(cache.string), let folder = try RunFolder.make(in: cache) else {
                return ProbeRun(explanation: ["the cache folder is not yours alone: \(host.cacheFolder)"])
            }
            do {
                let probes = try KbuildProbes(reading: Directory.open(request.sourceTree))
                explanation += probes.explanation
                let store = try store(request, probes, cache, &explanation)
                var makefile = ProbeMakefile(
                    folder: folder.path.string, tree: request.outputTree.string, answers: store?.path.string,
                    probes: probes, environment: request.environment,
                    extra: request.extraMakefile(folder.path))
                makefile.countsAnswers = request.countsAnswers
                try folder.write(makefile.body, to: ProbeMakefile.bodyName)
                try folder.write(makefile.entry, to: ProbeMakefile.entryName)
                let mine = folder.path.appending(ProbeMakefile.entryName).string
                let users = request.environment["MAKEFILES"].map { $0.isEmpty ? "" : $0 + " " } ?? ""
                return ProbeRun(
                    additions: ["MAKEFILES": users + mine], explanation: explanation, folder: folder,
                    store: store, toolchain: request.toolchain.identity)
            } catch {
                folder.remove()
                throw error
            }
        } catch { return ProbeRun(explanation: explanation + ["without the probe cache: \(error)"]) }
    }

    private func store(
        _ request: Request, _ probes: KbuildProbes, _ cache: FilePath, _ explanation: inout [String]
    ) throws -> ProbeStore? {
        guard request.caches else { return nil }
        guard case .known(let toolchain) = request.toolchain else {
            if case .unfit(let reason) = request.toolchain {
                explanation.append("no probe is cached: \(reason)")
            }
            return nil
        }
        if let shell = request.variables["SHELL"] {
            explanation.append("no probe is cached: SHELL=\(shell)")
            return nil
        }
        guard let store = try ProbeStore.open(cache, key: key(toolchain, probes, request), clock: host.clock),
            store.validate()
        else {
            explanation.append("no probe is cached: the cache folder is not yours alone")
            return nil
        }
        store.markUsed()
        return store
    }

    private func key(_ toolchain: ToolchainIdentity, _ probes: KbuildProbes, _ request: Request) -> Digest {
        var key = DigestBuilder()
        key.update("probes 1\u{0}")
        key.update(toolchain.digest)
        key.update(probes.digest)
        key.update(CompilerEnvironment.digest(request.environment))
        return key.finish()
    }
}
