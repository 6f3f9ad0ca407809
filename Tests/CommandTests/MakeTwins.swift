import Foundation
import Glibc
import KCacheCore
import KCacheKbuild
import TestKernel
import Testing

/// Two equal trees that go through the same: one by plain make, the other by `kcache make`.
///
/// After each step the two must have ended alike, hold the same files with the same bytes, `.cmd` files
/// included, and have made the same ones anew.
struct MakeTwins {
    let folder: URL
    /// Folders of the two; the trees are in them, under one name, so that files beside a tree are twins too.
    let places: [MakeKind: URL]
    var drivers: [MakeKind: MakeDriver] = [:]
    private(set) var log: [String] = []
    private(set) var failed = false
    /// What the makes of the last step printed.
    private(set) var results: [MakeKind: MakeDriver.Result] = [:]
    /// Seconds after which a make is taken as stuck.
    var patience = 120
    /// In front of a failure's text.
    var name = "twins"
    /// Digests of files that are known already: no change escapes a file's inode and change time.
    private var known: [FileIdentity: Digest] = [:]

    private struct FileIdentity: Hashable {
        let device: UInt
        let inode: UInt
        let size: Int
        let changed: [Int]
    }

    /// A folder in the two places, which is the tree unless a step says otherwise.
    static let tree = "tree"

    /// - Parameter options: of `kcache make` itself.
    init(in folder: URL, options: [String] = [], environment: [String: String]) throws {
        self.folder = folder
        places = [.plain: folder.appending(path: "a"), .command: folder.appending(path: "b")]
        for (kind, place) in places {
            let home = folder.appending(path: "home-\(kind)")
            for made in [place, home] {
                try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
            }
            var driver = try MakeDriver(in: home)
            driver.options = options
            driver.environment.merge(environment) { $1 }
            drivers[kind] = driver
        }
    }

    /// What kcache make has to set by itself, and the other tree is given.
    static let pins = Dictionary(
        uniqueKeysWithValues: BuildPins.standard.map { ($0.name, $0.value) })

    /// Adds to a fake kernel what only some goals want: the top Makefile cleans a directory that it does not
    /// have, and W=1 runs a script on each unit.
    static func complete(_ tree: URL) throws {
        try Shell.run(
            [
                "sh", "-ec",
                "mkdir Documentation; : >Documentation/Makefile; echo '#!/bin/sh' >scripts/kernel-doc; "
                    + "chmod +x scripts/kernel-doc",
            ], in: tree)
    }

    func place(_ kind: MakeKind, _ path: String = MakeTwins.tree) -> URL {
        (places[kind] ?? folder).appending(path: path)
    }

    /// What a step makes of the two trees.
    struct Step {
        var name: String
        var words: [String] = ["-j2"]
        /// A status that both must end with; nil for any, as long as it is the same.
        var status: Int32? = 0
        var environment: [String: String] = [:]
        /// Run in this folder of the place.
        var folder = MakeTwins.tree
        /// Lines on standard output must be the same, in any order.
        var sameOutput = false
        /// Interrupted as soon as this file is there.
        var interruptedAt: String?
        /// Make runs by itself here, in both.
        var withoutUs = false
        /// The same files are made anew: not asked for where a make was cut off at some moment.
        var sameMade = true
    }

    /// Changes both trees by shell lines, run in the tree.
    mutating func edit(_ script: String) throws {
        guard !failed else { return }
        log.append("edit: \(script)")
        // The clock moves on between what was made and what is edited.
        usleep(12_000)
        for kind in places.keys { try Shell.run(["sh", "-ec", script], in: place(kind)) }
    }

    /// Adds to what a failure tells of the history.
    mutating func note(_ text: String) { log.append(text) }

    /// Runs the step in both trees and compares.
    mutating func make(_ step: Step) throws {
        guard !failed else { return }
        log.append("make \(step.words.joined(separator: " "))  # \(step.name)")
        results = [:]
        var made: [MakeKind: Set<String>] = [:]
        for kind in [MakeKind.plain, .command] {
            let before = try times(kind)
            results[kind] = try run(step, kind)
            made[kind] = Set(try times(kind).filter { before[$0.key] != $0.value }.keys)
        }
        guard let plain = results[.plain], let ours = results[.command] else { return }
        // GNU make 4.3 may answer an interrupt with a wait that fails, by chance (see MakePassThroughTests).
        let endsByChance =
            step.interruptedAt != nil
            && [plain, ours].contains { $0.error.contains("wait: No child processes") }
        if !endsByChance, (plain.status, plain.signal) != (ours.status, ours.signal) {
            return fail(
                step, "ends with \(ours.status) \(ours.signal), not \(plain.status) \(plain.signal)", ours)
        }
        if let status = step.status, plain.status != status || plain.signal != 0 {
            return fail(step, "plain make ends with \(plain.status) \(plain.signal)", plain)
        }
        // A cut off make may have left anything; what comes after it may not.
        if step.interruptedAt != nil { return }
        if step.sameOutput {
            let lines = [MakeKind.plain: plain, .command: ours].map { kind, result in
                result.output.replacingOccurrences(of: (places[kind] ?? folder).path, with: "@")
                    .split(separator: "\n").sorted()
            }
            if lines.first != lines.last { return fail(step, "prints something else", ours) }
        }
        if step.sameMade, made[.plain] != made[.command] {
            let (a, b) = (made[.plain] ?? [], made[.command] ?? [])
            return fail(
                step, "not made anew: \(a.subtracting(b).sorted()), only here: \(b.subtracting(a).sorted())",
                ours)
        }
        let differences = try differences()
        if !differences.isEmpty { fail(step, "differ: \(differences.prefix(20))", ours) }
    }

