import KCacheCore
package import KCacheSystem
import SystemPackage

/// What Kbuild adds to the kernel's release because the sources are a git checkout (scripts/setlocalversion): `+`, or
/// with CONFIG_LOCALVERSION_AUTO the commit. A tree elsewhere without the repository lacks it.
package enum GitRelease {
    /// Empty where Kbuild adds nothing, or can't tell.
    ///
    /// The tree's own script is asked, with its repository and without.
    /// - Parameter localVersion: LOCALVERSION as make gets it; nil: it is not set.
    package static func suffix(
        in directory: Directory, localVersion: String?, environment: [String: String], runner: ProcessRunner
    ) throws -> String {
        let sources = directory.base?.directory ?? directory
        guard let git = TreePath(".git"), try sources.status(git) != nil else { return "" }
        var environment = environment
        environment["LOCALVERSION"] = localVersion
        // Asked for from Linux 6.3 on.
        environment["KERNELVERSION"] = "0"
        let tree = [try sources.realPath().string, try directory.realPath().string]
        let with = try ask(tree, environment, runner)
        environment["GIT_DIR"] = "/nonexistent"
        let without = try ask(tree, environment, runner)
        guard let with, let without, with.hasPrefix(without) else { return "" }
        return String(with.dropFirst(without.count))
    }

    /// The script wants a configured tree around it, and of its configuration only this one line.
    private static let question = """
        d=$(mktemp -d) && trap 'rm -rf "$d"' EXIT && mkdir -p "$d/include/config" && cd "$d" || exit 1
        grep -x CONFIG_LOCALVERSION_AUTO=y "$2/.config" >include/config/auto.conf
        sh "$1/scripts/setlocalversion" "$1"
        """

    /// - Parameter tree: the sources, and where they are built.
    private static func ask(_ tree: [String], _ environment: [String: String], _ runner: ProcessRunner) throws
        -> String?
    {
        let result = try runner.run(["sh", "-c", question, "sh"] + tree, environment: environment)
        guard result.status == 0 else { return nil }
        return result.text.split(separator: "\n").first.map(String.init) ?? ""
    }
}
