import KCacheSystem
import SystemPackage

/// What a pull before and a push after a make have in common.
enum MakeTransfer {
    /// Why snapshots are not for this make's tree; nil if they are.
    static func obstacle(_ build: MakeBuild) -> String? {
        if build.location.module != nil { return "external modules are not carried" }
        if build.location.output != build.location.source { return "builds with O= are not carried yet" }
        return nil
    }

    /// The host as this make sees it: with its environment, pins included, and its command line's variables
    /// (`ARCH=`, `CC=`, `CROSS_COMPILE=`).
    static func host(_ host: HostEnvironment, for build: MakeBuild) -> HostEnvironment {
        var host = host
        host.environment = build.environment
        for variable in build.invocation.variables {
            if case .text(let text) = build.invocation.value(of: variable.name) {
                host.environment[variable.name] = text
            }
        }
        return host
    }
}
