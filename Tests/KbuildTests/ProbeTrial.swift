import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel

@testable import KCacheKbuild

/// Makes with answers put in, and what they ran.
struct ProbeTrial {
    struct Outcome {
        var log: String
        var summary: ProbeRun.Summary
        var explanation: [String]
        var isCaching: Bool
        /// Programs that were started, without their folder.
        var programs: [String: Int]
        var compilers: Int {
            // Kbuild's mkcompile_h asks the linker for its version in a recipe, which is no probe.
            ["gcc", "cc1", "as", "collect2", "clang"].reduce(0) { $0 + (programs[$1] ?? 0) }
        }
    }

    let cache: FilePath
    var variables: [String: String] = [:]
    var environment: [String: String] = [
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C",
    ]
    var extra = ""
    var goals: [String] = []
    var mayWrite = true
    var traces = false
    var jobs = 2

    init() {
        cache = FilePath(FileManager.default.temporaryDirectory.path).appending("probes-\(UUID().uuidString)")
    }

    var host: HostEnvironment { HostEnvironment(environment: environment, cacheFolder: cache) }

    func identity() -> ToolchainStamps.Answer {
        ToolchainStamps(host: host).identity(
            .init(variables: variables, environment: environment, mayWrite: mayWrite))
    }

    /// Runs make in a tree with what a run puts in, or without it.
    func make(_ tree: URL, plainly: Bool = false) throws -> Outcome {
        var run: ProbeRun?
        var all = environment
        if !plainly {
            let real = try Directory.open(FilePath(tree.path)).realPath()
            var request = ProbeCache.Request(
                sourceTree: real, outputTree: real, variables: variables, environment: environment,
                mayWrite: mayWrite, toolchain: identity())
            request.extraMakefile = { [text = extra] _ in text }
            let begun = ProbeCache(host: host).begin(request)
            all.merge(begun.environment) { $1 }
            run = begun
        }
        let trace = tree.path + ".trace"
        let tracer =
            traces ? ["strace", "-z", "-f", "-e", "trace=execve", "-e", "signal=none", "-o", trace] : []
        let arguments =
            tracer + ["make", "-j\(jobs)"] + goals + variables.map { "\($0.key)=\($0.value)" }.sorted()
        // Only these variables: the tests' own must not decide what is asked.
        let set = all.map { "\($0.key)=\($0.value)" }.sorted()
        let log = try Shell.run(["env", "-i"] + set + arguments, in: tree)
        var programs: [String: Int] = [:]
        if traces {
            for line in try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
            where line.contains("execve(\"") {
                let path = line.split(separator: "\"", maxSplits: 2)[1]
                programs[String(path.split(separator: "/").last ?? ""), default: 0] += 1
            }
            try FileManager.default.removeItem(atPath: trace)
        }
        return Outcome(
            log: log, summary: try run?.finish() ?? .init(), explanation: run?.explanation ?? [],
            isCaching: run?.isCaching ?? false, programs: programs)
    }

    /// All saved commands of a tree, by path.
    static func savedCommands(_ tree: URL) throws -> [String: Digest] {
        var found: [String: Digest] = [:]
        for path in try Shell.files(in: tree) where path.hasSuffix(".cmd") {
            found[path] = Digest.of(Array(try Data(contentsOf: tree.appending(path: path))))
        }
        return found
    }

    func remove() { try? FileManager.default.removeItem(atPath: cache.string) }
}
