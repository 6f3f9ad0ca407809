import Foundation
import KCacheCore
import KCacheKbuild
import KCacheStore
import SystemPackage
import TestKernel
import Testing

/// Histories on the real kernel (tinyconfig): edits, reverts, touches, deletions, configuration flips, stale
/// builds, and pulls of older and newer snapshots, each judged by a clean build in the same directory.
///
/// A round takes some minutes on two cores: `KCACHE_TEST_REAL_ROUNDS` says how many (default 12).
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil))
struct RealHistoryTests {
    @Test func whatMakeMakesAfterAPullIsWhatACleanBuildMakes() throws {
        let environment = ProcessInfo.processInfo.environment
        let rounds = environment["KCACHE_TEST_REAL_ROUNDS"].flatMap { Int($0) } ?? 12
        let seed = environment["KCACHE_TEST_SEED"].flatMap { UInt64($0) } ?? 1
        var run = try RealHistory(seed: seed)
        defer { run.end() }
        try run.start()
        for _ in 0..<rounds where !run.failed { try run.round() }
    }
}

private struct RealHistory {
    static let pins: [String: String] = [
        "KBUILD_BUILD_USER": "builder", "KBUILD_BUILD_HOST": "kcache", "KBUILD_BUILD_VERSION": "1",
        "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 2026",
    ]
    /// Units and headers that tinyconfig builds, and that a line at the end does not break.
    private static let files = [
        "kernel/fork.c", "kernel/exit.c", "kernel/sched/core.c", "mm/mmap.c", "fs/namei.c", "lib/vsprintf.c",
        "lib/string.c", "arch/x86/kernel/process.c", "arch/x86/boot/main.c", "init/main.c",
        "include/linux/seq_file.h", "include/linux/eventpoll.h", "arch/x86/boot/boot.h",
        "drivers/base/core.c",
    ]
    /// Nothing that tinyconfig builds reads these.
    private static let unused = ["README", "Documentation/index.rst", "drivers/gpu/drm/drm_file.c"]
    private static let symbols = ["PRINTK", "FUTEX", "EPOLL", "BUG", "KALLSYMS", "TTY"]

    let folder: URL
    let pristine: URL
    let store: Store
    let host: HostEnvironment
    var random: SplitMix
    var builder: URL
    var trees: [URL] = []
    var snapshots: [SnapshotID] = []
    var count = 0
    var failed = false
    var log: [String] = []

    init(seed: UInt64) throws {
        folder = FileManager.default.temporaryDirectory.appending(
            path: "kcache-real-history-\(UUID().uuidString)")
        pristine = folder.appending(path: "pristine")
        builder = folder.appending(path: "builder")
        try FileManager.default.createDirectory(at: pristine, withIntermediateDirectories: true)
        store = try Store.open(at: FilePath(folder.appending(path: "store").path), mode: .createIfMissing)
        let environment = ProcessInfo.processInfo.environment.merging(Self.pins) { $1 }
        host = HostEnvironment(
            environment: environment, cacheFolder: FilePath(folder.appending(path: "cache").path))
        random = SplitMix(seed: seed)
    }

    func end() { try? FileManager.default.removeItem(at: folder) }

    mutating func start() throws {
        try Shell.run([
            "tar", "-xJf", "/usr/src/linux-source-6.1.tar.xz", "-C", pristine.path, "--strip-components=1",
        ])
        try Shell.run(["cp", "-a", pristine.path, builder.path])
        try run(builder, ["make", "-s", "tinyconfig"])
        try run(builder, make)
        try push()
    }

    mutating func round() throws {
        count += 1
        switch number(4) {
        case 0:
            try edit(builder)
            try run(builder, make)
            try push()
        case 1:
            let tree = folder.appending(path: "checkout-\(count)")
            try Shell.run(["cp", "-r", pristine.path, tree.path])
            try Shell.run(["cp", builder.appending(path: ".config").path, tree.path])
            try edit(tree)
            try pullMakeCompare(tree)
            trees.append(tree)
        default:
            guard !trees.isEmpty else { return try round() }
            let tree = trees[number(trees.count)]
            try edit(tree)
            // Sometimes what stands here was built from other sources than are here now.
            if number(3) == 0 {
                try run(tree, make)
                log.append("a build without kcache")
                try edit(tree)
            }
            try pullMakeCompare(tree)
        }
    }

    // MARK: What people do

