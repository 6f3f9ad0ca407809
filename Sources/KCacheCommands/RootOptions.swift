import ArgumentParser
import KCacheKbuild

/// `--root`, for commands that look at a tree that is built in a root.
struct RootOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The root that the tree is built in: a name from `kcache root list`, a folder, or a tarball.",
            valueName: "image"))
    var root: String?

    func host(_ invocation: Invocation) throws -> HostEnvironment {
        try invocation.host(root: root)
    }
}
