import KCacheSystem
import SystemPackage

/// What a pull before and a push after a make have in common.
enum MakeTransfer {
    static func place(_ build: MakeBuild) -> TreePlace { TreePlace(build.location) }

    /// The host as this make sees it: with its environment, pins included, and its command line's variables
    /// (`ARCH=`, `CC=`, `CROSS_COMPILE=`).
    static func host(_ host: HostEnvironment, for build: MakeBuild) -> HostEnvironment {
        var host = host
        host.environment = build.environment
        for variable in build.invocation.variables {
            if case .text(let text) = build.invocation.value(of: variable.name) {
                host.environment[variable.name] = text
                host.arguments[variable.name] = text
            }
        }
        return host
    }
}
