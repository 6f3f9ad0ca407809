package import KCacheCore
import KCacheSystem
package import SystemPackage

/// Keeps make out of directories where it would find nothing to do.
///
/// Kbuild's top make descends when all that it generates is up to date. At that moment it asks this program
/// which directories nothing has touched since the last success, so that headers made by this very run count.
/// For those, `$(MAKE)` is `true`. A build under `tools/` that `prepare` starts is left out in the same way, by a
/// question of its own, since it comes before.
package struct MakeWalk: Sendable {
    /// The command that a shell runs in the output tree; it prints the directories and writes them to a file
    /// that the makes below read.
    private let command: String

    /// Nil where make should walk everything.
    init?(_ build: MakeBuild, _ key: BuildKey, _ verdict: BuildVerdict?, cache: FilePath, program: FilePath?)
    {
        guard build.options.prune, build.goals.areWhole(build.invocation.goals), build.location.module == nil,
            build.invocation.modes.isDisjoint(with: [.alwaysMake, .checkLinkTimes]),
            build.invocation.newFiles.isEmpty, build.invocation.includeDirectories.isEmpty, let program
        else { return nil }
        switch verdict {
        case .unchanged: break
        case .changed(let changes) where changes.record.isConfirmed: break
        default: return nil
        }
        guard ProbeText.isPlainPath(program.string), ProbeText.isPlainPath(cache.string) else { return nil }
        command = "\(program.string) \(Self.verb) \(cache.string) \(key.digest.hex) \(key.tree.hex)"
    }

    /// The hidden command of this program.
    package static let verb = "make-walk"
    /// In the run's folder.
    static let list = "untouched.mk"
    /// In that file, in front of the number of all directories that make is kept out of.
    static let leftOutPrefix = "kcache-left-out := "

    /// The makefile text, for makes of the output tree.
    ///
    /// Up to 5.x the top make descends into many directories (`vmlinux-dirs`, `build-dirs`), later into `.`
    /// (`build-dir`), whose make descends further. Targets and directories have the same names. Kbuild exports
    /// MAKE, so that below the top it comes from the environment.
    func makefile(_ folder: FilePath) -> String {
        """
        ifneq ($(and $(filter default environment,$(firstword $(origin MAKE))),$(filter $(MAKE_COMMAND),$(MAKE))),)
        kcache-untouched :=
        -include \(folder.string)/\(Self.list)
        kcache-walk = $(if $(kcache-walked),,$(eval kcache-walked := y)$(eval kcache-untouched := $(shell \(command) \(folder.string) 2>/dev/null)))
        kcache-ask = $(eval kcache-tool-$@ := $(if $(filter y,$(shell \(command) \(folder.string) --tool $@ 2>/dev/null)),true,$(MAKE_COMMAND)))
        kcache-tool = $(if $(kcache-tool-$@),,$(kcache-ask))$(kcache-tool-$@)
        override MAKE = $(if $(and $@,$(filter \(ToolsBuild.targets.joined(separator: " ")),$@)),$(kcache-tool),$(if $(and $@,$(filter $(build-dir) $(build-dirs) $(vmlinux-dirs),$@)),$(kcache-walk))$(if $(and $@,$(filter $(kcache-untouched),$@)),true,$(MAKE_COMMAND)))
        endif

        """
    }

    // MARK: In the middle of a make

    /// Tells which directories make may leave out now, and writes them to the run's folder.
    ///
    /// - Throws: where anything is wrong; then nothing was written, and make walks everything.
    package static func untouched(key: Digest, tree: Digest, folder: FilePath, host: HostEnvironment) throws
        -> [String]
    {
        guard let changes = try BuildRecords(host: host).changes(key: key, tree: tree) else { return [] }
        let plan = DescentPlan(record: changes.record, changes: changes)
        let paths = plan.untouched.map(\.description).filter { ProbeText.isPlainPath("/\($0)") }
        let text =
            "kcache-untouched := \(paths.joined(separator: " "))\n" + "\(leftOutPrefix)\(plan.leftOut)\n"
        try AtomicFile.write(
            Array(text.utf8), to: TreePath(literal: Array(list.utf8)), in: Directory.open(folder),
            durable: false)
        return paths
    }

    /// True if the build under `tools/` would make nothing and say nothing now.
    ///
    /// - Throws: where anything is wrong; then make goes there.
    package static func mayLeaveOut(_ tool: ToolsBuild, key: Digest, tree: Digest, host: HostEnvironment)
        throws
        -> Bool
    {
        guard let changes = try BuildRecords(host: host).changes(key: key, tree: tree),
            DescentPlan(record: changes.record, changes: changes).leavesTools,
            let source = changes.record.roots.last?.path
        else { return false }
        return try tool.mayBeLeftOut(from: Directory.open(FilePath(String(decoding: source, as: UTF8.self))))
    }
}
