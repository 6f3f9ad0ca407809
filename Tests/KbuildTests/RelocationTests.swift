import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import Testing

@testable import KCacheKbuild

struct PathRelocationTests {
    private func stored(_ text: String, _ path: String = "/src/linux") -> String? {
        PathRelocation.stored(Array(text.utf8), treePath: Array(path.utf8)).map {
            String(decoding: $0, as: UTF8.self).replacing("\0kcache-tree\0", with: "<T>")
        }
    }

    @Test func boundaries() {
        #expect(
            stored("cmd_/src/linux/a.o := gcc -I/src/linux/x -L/src/linux")
                == "cmd_<T>/a.o := gcc -I<T>/x -L<T>")
        #expect(stored("/src/linux") == "<T>")
        #expect(stored("$(wildcard /src/linux):'/src/linux'\"/src/linux\"") == "$(wildcard <T>):'<T>'\"<T>\"")
        #expect(stored("/src/linux-6.1/x /src/linuxes /my/src/linux/x ./src/linux") == nil)
        #expect(stored("/src/linux/src/linux/x") == "<T>/src/linux/x")
        #expect(stored("/src/linux\0") == nil)
        #expect(stored("x", "/") == nil)
        #expect(stored("") == nil)
    }

    /// One path may lie in the other, and both come back where they stood.
    @Test(arguments: [("/w/src", "/w/out"), ("/w/src", "/w/src/out"), ("/w/all/src", "/w/all")])
    func twoPaths(source: String, tree: String) throws {
        func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
        let text = bytes(
            "cmd_a.o := gcc -I\(source)/i -I./i -fmacro-prefix-map=\(source)/= -o a.o \(source)/a.c \(tree)/b\n"
        )
        let paths = TreePaths(tree: bytes(tree), source: bytes(source))
        let kept = try #require(PathRelocation.stored(text, paths))
        #expect(!String(decoding: kept, as: UTF8.self).contains("/w/"))
        #expect(PathRelocation.restored(kept, paths) == text)
        let other = TreePaths(tree: bytes("/x"), source: bytes("/some/where/y"))
        let moved = try #require(PathRelocation.restored(kept, other))
        #expect(
            String(decoding: moved, as: UTF8.self)
                == "cmd_a.o := gcc -I/some/where/y/i -I./i -fmacro-prefix-map=/some/where/y/= -o a.o /some/where/y/a.c /x/b\n"
        )
        // A tree in one directory has no path for the sources.
        #expect(PathRelocation.restored(kept, treePath: bytes("/x")) == nil)
    }

    @Test func roundTrip() throws {
        let text = Array("a /src/linux/b /src/linux:\n".utf8)
        let kept = try #require(PathRelocation.stored(text, treePath: Array("/src/linux".utf8)))
        let other = try #require(PathRelocation.restored(kept, treePath: Array("/x".utf8)))
        #expect(String(decoding: other, as: UTF8.self) == "a /x/b /x:\n")
        #expect(PathRelocation.restored(kept, treePath: Array("/src/linux".utf8)) == text)
    }
}

/// A debug build of one small unit in two directories: the same compiler must write what the relocation says.
struct ElfPathRelocationTests {
    static let hasCompiler = ExecutableLookup.find("gcc", path: "/usr/bin") != nil

    /// Enough names for both orders of the compiler's table.
    private static let places = ["a", "bb", "some/longer-name", "x/y/z", "linux-6.1", "q1", "q22", "q333"]

    private func compile(in folder: LiteralTree, _ sub: String, _ arguments: [String]) throws -> [UInt8] {
        try folder.add("\(sub)/unit.c", "#include \"unit.h\"\nint f(struct s *s) { return s->a; }\n")
        try folder.add("\(sub)/unit.h", "struct s { int a; };\n")
        try folder.add("\(sub)/code.S", ".globl g\ng: ret\n")
        try folder.add("\(sub)/nothing.c", "#include \"unit.h\"\n")
        let directory = folder.path.appending(sub)
        let result = try ProcessRunner.system.run(
            ["gcc", "-g", "-c", "-o", "out.o"] + arguments, environment: ["PATH": "/usr/bin:/bin"],
            directory: directory)
        #expect(result.status == 0)
        let output = try #require(TreePath("\(sub)/out.o"))
        return try #require(try folder.directory.readFile(output))
    }

