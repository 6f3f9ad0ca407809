import Foundation
import KCacheKbuild
import TestKernel
import Testing

/// The seed of structures' layouts stays home, and objects come only where the same one is.
struct LayoutSeedTests {
    /// As scripts/gen-randstruct-seed.sh writes them, and scripts/gcc-plugins/Makefile did before Linux 5.19.
    @Test(arguments: [
        (seed: "scripts/basic/randstruct.seed", header: "include/generated/randstruct_hash.h", isPlain: true),
        (
            "scripts/gcc-plugins/randomize_layout_seed.h", "include/generated/randomize_layout_hash.h", false
        ),
    ]) func objectsNeedTheSameSeed(seed: String, header: String, isPlain: Bool) throws {
        let trees = try StoredTrees()
        let state = trees.kernel.initial
        let built = try trees.built("built", state)
        let number = String(repeating: "0123456789abcdef", count: 4)
        func plant(_ number: String, in tree: URL) throws {
            let file = tree.appending(path: seed)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try (isPlain ? "\(number)\n" : "const char *randstruct_seed = \"\(number)\";\n").write(
                to: file, atomically: false, encoding: .utf8)
        }
        try plant(number, in: built)
        let hash = try Shell.run(["sh", "-c", "printf %s \"$0\" | sha256sum | cut -d' ' -f1", number])
        try "#define RANDSTRUCT_HASHED_SEED \"\(hash.trimmingCharacters(in: .newlines))\"\n".write(
            to: built.appending(path: header), atomically: false, encoding: .utf8)
        let id = try trees.push(built)

        let there = trees.work.place("there")
        try trees.kernel.makeCheckout(at: there, state)
        for other in [nil, String(number.reversed())] {
            if let other { try plant(other, in: there) }
            let before = try Shell.files(in: there)
            let error = #expect(throws: KbuildError.self) { try trees.pull(id, into: there) }
            #expect("\(try #require(error))".contains("laid out by a seed that is not here"))
            #expect(try Shell.files(in: there) == before)
        }
        try plant(number, in: there)
        try trees.pull(id, into: there)
        #expect(FileManager.default.fileExists(atPath: there.appending(path: "core/run.o").path))
        // An empty directory gets the sources.
        let empty = trees.work.place("empty")
        try trees.pull(id, into: empty)
        let files = try Shell.files(in: empty)
        #expect(files.contains("core/run.c") && !files.contains("core/run.o") && !files.contains(seed))
    }
}
