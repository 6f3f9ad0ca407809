package import KCacheCore
package import KCacheSystem
package import SystemPackage

/// A root filesystem of another distribution that a tree is built in.
package struct RootImage: Sendable {
    /// What its user calls it.
    package let name: String
    package let folder: FilePath
    /// Over its content, when it was opened.
    package let digest: Digest

    package init(name: String, folder: FilePath, digest: Digest) {
        (self.name, self.folder, self.digest) = (name, folder, digest)
    }

    package var reference: RootReference { RootReference(digest: digest, name: name) }

    /// As it is named to people.
    package var title: String { "\(name) (\(digest.short))" }

    package func view() throws(SystemError) -> RootView {
        do throws(SystemError) { return try RootView(folder) } catch {
            throw SystemError("open the root", folder.string, error.errno)
        }
    }

    /// Runs programs inside, that see no tree and can write nothing. With `RootEnvironment.values`.
    ///
    /// - Throws: `KbuildError` if nothing can be run there.
    package func runner(_ host: HostEnvironment) throws -> ProcessRunner {
        let (environment, path) = (RootEnvironment.values(host.environment), host.environment["PATH"] ?? "")
        let words = try RootEngine.words(RootCall(view: try view(), environment: environment), path: path)
        let prefix = words.map { String(decoding: $0, as: UTF8.self) }
        // The engine's own words go to where its errors would.
        let shell = ExecutableLookup.find("sh", path: path)?.string ?? "/bin/sh"
        let trial = try host.runner.run(
            [shell, "-c", "exec \"$@\" 2>&1", "sh"] + prefix + ["/bin/sh", "-c", ":"],
            environment: environment)
        guard trial.status == 0 else {
            let said = trial.text.split(separator: "\n").first.map { ": \($0)" } ?? ""
            throw KbuildError(.unfit, "the root \(name) can't be entered by \(RootEngine.program)\(said)")
        }
        let (runner, folder) = (host.runner, folder.string)
        return ProcessRunner { (arguments, environment, directory) throws(SystemError) in
            // The first byte comes from inside: without it the engine failed, and that is no program's answer.
            let result = try runner.run(
                prefix + ["/bin/sh", "-c", "printf E; exec \"$@\"", "sh"] + arguments,
                environment: environment,
                directory: directory)
            guard result.output.first == UInt8(ascii: "E") else {
                throw SystemError("enter the root", folder, .ioError)
            }
            return ProcessResult(status: result.status, output: Array(result.output.dropFirst()))
        }
    }

    /// - Throws: `KbuildError` if it is not what it was when it was opened.
    package func verify(cache: FilePath) throws {
        let now: Digest
        do { now = try RootContents.digest(of: folder, cache: cache) } catch let error as SystemError {
            throw KbuildError(.unfit, "the root \(name) is gone or can't be read: \(error)")
        }
        guard now == digest else {
            throw KbuildError(
                .unfit,
                "the root \(name) has changed meanwhile (\(digest.short) is \(now.short) now): build again")
        }
    }
}