    @Test(
        .enabled(if: hasCompiler),
        arguments: [
            ["unit.c"], ["-m32", "-ffreestanding", "unit.c"], ["-m16", "code.S"], ["code.S"],
            ["-O2", "-ffunction-sections", "unit.c"], ["nothing.c"],
        ]) func movesAsTheCompilerWould(arguments: [String]) throws
    {
        let folder = try LiteralTree([:])
        var objects: [(path: [UInt8], bytes: [UInt8])] = []
        for sub in Self.places {
            let bytes = try compile(in: folder, sub, arguments)
            objects.append((Array(folder.path.appending(sub).string.utf8), bytes))
        }
        for (from, object) in objects {
            for (to, expected) in objects {
                let moved = ElfPathRelocation.relocated(object, from: from, to: to)
                #expect(moved == expected)
            }
            let kept = try #require(ElfPathRelocation.stored(object, treePath: from))
            #expect(ElfPathRelocation.restored(kept, treePath: from) == object)
            #expect(ElfPathRelocation.relocated(object, from: Array("/elsewhere".utf8), to: from) == nil)
        }
    }

    /// As binutils 2.44 would have written them: sections with a large alignment stand at words.
    @Test(.enabled(if: hasCompiler), arguments: [["-m32", "code.S"], ["code.S"]])
    func placesSectionsAsANewerAssembler(arguments: [String]) throws {
        let folder = try LiteralTree([:])
        var objects: [(path: [UInt8], bytes: [UInt8])] = []
        for sub in Self.places {
            let object = try #require(ElfObject(try compile(in: folder, sub, arguments)))
            var bytes = try #require(object.rebuilt(with: [:], .atWords))
            let text = Array("GNU AS 2.".utf8)
            let mark = try #require(bytes.firstRange(of: text))
            bytes.replaceSubrange(mark.upperBound..<(mark.upperBound + 2), with: Array("44".utf8))
            objects.append((Array(folder.path.appending(sub).string.utf8), bytes))
        }
        for (from, object) in objects {
            for (to, expected) in objects {
                #expect(ElfPathRelocation.relocated(object, from: from, to: to) == expected)
            }
        }
    }

