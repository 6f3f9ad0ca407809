package import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// What a make is going to do, as far as it is known before.
package enum StepForecast: Hashable, Sendable {
    /// Nothing is built yet.
    case everything
    /// These are made again.
    case targets([TreePath])

    /// True if nothing is built yet that these goals make. A few looks at the tree.
    package static func isNothingBuilt(_ build: MakeBuild) -> Bool {
        if let module = build.location.module {
            return FileIdentity(module.appending("modules.order")) == nil
        }
        guard build.goals.areWhole(build.invocation.goals) else { return false }
        let output = build.location.output
        return ["vmlinux", "vmlinux.o", "built-in.a", "init/built-in.a", "init/built-in.o", "init/main.o"]
            .allSatisfy { FileIdentity(output.pushing(FilePath($0))) == nil }
    }

    /// Asks the rebuild model; nil where it has no say: with `O=` or `M=`, for single targets, and where it
    /// can't read the tree. Takes a while, and changes nothing.
    package static func foretell(_ build: MakeBuild) -> StepForecast? {
        guard build.location.module == nil, build.location.output == build.location.source,
            build.goals.areWhole(build.invocation.goals)
        else { return nil }
        do {
            let root = try Directory.open(build.location.output)
            let listing = try TreeScanner().scan(root)
            var options = RebuildModel.Options()
            options.stampsArePinned = BuildPins.stampNames.allSatisfy {
                build.environment[$0]?.isEmpty == false
            }
            let report = try RebuildModel(reading: root, listing: listing, options: options).report()
            return .targets(report.stale.map(\.target))
        } catch {
            // Make will tell what is wrong with the tree, if something is.
            return nil
        }
    }
}
