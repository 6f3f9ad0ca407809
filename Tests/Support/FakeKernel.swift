package import Foundation
package import KCacheCore
import Synchronization

/// A small kernel that real make builds with the real Kbuild in about two seconds.
///
/// The top Makefile and `scripts/` come from the kernel source that is installed here (see
/// `KernelSource`), everything else from `Skeleton/` beside this file: three dozen units in a few directories,
/// modules, composite objects, generated headers, a payload, two libraries, and an architecture named `fake`.
package final class FakeKernel: Sendable {
    /// Sources, host tools and what `make modules_prepare` makes, built once per machine; trees are copies.
    package let base: URL
    /// Sources alone.
    package let sources: URL
    /// The state that the base was made from.
    package let initial: FakeState
    let memory: URL
    private let known = Mutex<[Digest: [String: Digest]]>([:])

    /// Variables that pin what would differ between two builds, and choose the architecture.
    package static let pins: [String: String] = [
        "ARCH": "fake", "KBUILD_BUILD_USER": "builder", "KBUILD_BUILD_HOST": "kcache",
        "KBUILD_BUILD_VERSION": "1", "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 2026",
    ]

    private static let shared = Mutex<FakeKernel?>(nil)

    /// Prepares the base, or takes the one that an earlier run left in the cache folder.
    package static func prepared() throws -> FakeKernel {
        try shared.withLock {
            if let kernel = $0 { return kernel }
            let kernel = try FakeKernel()
            $0 = kernel
            return kernel
        }
    }

    private init() throws {
        let skeleton = try FakeState.skeleton()
        let cache = try KernelSource.cacheFolder()
        let source = try KernelSource.subset()
        let key = Digest.of(Array(("3" + skeleton.digest.hex + source.path).utf8)).short
        let folder = cache.appending(path: "fake-\(key)")
        base = folder.appending(path: "base")
        sources = folder.appending(path: "sources")
        memory = folder.appending(path: "clean")
        let ready = folder.appending(path: "ready")
        if !FileManager.default.fileExists(atPath: ready.path) {
            let work = cache.appending(path: "work-\(UUID().uuidString)")
            try FileManager.default.createDirectory(
                at: work.appending(path: "clean"), withIntermediateDirectories: true)
            try Shell.run(["cp", "-a", source.path, work.appending(path: "sources").path])
            try skeleton.write(to: work.appending(path: "sources"))
            let tools = work.appending(path: "base")
            try Shell.run(["cp", "-a", work.appending(path: "sources").path, tools.path])
            for goals in [["olddefconfig"], ["modules_prepare"]] {
                let made = try Shell.make(tools, goals, Self.pins)
                guard made.status == 0 else { throw Shell.Failure(command: "make", output: made.log) }
            }
            // Host tools and the configuration stay; what depends on sources that tests edit must go, or
            // the clean build would not be one.
            for stale in [
                "kernel/bounds.s", "kernel/.bounds.s.cmd", "arch/fake/kernel/asm-offsets.s",
                "arch/fake/kernel/.asm-offsets.s.cmd", "include/generated/bounds.h",
                "include/generated/asm-offsets.h", "scripts/module.lds", "scripts/.module.lds.cmd",
            ] {
                try FileManager.default.removeItem(at: tools.appending(path: stale))
            }
            try Data().write(to: work.appending(path: "ready"))
            do { try FileManager.default.moveItem(at: work, to: folder) } catch {
                // Another test process was quicker.
                try? FileManager.default.removeItem(at: work)
            }
        }
        let config = try String(contentsOf: base.appending(path: ".config"), encoding: .utf8)
        initial = FakeState(files: skeleton.files, config: config)
    }

    /// Makes a tree with host tools: a first build in it compiles the kernel only.
    package func makeTree(at place: URL, _ state: FakeState) throws {
        try Shell.run(["cp", "-a", base.path, place.path])
        try state.write(to: place, replacing: initial)
    }

    /// Makes a tree of the first state in which everything is built: none of its files holds its path.
    package func makeBuiltTree(at place: URL) throws {
        let folder = memory.deletingLastPathComponent()
        let built = folder.appending(path: "built")
        if !FileManager.default.fileExists(atPath: built.path) {
            let work = folder.appending(path: "built-\(UUID().uuidString)")
            try makeTree(at: work, initial)
            let result = try build(work)
            guard result.status == 0 else { throw Shell.Failure(command: "make", output: result.log) }
            do { try FileManager.default.moveItem(at: work, to: built) } catch {
                // Another test process was quicker.
                try? FileManager.default.removeItem(at: work)
            }
        }
        try Shell.run(["cp", "-a", built.path, place.path])
    }

    /// Makes a tree as a person unpacks it: sources alone, each with the time of now, and no `.config`.
    package func makeCheckout(at place: URL, _ state: FakeState, withConfiguration: Bool = true) throws {
        try Shell.run(["cp", "-r", sources.path, place.path])
        var state = state
        if !withConfiguration { state.config = "" }
        try state.write(to: place, replacing: nil)
    }

    /// Runs `make`, or `make GOALS`, as a person would.
    package func build(
        _ tree: URL, _ goals: [String] = [], environment: [String: String] = FakeKernel.pins
    ) throws -> BuildResult {
        try Shell.make(tree, goals, environment)
    }

    /// The outputs of a clean build of the state, by path; kept in memory and in the cache folder.
    package func cleanOutputs(_ state: FakeState) throws -> [String: Digest] {
        let key = state.digest
        if let outputs = known.withLock({ $0[key] }) { return outputs }
        let file = memory.appending(path: key.hex)
        let outputs: [String: Digest]
        if let text = try? String(contentsOf: file, encoding: .utf8) {
            outputs = Self.decode(text)
        } else {
            let place = FileManager.default.temporaryDirectory.appending(path: "clean-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: place) }
            try makeTree(at: place, state)
            let result = try build(place)
            guard result.status == 0 else { throw Shell.Failure(command: "clean make", output: result.log) }
            outputs = try Self.outputs(of: place)
            let text = outputs.map { "\($0.value.hex) \($0.key)\n" }.sorted().joined()
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        known.withLock { $0[key] = outputs }
        return outputs
    }

    private static func decode(_ text: String) -> [String: Digest] {
        var outputs: [String: Digest] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2, let digest = Digest(hex: String(parts[0])) {
                outputs[String(parts[1])] = digest
            }
        }
        return outputs
    }

    /// What a build is judged by: objects, archives, modules, the kernel and generated headers; not the
    /// host tools.
    package static func outputs(of tree: URL) throws -> [String: Digest] {
        var outputs: [String: Digest] = [:]
        for path in try Shell.files(in: tree) where isOutput(path) {
            outputs[path] = Digest.of(Array(try Data(contentsOf: tree.appending(path: path))))
        }
        return outputs
    }

    package static func isOutput(_ path: String) -> Bool {
        if path.hasPrefix("scripts/") { return path == "scripts/module.lds" }
        if path.hasPrefix(".tmp_") || path.contains("/.tmp_") { return false }
        if [".o", ".a", ".ko", ".mod", ".mod.c", "modules.order"].contains(where: { path.hasSuffix($0) }) {
            return true
        }
        return path.hasPrefix("include/generated/") || path.hasPrefix("arch/fake/include/generated/")
            || [
                "vmlinux", "System.map", "Module.symvers", "modules.builtin", "core/table.h", "core/blob.bin",
            ]
            .contains(path) || path.hasSuffix(".lds")
    }

    /// What differs between a tree and the clean build of the state; empty if nothing does. Files that the
    /// clean build does not have are left over from earlier and don't count.
    package func differences(of tree: URL, from state: FakeState) throws -> [String] {
        let clean = try cleanOutputs(state)
        let here = try Self.outputs(of: tree)
        return clean.keys.sorted().compactMap { path in
            guard let found = here[path] else { return "\(path) is missing" }
            return found == clean[path] ? nil : "\(path) differs"
        }
    }

    /// Completes a configuration as `make olddefconfig` does, for the state's own Kconfig.
    package func completed(_ config: String, _ state: FakeState) throws -> String {
        let place = FileManager.default.temporaryDirectory.appending(path: "conf-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let kconfig = place.appending(path: "Kconfig")
        try (state.files["Kconfig"] ?? "").write(to: kconfig, atomically: true, encoding: .utf8)
        try config.write(to: place.appending(path: ".config"), atomically: true, encoding: .utf8)
        let compiler = try Shell.run(["sh", "-c", "LC_ALL=C gcc --version | head -n 1"])
        var environment = Self.pins
        environment["CC_VERSION_TEXT"] = compiler.trimmingCharacters(in: .newlines)
        environment["SRCARCH"] = "fake"
        environment["KERNELVERSION"] = try kernelVersion()
        try Shell.run(
            [base.appending(path: "scripts/kconfig/conf").path, "--olddefconfig", "Kconfig"],
            in: place, environment: environment)
        return try String(contentsOf: place.appending(path: ".config"), encoding: .utf8)
    }

    private func kernelVersion() throws -> String {
        let makefile = try String(contentsOf: base.appending(path: "Makefile"), encoding: .utf8)
        func value(_ name: String) -> String {
            for line in makefile.split(separator: "\n").prefix(20) where line.hasPrefix("\(name) =") {
                return line.dropFirst(name.count + 2).trimmingCharacters(in: .whitespaces)
            }
            return ""
        }
        return "\(value("VERSION")).\(value("PATCHLEVEL")).\(value("SUBLEVEL"))\(value("EXTRAVERSION"))"
    }
}