    private func run(_ step: Step, _ kind: MakeKind) throws -> MakeDriver.Result {
        guard let driver = drivers[kind] else { throw Program.NotStarted(program: "make", errno: 0) }
        var environment = step.environment
        if kind == .plain || step.withoutUs { environment.merge(Self.pins) { old, _ in old } }
        let directory = place(kind, step.folder)
        let words = step.words.map { $0.replacingOccurrences(of: "@", with: (places[kind] ?? folder).path) }
        let used = step.withoutUs ? MakeKind.plain : kind
        let running = try driver.start(used.words(driver) + words, in: directory, environment: environment)
        if let mark = step.interruptedAt {
            let file = directory.appending(path: mark)
            for _ in 0..<6000 where !FileManager.default.fileExists(atPath: file.path) { usleep(10_000) }
            _ = Glibc.kill(-running.pid, SIGINT)
        }
        let result = running.wait(seconds: patience)
        #expect(running.groupIsGone())
        return result
    }

    // MARK: Comparing

    /// Times of all that a make makes.
    private func times(_ kind: MakeKind) throws -> [String: Int64] {
        try MadeTargets.times(places[kind] ?? folder)
    }

    /// Files that differ between the two places, or are in one of them only.
    mutating func differences() throws -> [String] {
        let (a, b) = (try contents(.plain), try contents(.command))
        return Set(a.keys).union(b.keys).sorted().compactMap { path in
            switch (a[path], b[path]) {
            case (nil, _): "\(path) is there too much"
            case (_, nil): "\(path) is missing"
            case (let one, let other): one == other ? nil : path
            }
        }
    }

    /// Digests by path, with the place's own path taken out; links by their target.
    private mutating func contents(_ kind: MakeKind) throws -> [String: Digest] {
        let place = places[kind] ?? folder
        var contents: [String: Digest] = [:]
        for path in try Shell.files(in: place) where !path.contains("/.git/") {
            let file = place.appending(path: path)
            var status = stat()
            guard lstat(file.path, &status) == 0 else {
                throw Program.NotStarted(program: path, errno: errno)
            }
            let identity = FileIdentity(
                device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
                changed: [Int(status.st_ctim.tv_sec), Int(status.st_ctim.tv_nsec)])
            let digest = try known[identity] ?? Self.digest(of: file, path, neutralizing: place.path)
            known[identity] = digest
            contents[path] = digest
        }
        return contents
    }

    private static func digest(of file: URL, _ path: String, neutralizing place: String) throws -> Digest {
        if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: file.path) {
            return Digest.of(Array("link \(target.replacingOccurrences(of: place, with: "@"))".utf8))
        }
        var data = try Data(contentsOf: file)
        let own = Data(place.utf8)
        // A host tool with the path in it has another build ID too.
        if data.range(of: own) != nil, data.starts(with: Data([0x7f] + "ELF".utf8)) {
            if path.contains("/scripts/") {
                data = Data()
            } else {
                // Debug information holds the path where its length or hash decides about the order of the rest.
                let stripped = FileManager.default.temporaryDirectory.appending(path: "stripped-\(UUID())")
                defer { try? FileManager.default.removeItem(at: stripped) }
                try Shell.run([
                    "objcopy", "-D", "-g", "-R", ".note.gnu.build-id", file.path, stripped.path,
                ])
                data = try Data(contentsOf: stripped)
            }
        }
        while let found = data.range(of: own) { data.replaceSubrange(found, with: Data("@".utf8)) }
        return Digest.of(Array(data))
    }

    private mutating func fail(_ step: Step, _ what: String, _ result: MakeDriver.Result) {
        failed = true
        Issue.record(
            """
            \(name): \(step.name): \(what)
            \(log.suffix(30).joined(separator: "\n"))
            --
            \(result.log.suffix(3000))
            """)
    }
}
