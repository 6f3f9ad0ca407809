import KCacheCore
import KCacheSystem
import SystemPackage

/// Tells whether anything has been compiled where a make is going to build.
///
/// A look into a few directories, for it comes before every make that may be warmed. A kernel is compiled in each
/// of them whatever its configuration; `kernel` and `arch` also hold what `make prepare` makes, which is no
/// object. Host tools, and what Kconfig makes, don't count.
enum ColdTree {
    private static let directories = ["init", "kernel", "mm", "lib", "fs"]

    static func isCold(_ build: MakeBuild) -> Bool {
        if let module = build.location.module { return !hasObject(module) }
        let output = build.location.output
        if FileIdentity(output.appending("vmlinux")) != nil { return false }
        // A tree in which only single files were built is not cold for these.
        let asked = build.invocation.goals.filter { $0.contains("/") && !$0.hasPrefix("/") }.map { goal in
            goal.hasSuffix("/")
                ? output.pushing(FilePath(goal)) : output.pushing(FilePath(goal)).removingLastComponent()
        }
        return !(directories.map { output.appending($0) } + asked).contains(where: hasObject)
    }

    /// True if there is a saved command of an object or an archive.
    private static func hasObject(_ path: FilePath) -> Bool {
        do throws(SystemError) {
            return try Directory.open(path).entries().contains { entry in
                let name = entry.name
                return name.first == UInt8(ascii: ".")
                    && (name.hasSuffix(".o.cmd") || name.hasSuffix(".a.cmd") || name.hasSuffix(".ko.cmd"))
            }
        } catch {
            // No such directory, or none that may be read: nothing was built there.
            return false
        }
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
