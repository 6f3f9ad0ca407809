import Glibc
import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import Testing

@testable import KCacheKbuild

/// Checks on real kernel trees, named by KCACHE_TEST_SOURCE (pristine) and KCACHE_TEST_TREE (the same, built;
/// several with colons between).
struct RealTreeClassificationTests {
    static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    static let source = variable("KCACHE_TEST_SOURCE")
    static let trees = variable("KCACHE_TEST_TREE")?.split(separator: ":").map { String($0) } ?? []

    static func classify(_ path: String) throws -> (Classification, KbuildTree, Directory) {
        let directory = try Directory.open(FilePath(path))
        let listing = try TreeScanner().scan(directory)
        let tree = try #require(
            try KbuildTree.recognize(
                directory, listing: listing, environment: ["PATH": "/usr/bin:/bin"], runner: .system))
        let clock = ContinuousClock()
        let start = clock.now
        let result = try TreeClassifier(tree: tree).classify(listing, in: directory)
        let counts = result.counts
        print(
            "\(path): \(counts) \(tree.architecture) \(tree.kernelRelease) classified in \(clock.now - start)"
        )
        return (result, tree, directory)
    }

    @Test(.enabled(if: source != nil)) func pristine() throws {
        let (result, _, directory) = try Self.classify(try #require(Self.source))
        for (file, one) in zip(result.listing.files, result.classes) {
            #expect(one == .source, "\(file.path)")
        }
        // No makefile's words may name a source, whatever directories are built in.
        var pass = ClassifierPass(
            listing: result.listing, directory: directory, tree: KbuildTree(architecture: "x86"),
            tracked: nil,
            rules: try CleanRules(directory: directory, architecture: "x86"))
        pass.built = Set(pass.index.directories.indices)
        pass.applyCleanPatterns()
        try pass.applyDirectoryRules()
        pass.applyShipped()
        for (file, one) in zip(result.listing.files, pass.classes) {
            #expect(one == .source, "named by a makefile: \(file.path)")
        }
    }

    @Test(.enabled(if: source != nil && !trees.isEmpty), arguments: trees) func built(path: String) throws {
        let before = try TreeScanner().scan(try Directory.open(FilePath(try #require(Self.source))))
        let (result, tree, directory) = try Self.classify(path)
        #expect(!tree.kernelRelease.isEmpty)
        #expect(try BuildPins.recorded(in: directory).map { $0.name } == BuildPins.standard.map { $0.name })
        #expect(InterruptedBuild.findings(result) == [])
        for (file, one) in zip(result.listing.files, result.classes) {
            let wasThere = before.index(of: file.path) != nil
            switch one {
            case .source: #expect(wasThere, "added by the build, taken for a source: \(file.path)")
            case .output: #expect(!wasThere, "a source, taken for an output: \(file.path)")
            case .configuration: #expect(file.path.description == ".config")
            case .leftOut(let reason):
                print("left out: \(file.path) \(reason)")
                #expect(!wasThere && reason == .intermediate, "\(file.path)")
            }
        }
    }
}
