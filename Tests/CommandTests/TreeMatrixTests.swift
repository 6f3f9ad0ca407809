import Foundation
import TestKernel
import Testing

/// The matrix of layouts, filesystems, users and configurations, on the fake kernel with real make: a build is carried,
/// make has nothing to do, an edit makes just what it should, and all is what a clean build makes.
///
/// Each pair of values meets in some row; with `KCACHE_TEST_FULL` all of them do. Real trees: `RealTreeTests`.
@Suite(.enabled(if: getuid() == 0, "mounts and other users need root")) struct TreeMatrixTests {
    enum Layout: String, CaseIterable { case together, apart, below }
    enum Feature: String, CaseIterable {
        case plain, builtIn
        case headersArchive = "headers archive"
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let layout: Layout
        let filesystem: MountedFilesystem.Kind
        let isOtherUser: Bool
        let feature: Feature

        var testDescription: String {
            "\(layout), \(filesystem), \(isOtherUser ? "another user" : "same user"), \(feature.rawValue)"
        }
    }

    private static let filesystems: [MountedFilesystem.Kind] = [
        .tmpfs, .ext4WholeSeconds, .xfs, .overlay, .bindfs,
    ]

    static var rows: [Row] {
        let isFull = ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil
        let filesystems = isFull ? filesystems + [.ext2, .btrfs, .xfsWithoutReflink] : filesystems
        var rows: [Row] = []
        for (i, layout) in Layout.allCases.enumerated() {
            for (j, filesystem) in filesystems.enumerated() {
                for isOtherUser in [false, true] {
                    for (k, feature) in Feature.allCases.enumerated()
                    where isFull || isOtherUser == ((i + j) % 2 == 1) && k == (2 * i + j) % 3 {
                        rows.append(
                            Row(
                                layout: layout, filesystem: filesystem, isOtherUser: isOtherUser,
                                feature: feature))
                    }
                }
            }
        }
        return rows
    }

    @Test func everyPairOfValuesMeets() {
        func pairs(_ values: (Row) -> String) -> Set<String> { Set(Self.rows.map(values)) }
        let count = (Layout.allCases.count, Self.filesystems.count, Feature.allCases.count)
        #expect(pairs { "\($0.layout)\($0.filesystem)" }.count >= count.0 * count.1)
        #expect(pairs { "\($0.layout)\($0.isOtherUser)" }.count == count.0 * 2)
        #expect(pairs { "\($0.layout)\($0.feature)" }.count == count.0 * count.2)
        #expect(pairs { "\($0.filesystem)\($0.isOtherUser)" }.count >= count.1 * 2)
        #expect(pairs { "\($0.filesystem)\($0.feature)" }.count >= count.1 * count.2)
        #expect(pairs { "\($0.isOtherUser)\($0.feature)" }.count == 2 * count.2)
    }

    private static let user = "12345"

    /// A tree in its layout: here, or on a mounted filesystem.
    private struct Place {
        /// As the tests' process sees them, and as programs in the filesystem's namespace do.
        let sources: (outside: URL, inside: URL)
        let output: (outside: URL, inside: URL)
        let word: String?

        init(_ layout: Layout, outside: URL, inside: URL) {
            func both(_ name: String) -> (outside: URL, inside: URL) {
                (outside.appending(path: name), inside.appending(path: name))
            }
            sources = both("linux")
            switch layout {
            case .together: (output, word) = (sources, nil)
            case .apart:
                output = both("out")
                word = "O=\(output.inside.path)"
            case .below: (output, word) = (both("linux/out"), "O=out")
            }
        }

        func fill(_ kernel: FakeKernel, _ state: FakeState) throws {
            try kernel.makeCheckout(at: sources.outside, state, withConfiguration: word == nil)
            guard word != nil else { return }
            try FileManager.default.createDirectory(
                at: output.outside, withIntermediateDirectories: true)
            try state.config.write(
                to: output.outside.appending(path: ".config"), atomically: false, encoding: .utf8)
        }
    }

    @Test(arguments: rows) func carried(_ row: Row) throws {
        let work = try Workplace()
        let kernel = try FakeKernel.prepared()
        var state = kernel.initial
        switch row.feature {
        case .plain: break
        case .builtIn:
            let config = state.config.replacing("CONFIG_MODULES=y", with: "# CONFIG_MODULES is not set")
            state.config = try kernel.completed(config, state)
            #expect(state.value("MODULES") == "n")
        case .headersArchive: state = state.withHeadersArchive
        }
        let mounted: MountedFilesystem
        do { mounted = try MountedFilesystem(row.filesystem, in: work) } catch let error
            as MountedFilesystem.NotMounted
        { try Test.cancel("\(error)") }
        var environment = FakeKernel.pins
        environment.merge(["TZ": "UTC", "LC_ALL": "C", "KCACHE_STORE": work.place("store").path]) { $1 }
        func expectDone(_ result: BuildResult, _ what: String) {
            #expect(result.status == 0, "\(row.testDescription), \(what): \(result.log.suffix(2000))")
        }

        let here = Place(row.layout, outside: work.place("built"), inside: work.place("built"))
        try FileManager.default.createDirectory(at: work.place("built"), withIntermediateDirectories: true)
        try here.fill(kernel, state)
        let words = [here.word].compactMap { $0 }
        environment["HOME"] = work.place("home").path
        expectDone(try kernel.build(here.sources.outside, words), "the build")
        expectDone(
            try Shell.outcome(
                [Program.path, "push", "-C", here.sources.inside.path] + words, environment: environment),
            "push")

        let there = Place(row.layout, outside: mounted.outside("deep"), inside: mounted.inside("deep"))
        try FileManager.default.createDirectory(
            at: mounted.outside("deep"), withIntermediateDirectories: true)
        try there.fill(kernel, state)
        let program = work.place("kcache")
        try Shell.run(["cp", Program.path, program.path])
        var prefix: [String] = []
        if row.isOtherUser {
            for folder in ["home-of-another", "store"] {
                try FileManager.default.createDirectory(
                    at: work.place(folder), withIntermediateDirectories: true)
                try Shell.run(["chown", "-R", "\(Self.user):\(Self.user)", work.place(folder).path])
            }
            try Shell.run(["chown", "-R", "\(Self.user):\(Self.user)", mounted.outside("deep").path])
            environment["HOME"] = work.place("home-of-another").path
            prefix = [
                "setpriv", "--reuid=\(Self.user)", "--regid=\(Self.user)", "--clear-groups", "sh", "-c",
                "umask 077; exec \"$@\"", "sh",
            ]
        }
        let own = [there.word].compactMap { $0 }
        func run(_ words: [String]) throws -> BuildResult {
            try mounted.run(prefix + words, environment: environment)
        }
        func make() throws -> BuildResult {
            try run(["make", "-C", there.sources.inside.path, "-j2"] + own)
        }
        func expectClean(_ what: String) throws {
            let differences = try kernel.differences(of: there.output.outside, from: state)
            #expect(differences.isEmpty, "\(row.testDescription), \(what): \(differences)")
        }
        expectDone(try run([program.path, "pull", "-C", there.sources.inside.path] + own), "pull")
        let first = try make()
        expectDone(first, "make")
        #expect(first.toolSteps.isEmpty, "\(row.testDescription): \(first.log)")
        try expectClean("after the pull")

        state.files["core/queue.c", default: ""] += "\nint other(void) { return 3; }\n"
        try (state.files["core/queue.c"] ?? "").write(
            to: there.sources.outside.appending(path: "core/queue.c"), atomically: false, encoding: .utf8)
        let edited = try make()
        expectDone(edited, "make after an edit")
        let compiled = edited.toolSteps.filter { $0.hasPrefix("CC ") }
        #expect(compiled == ["CC      core/queue.o"], "\(row.testDescription): \(edited.log)")
        try expectClean("after an edit")
    }
}
