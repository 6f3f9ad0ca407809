package import KCacheCore
package import KCacheSystem
package import KCacheTree
import SystemPackage

/// Finds out what a build here would run, or what built a tree: versions and contents.
package struct ToolchainProbe: Sendable {
    private let environment: [String: String]
    private let runner: ProcessRunner
    private let memory: ToolchainMemory
    private let files: ToolFiles

    /// - Parameter root: where the tools are, if not on the machine itself; `runner` then runs them there.
    package init(
        environment: [String: String], runner: ProcessRunner, memory: ToolchainMemory, root: RootView? = nil
    ) {
        files = ToolFiles(root: root)
        // Kbuild reads the compiler's version in the C locale (top Makefile).
        self.environment = environment.merging(["LC_ALL": "C"]) { $1 }
        (self.runner, self.memory) = (runner, memory)
    }

    /// Which tools to look at.
    package struct Request: Sendable {
        /// `VAR=value` of make's command line.
        package var arguments: [String: String] = [:]
        /// From `RecordedCommands.read`; empty to ask what a new build would run.
        package var recorded: [String: String] = [:]
        /// CONFIG_DEBUG_INFO_BTF: pahole writes into vmlinux and modules.
        package var usesPahole = false
        /// CONFIG_GCC_PLUGINS: a C++ compiler of the host takes part.
        package var usesHostCXX = false

        package init() {}

        /// Reads the saved commands and the configuration of a tree.
        ///
        /// - Parameter isOfModules: the tree is a directory of external modules.
        package static func reading(
            _ directory: Directory, _ listing: TreeListing?, isOfModules: Bool = false
        ) throws(SystemError) -> Request {
            var request = Request()
            request.recorded = try RecordedCommands.read(in: directory, listing, isOfModules: isOfModules)
            let config = try KbuildTree.read("include/config/auto.conf", directory) ?? []
            for line in config.split(separator: UInt8(ascii: "\n")) {
                if line.elementsEqual("CONFIG_DEBUG_INFO_BTF=y".utf8) { request.usesPahole = true }
                if line.elementsEqual("CONFIG_GCC_PLUGINS=y".utf8) { request.usesHostCXX = true }
            }
            return request
        }
    }

    /// The tools, sorted by role. One that can't be found has the digest `.zero`.
    package func tools(_ request: Request) throws -> [ToolIdentity] {
        let names = ToolchainNames(
            arguments: request.arguments, environment: environment, recorded: request.recorded)
        var roles = ["AR", "CC", "HOSTCC", "LD", "NM", "OBJCOPY", "OBJDUMP", "READELF", "STRIP"]
        if request.usesPahole { roles.append("PAHOLE") }
        if request.usesHostCXX { roles.append("HOSTCXX") }
        let calls = roles.map { ($0, names.commands[$0] ?? "") }
        let probed = try Parallel.map(calls.count) { i in try probe(role: calls[i].0, command: calls[i].1) }
        var found: [String: ToolIdentity] = [:]
        let compiler = probed.first { $0.role == "CC" }
        for part in probed {
            found[part.role] = part.identity
            // A host compiler that is the compiler itself has the same parts.
            if part.role != "CC", part.identity.digest == compiler?.identity.digest { continue }
            for inner in part.parts where found[inner.role] == nil { found[inner.role] = inner }
        }
        for part in probed { for library in part.libraries { found[library.role] = library } }
        return found.values.sorted { $0.role < $1.role }
    }

    private struct Probed: Sendable {
        let role: String
        let identity: ToolIdentity
        var parts: [ToolIdentity] = []
        var libraries: [ToolIdentity] = []
    }

    private func probe(role: String, command: String) throws -> Probed {
        guard let program = ToolchainNames.program(command), let file = try find(String(program)) else {
            return Probed(
                role: role, identity: ToolIdentity(role: role, command: command, version: "", digest: .zero))
        }
        let digest = try memory.digest(file.real)
        let version = try ask(file.called, digest, ["--version"])
        var probed = Probed(
            role: role, identity: ToolIdentity(role: role, command: command, version: version, digest: digest)
        )
        probed.libraries = try libraries(of: file.real, digest)
        guard role == "CC" || role == "HOSTCC" || role == "HOSTCXX" else { return probed }
        for name in Self.innerPrograms(version: version, role: role) {
            guard let inner = try self.inner(name, of: file.called, digest, role) else { continue }
            probed.parts.append(inner.identity)
            probed.libraries += try libraries(of: inner.file, inner.identity.digest)
        }
        return probed
    }

    /// What a compiler driver runs. clang compiles and assembles inside.
    private static func innerPrograms(version: String, role: String) -> [String] {
        if version.contains("clang") { return ["ld"] }
        let front = role == "HOSTCXX" ? ["cc1plus"] : ["cc1"]
        return front + ["as", "ld", "collect2", "liblto_plugin.so"]
    }

    private func inner(_ name: String, of driver: FilePath, _ driverDigest: Digest, _ role: String) throws
        -> (
            file: FilePath, identity: ToolIdentity
        )?
    {
        let option = name.hasSuffix(".so") ? "-print-file-name=\(name)" : "-print-prog-name=\(name)"
        let answer = try ask(driver, driverDigest, [option])
        guard !answer.isEmpty, let found = try find(answer, anyFile: name.hasSuffix(".so")) else {
            return nil
        }
        let digest = try memory.digest(found.real)
        // The parts of a compiler have no version text of their own that says more than the driver's.
        let version = name == "as" || name == "ld" ? try ask(found.called, digest, ["--version"]) : ""
        return (
            found.real,
            ToolIdentity(role: "\(role):\(name)", command: answer, version: version, digest: digest)
        )
    }

    /// The first line of an answer, from memory where the same program was asked before.
    private func ask(_ program: FilePath, _ digest: Digest, _ arguments: [String]) throws -> String {
        var key = DigestBuilder()
        key.update(digest)
        for text in [program.string] + arguments + [
            environment["PATH"] ?? "", environment["GCC_EXEC_PREFIX"] ?? "",
        ] {
            key.update(text)
            key.update([0])
        }
        let name = key.finish()
        if let known = memory.recall(name) { return String(decoding: known, as: UTF8.self) }
        let result = try runner.run([program.string] + arguments, environment: environment)
        let line = result.status == 0 ? Array(result.output.prefix { $0 != UInt8(ascii: "\n") }) : []
        memory.remember(name, line)
        return String(decoding: line, as: UTF8.self)
    }

    // MARK: Files

    private struct Found {
        let called: FilePath
        let real: FilePath
    }

    /// The file that runs under a name; a compiler cache's link in PATH (`/usr/lib/ccache/gcc`) is passed over.
    private func find(_ name: String, anyFile: Bool = false) throws -> Found? {
        if name.contains("/") {
            if anyFile {
                return try files.resolve(FilePath(name)).map { Found(called: FilePath(name), real: $0) }
            }
            guard let called = try files.program(name, path: ""), let real = try files.resolve(called)
            else {
                return nil
            }
            return Found(called: called, real: real)
        }
        for folder in (environment["PATH"] ?? "").split(separator: ":") {
            guard let called = try files.program(name, path: String(folder)),
                let real = try files.resolve(called)
            else { continue }
            let leaf = real.lastComponent?.string ?? ""
            if ToolchainNames.wrappers.contains(leaf[...]), leaf != name { continue }
            return Found(called: called, real: real)
        }
        return nil
    }

    /// Libraries whose content decides what the tools write; libc and the like do not.
    private static let relevant = [
        "libbfd", "libopcodes", "libctf", "libsframe", "libLLVM", "libclang-cpp", "liblld", "libdw",
        "libdwarves", "libbpf",
    ]
    private static let folders = [
        "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/usr/local/lib64",
    ]

    private func libraries(of program: FilePath, _ digest: Digest) throws -> [ToolIdentity] {
        var key = DigestBuilder()
        key.update(digest)
        key.update("needed")
        let name = key.finish()
        let lines: String
        if let known = memory.recall(name) {
            lines = String(decoding: known, as: UTF8.self)
        } else {
            // First the names, then the folders to look in.
            let read = try files.read(program, limit: 256 << 20).flatMap { SharedLibraries($0) }
            let needed = (read?.needed ?? []).filter { name in Self.relevant.contains { name.hasPrefix($0) } }
            lines = needed.joined(separator: ":") + "\n" + (read?.runPath ?? []).joined(separator: ":")
            memory.remember(name, Array(lines.utf8))
        }
        let parts = lines.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let home = program.removingLastComponent().string
        let run = (parts.count > 1 ? parts[1] : "").split(separator: ":").map {
            String($0).replacing("$ORIGIN", with: home).replacing("${ORIGIN}", with: home)
        }
        let preload = (environment["LD_LIBRARY_PATH"] ?? "").split(separator: ":").map { String($0) }
        var found: [ToolIdentity] = []
        for library in parts[0].split(separator: ":") {
            for folder in run + preload + Self.folders {
                guard let real = try files.resolve(FilePath(folder).appending(String(library))) else {
                    continue
                }
                let role = Self.libraryRole(library)
                found.append(
                    ToolIdentity(
                        role: role, command: String(library), version: "", digest: try memory.digest(real)))
                break
            }
        }
        return found
    }

    /// `lib:libbfd-system` for `libbfd-2.40-system.so`: the name less its version.
    static func libraryRole(_ name: Substring) -> String {
        let parts = name.split { $0 == "-" || $0 == "." }.filter {
            $0 != "so" && !$0.allSatisfy { $0.isNumber }
        }
        return "lib:" + parts.joined(separator: "-")
    }
}