    /// As Kbuild compiles with `O=`: in the output directory, the source named by its path.
    @Test(
        .enabled(if: hasCompiler),
        arguments: [["-g", "unit.c"], ["-g", "code.S"], ["-g", "-m16", "code.S"]])
    func twoPathsAsTheCompilerWould(arguments: [String]) throws {
        let folder = try LiteralTree([:])
        func built(_ sub: String) throws -> (bytes: [UInt8], paths: TreePaths) {
            try folder.add("\(sub)/src/unit.c", "#include \"unit.h\"\nint f(struct s *s) { return s->a; }\n")
            try folder.add("\(sub)/src/unit.h", "struct s { int a; };\n")
            try folder.add("\(sub)/src/code.S", ".globl g\ng: ret\n")
            try folder.add("\(sub)/out/here", "")
            let (source, tree) = (folder.path.appending("\(sub)/src"), folder.path.appending("\(sub)/out"))
            let result = try ProcessRunner.system.run(
                ["gcc"] + arguments.dropLast() + [
                    "-c", "-o", "out.o", "\(source.string)/\(arguments[arguments.count - 1])",
                ], environment: ["PATH": "/usr/bin:/bin"], directory: tree)
            #expect(result.status == 0)
            let output = try #require(TreePath("\(sub)/out/out.o"))
            return (
                try #require(try folder.directory.readFile(output)),
                TreePaths(tree: Array(tree.string.utf8), source: Array(source.string.utf8))
            )
        }
        let all = try ["a", "bb", "some/longer-name", "q333"].map(built)
        for from in all {
            let kept = try #require(ElfPathRelocation.stored(from.bytes, from.paths))
            for to in all { #expect(ElfPathRelocation.restored(kept, to.paths) == to.bytes) }
        }
    }

    @Test(.enabled(if: hasCompiler)) func refusesWhatItDoesNotKnow() throws {
        let folder = try LiteralTree([:])
        let path = Array(folder.path.appending("a").string.utf8)
        // DWARF 4 holds the directory in other places; __FILE__ is part of the program.
        let old = try compile(in: folder, "a", ["-gdwarf-4", "unit.c"])
        #expect(ElfPathRelocation.relocated(old, from: path, to: Array("/b".utf8)) == nil)
        try folder.add("a/file.c", "const char *f(void) { return __FILE__; }\n")
        let file = try compile(in: folder, "a", [folder.path.appending("a/file.c").string])
        #expect(ElfPathRelocation.relocated(file, from: path, to: Array("/b".utf8)) == nil)
    }

    @Test(.enabled(if: hasCompiler)) func brokenBytesNeverTrap() throws {
        let folder = try LiteralTree([:])
        let object = try compile(in: folder, "a", ["unit.c"])
        let path = Array(folder.path.appending("a").string.utf8)
        var random = SystemRandomNumberGenerator()
        for round in 0..<3000 {
            var bytes = object
            for _ in 0..<(1 + round % 4) {
                let place =
                    round % 2 == 0
                    ? Int.random(in: 0..<64, using: &random) : Int.random(in: 0..<bytes.count, using: &random)
                // The section headers at the end are the most sensitive.
                let at = round % 3 == 0 ? bytes.count - 1 - place % (bytes.count / 2) : place
                bytes[at] = UInt8.random(in: 0...255, using: &random)
            }
            if round % 7 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            _ = ElfPathRelocation.relocated(bytes, from: path, to: Array("/some/where/else".utf8))
        }
    }
}

/// Two builds of the same sources in two directories, named by KCACHE_TEST_PAIR (`A:B`).
struct RealRelocationTests {
    static let pair =
        RealTreeClassificationTests.variable("KCACHE_TEST_PAIR")?.split(separator: ":").map { String($0) }
        ?? []

    @Test(.enabled(if: pair.count == 2)) func objectsAndTexts() throws {
        let (from, to) = (Self.pair[0], Self.pair[1])
        let here = try Directory.open(FilePath(from))
        let there = try Directory.open(FilePath(to))
        let (old, new) = (Array(from.utf8), Array(to.utf8))
        var counts: [String: Int] = [:]
        for file in try TreeScanner().scan(here).files
        where file.status.kind == .file && file.status.size < 64 << 20 {
            guard let bytes = try here.readFile(file.path), ByteSearch.contains(bytes[...], old) else {
                continue
            }
            let expected = try there.readFile(file.path)
            let name = "\(file.path)"
            if let moved = ElfPathRelocation.relocated(bytes, from: old, to: new) {
                counts["objects", default: 0] += 1
                #expect(moved == expected, "\(name)")
                #expect(
                    ElfPathRelocation.stored(bytes, treePath: old)
                        == expected.flatMap { ElfPathRelocation.stored($0, treePath: new) })
            } else if let kept = PathRelocation.stored(bytes, treePath: old) {
                counts["texts", default: 0] += 1
                #expect(PathRelocation.restored(kept, treePath: new) == expected, "\(name)")
            } else {
                counts["not handled", default: 0] += 1
                #expect(!name.hasSuffix(".o"), "\(name)")
                print("holds the path, not handled: \(name)")
            }
        }
        print(counts)
    }
}
