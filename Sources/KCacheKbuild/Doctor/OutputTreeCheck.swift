import KCacheCore
import KCacheSystem
import SystemPackage

/// Checks the source tree of a build with `O=`: Kbuild refuses one that was built in itself.
enum OutputTreeCheck {
    /// Where make would build, started in this directory of this shell.
    static func location(_ directory: FilePath, environment: [String: String]) -> KbuildLocation? {
        let invocation = MakeInvocation(
            arguments: [], environment: environment, workingDirectory: directory)
        guard case .tree(let location) = KbuildLocation.find(invocation), location.output != location.source
        else { return nil }
        return location
    }

    /// "The source tree is not clean, please run 'make mrproper'" (top Makefile, outputmakefile).
    static func findings(_ location: KbuildLocation, host: HostEnvironment) -> [DoctorFinding] {
        let configuration = HostFile.read(location.output.appending(".config"), limit: 4 << 20) ?? []
        let architecture =
            SourceArchitecture.fromHeader(configuration).map { SourceArchitecture.folder(of: $0) }
            ?? SourceArchitecture.ofHost(environment: host.environment, runner: host.runner)
        let signs = [".config", "include/config", "arch/\(architecture)/include/generated"]
        let found = signs.filter { name in
            FileIdentity(location.source.pushing(FilePath(name))) != nil
        }
        guard !found.isEmpty else { return [] }
        let source = location.source.string
        // mrproper removes what is of one architecture.
        let isOfHost = architecture == SourceArchitecture.ofHost(environment: [:], runner: host.runner)
        let word = isOfHost ? "" : " ARCH=\(architecture)"
        return [
            DoctorFinding(
                .sourceNotClean, "\(source) was built in itself (\(DoctorText.names(found)))",
                cost: "make refuses to build from it in \(location.output.string)",
                mend: "make -C \(DoctorText.shell(source))\(word) mrproper (removes its .config too)",
                paths: found.compactMap { TreePath($0) })
        ]
    }
}