    private mutating func edit(_ tree: URL) throws {
        for _ in 0...number(2) {
            let file = Self.files[number(Self.files.count)]
            switch number(6) {
            case 0, 1:
                log.append("edit \(file)")
                let handle = try FileHandle(forWritingTo: tree.appending(path: file))
                try handle.seekToEnd()
                // A new line for headers as well: they change nothing but the lines of what includes them.
                let unit = file.hasSuffix(".c") ? "int kcache_edit_\(count)_\(number(1_000_000));\n" : "\n"
                try handle.write(contentsOf: Data(unit.utf8))
                try handle.close()
            case 2:
                log.append("revert \(file)")
                try Shell.run(["cp", pristine.appending(path: file).path, tree.appending(path: file).path])
            case 3:
                log.append("touch \(file)")
                try Shell.run(["touch", tree.appending(path: file).path])
            case 4:
                let unused = Self.unused[number(Self.unused.count)]
                log.append("remove \(unused)")
                try Shell.run(["rm", "-f", tree.appending(path: unused).path])
            default:
                let symbol = Self.symbols[number(Self.symbols.count)]
                let how = number(2) == 0 ? "--enable" : "--disable"
                log.append("config \(how) \(symbol)")
                try Shell.run(["scripts/config", how, symbol], in: tree)
                try completeConfiguration(tree)
            }
        }
    }

    /// `make olddefconfig` in a copy of the configuration, so that only `.config` changes here.
    private func completeConfiguration(_ tree: URL) throws {
        let place = folder.appending(path: "configuration")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        try Shell.run(["cp", tree.appending(path: ".config").path, place.path])
        try Shell.run(
            ["make", "-s", "-C", pristine.path, "O=\(place.path)", "olddefconfig"], environment: Self.pins)
        try Shell.run(["cp", place.appending(path: ".config").path, tree.path])
    }

    private mutating func push() throws {
        let report = try KbuildPusher(host: host, store: store).push(.init(tree: FilePath(builder.path)))
        if let id = report.id, !snapshots.contains(id) { snapshots.append(id) }
        log.append("push \(report.id?.short ?? "")")
    }

    private mutating func pullMakeCompare(_ tree: URL) throws {
        var request = KbuildPuller.Request(tree: FilePath(tree.path))
        if number(2) == 0 { request.snapshot = snapshots[number(snapshots.count)].description }
        request.sync = false
        request.derive = number(2) == 0
        let report = try KbuildPuller(host: host, store: store).pull(request)
        log.append("pull \(report.announcement.id.short) into \(tree.lastPathComponent)")

        let foretold = try KbuildStatus(host: host).report(FilePath(tree.path)).rebuild
        let before = try MadeTargets.times(tree)
        try run(tree, make)
        let made = Set(try MadeTargets.times(tree).filter { before[$0.key] != $0.value }.keys)
        let stale = Set(foretold.stale.map(\.target.description))
        let possible = Set(foretold.possible.map(\.target.description))
        let notMade = stale.subtracting(made).sorted()
        let notNamed = made.subtracting(stale).subtracting(possible).sorted()
        if !notMade.isEmpty { fail("status named what make did not make: \(notMade)") }
        if !notNamed.isEmpty { fail("make made what status did not name: \(notNamed)") }
        try compareWithCleanBuild(tree)
    }

    /// Builds the same sources from nothing at the same path.
    private mutating func compareWithCleanBuild(_ tree: URL) throws {
        let warm = tree.deletingLastPathComponent().appending(path: "warm-\(tree.lastPathComponent)")
        try FileManager.default.moveItem(at: tree, to: warm)
        try Shell.run(["cp", "-a", warm.path, tree.path])
        let config = try Data(contentsOf: warm.appending(path: ".config"))
        try run(tree, ["make", "-s", "mrproper"])
        try config.write(to: tree.appending(path: ".config"))
        try run(tree, make)
        var different: [String] = []
        for path in try Shell.files(in: tree) where isCompared(path) {
            let clean = try Data(contentsOf: tree.appending(path: path))
            let here = try? Data(contentsOf: warm.appending(path: path))
            if clean != here { different.append(path) }
        }
        if !different.isEmpty { fail("not a clean build's: \(different.prefix(20))") }
        try FileManager.default.removeItem(at: tree)
        try FileManager.default.moveItem(at: warm, to: tree)
    }

    private func isCompared(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        if name.hasPrefix(".tmp_") { return false }
        return path.hasSuffix(".o") || path.hasSuffix(".ko") || path.hasSuffix(".a") || name == "vmlinux"
            || name == "bzImage" || name == "System.map" || path.hasPrefix("include/generated/")
    }

    // MARK: Helpers

    private var make: [String] { ["make", "-j\(ProcessInfo.processInfo.activeProcessorCount)"] }

    private func run(_ tree: URL, _ command: [String]) throws {
        try Shell.run(command, in: tree, environment: Self.pins)
    }

    private mutating func number(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private mutating func fail(_ text: String) {
        failed = true
        Issue.record("\(text)\nhistory:\n\(log.joined(separator: "\n"))")
    }
}
