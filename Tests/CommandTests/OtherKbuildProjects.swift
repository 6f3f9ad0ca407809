import Foundation
import TestKernel
import Testing

/// Push, pull, status and make of projects that are no kernel and use Kbuild all the same.
@Suite struct OtherKbuildProjects {
    private let work: Workplace
    private var program: Program

    init() throws {
        work = try Workplace()
        program = work.program
        program.environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        program.environment["SOURCE_DATE_EPOCH"] = "946684800"
    }

    /// A tree in which make has come to rest, and was pushed.
    private func pushed(_ project: OtherProject, _ environment: [String: String] = [:]) throws -> URL {
        let tree = work.place("tree")
        try project.unpack(to: tree)
        let made = try project.build(tree, environment)
        #expect(made.status == 0, "\(made.log)")
        _ = try project.build(tree, environment)
        let push = try program.run(["push", "--name", "built"], in: tree)
        #expect(push.status == 0, "\(push.error)")
        return tree
    }

    private func checkout(_ project: OtherProject, _ name: String = "other") throws -> URL {
        let tree = work.place(name)
        try project.unpack(to: tree)
        return tree
    }

    private func append(_ text: String, to path: String, in tree: URL) throws {
        let file = tree.appending(path: path)
        let old = try String(contentsOf: file, encoding: .utf8)
        try (old + text).write(to: file, atomically: false, encoding: .utf8)
    }

    private func differing(_ a: URL, _ b: URL, _ paths: [String]) throws -> [String] {
        try paths.filter {
            try Data(contentsOf: a.appending(path: $0)) != Data(contentsOf: b.appending(path: $0))
        }
    }

    private static let unit: [OtherProject: String] = [.toolbox: "applets/echo.c", .loader: "boot/boot.c"]

    @Test(arguments: OtherProject.allCases)
    func aPulledTreeMakesWhatTheOriginalMakes(_ project: OtherProject) throws {
        let tree = try pushed(project)
        let idle = try project.build(tree).steps
        let other = try checkout(project)
        let sources = try Shell.files(in: other)
        let contents = try sources.map { try Data(contentsOf: other.appending(path: $0)) }
        let pull = try program.run(["pull"], in: other)
        #expect(pull.status == 0, "\(pull.error)")
        // No source of theirs was touched, and nothing of the build was missed.
        #expect(try sources.map { try Data(contentsOf: other.appending(path: $0)) } == contents)
        #expect(try Shell.files(in: other) == Shell.files(in: tree))
        let status = try program.run(["status"], in: other)
        #expect(status.status == 0, "\(status.output)")
        #expect(try project.build(other).steps == idle)

        let unit = try #require(Self.unit[project])
        for place in [tree, other] { try append("int added;\n", to: unit, in: place) }
        let stale = try program.run(["status"], in: other)
        #expect(stale.status == 1)
        #expect(stale.output.contains(unit.dropLast(1) + "o"), "\(stale.output)")
        let expected = try project.build(tree).steps
        #expect(expected.contains("CC      \(unit.dropLast(1))o"))
        #expect(try project.build(other).steps == expected)

        // A clean build in that very directory.
        let warm = work.place("warm")
        try FileManager.default.moveItem(at: other, to: warm)
        let clean = try checkout(project)
        try append("int added;\n", to: unit, in: clean)
        #expect(try project.build(clean).status == 0)
        #expect(try differing(warm, clean, project.programs) == [])
    }

    @Test(arguments: OtherProject.allCases)
    func kcacheMakeBuildsAndComesToRest(_ project: OtherProject) throws {
        let tree = try checkout(project, "tree")
        var program = program
        program.environment["SOURCE_DATE_EPOCH"] = nil
        func make() throws -> Program.Result {
            // Behind -C of the helper, all is make's.
            let result = try program.run(["make", "-j2"], in: tree)
            #expect(result.status == 0, "\(result.output)\(result.error)")
            return result
        }
        for _ in 0..<4 { _ = try make() }
        let log = BuildResult(status: 0, log: try make().output).steps
        #expect(!log.contains { $0.hasPrefix("CC") || $0.hasPrefix("LD") || $0.hasPrefix("LINK") }, "\(log)")
        let unit = try #require(Self.unit[project])
        try append("int added;\n", to: unit, in: tree)
        #expect(BuildResult(status: 0, log: try make().output).steps.contains("CC      \(unit.dropLast(1))o"))
        // The date was pinned.
        let clean = try checkout(project, "clean")
        try append("int added;\n", to: unit, in: clean)
        #expect(try project.build(clean).status == 0)
        #expect(try differing(tree, clean, project.programs) == [])
    }

    @Test(arguments: OtherProject.allCases)
    func anUnfinishedBuildIsNotPushed(_ project: OtherProject) throws {
        let tree = work.place("tree")
        try project.unpack(to: tree)
        #expect(try project.build(tree).status == 0)
        for path in try Shell.files(in: tree)
        where path.hasPrefix(project.rawValue) || path.hasPrefix(".\(project)") {
            try FileManager.default.removeItem(at: tree.appending(path: path))
        }
        let push = try program.run(["push"], in: tree)
        #expect(push.status == 1)
        #expect(push.error.contains("there is no \(project), so it was not linked"), "\(push.error)")
    }

    /// Files of a person that look like what these builds make.
    @Test func whatAPersonKeepsIsNoOutput() throws {
        let tree = work.place("tree")
        try OtherProject.toolbox.unpack(to: tree)
        try "mine".write(to: tree.appending(path: "docs/notes.html"), atomically: false, encoding: .utf8)
        try "mine".write(to: tree.appending(path: "docs/Kbuild"), atomically: false, encoding: .utf8)
        #expect(try OtherProject.toolbox.build(tree).status == 0)
        #expect(try program.run(["push"], in: tree).status == 0)
        let other = try checkout(.toolbox)
        for path in ["docs/notes.html", "docs/Kbuild", "test", "Makefile.custom", "Config.in"] {
            try "other".write(to: other.appending(path: path), atomically: false, encoding: .utf8)
        }
        #expect(try program.run(["pull"], in: other).status == 0)
        for path in ["docs/notes.html", "docs/Kbuild", "test", "Makefile.custom", "Config.in"] {
            #expect(try String(contentsOf: other.appending(path: path), encoding: .utf8) == "other")
        }
        let listed = try program.run(["pull", "--dry-run"], in: try checkout(.toolbox, "third"))
        #expect(!listed.output.contains("docs/notes.html"))
    }

    /// Clean rules remove at the root what people put there for a build as well.
    @Test func whatAPersonPutsAtTheRootStaysTheirs() throws {
        let tree = work.place("tree")
        try OtherProject.loader.unpack(to: tree)
        let mine = ["bl31.elf", "board.itb", "loader-notes.txt"]
        for path in mine {
            try "one".write(to: tree.appending(path: path), atomically: false, encoding: .utf8)
        }
        #expect(try OtherProject.loader.build(tree).status == 0)
        #expect(try program.run(["push"], in: tree).status == 0)
        let other = try checkout(.loader)
        for path in mine {
            try "two".write(to: other.appending(path: path), atomically: false, encoding: .utf8)
        }
        let pulled = try program.run(["pull"], in: other)
        #expect(
            pulled.status == 0 && pulled.output.contains("bl31.elf") || pulled.error.contains("bl31.elf"),
            "\(pulled)")
        for path in mine {
            #expect(try String(contentsOf: other.appending(path: path), encoding: .utf8) == "two")
        }
    }

    // MARK: Cross compilers

    /// A compiler of another machine's name, which runs gcc.
    private func crossTools(_ prefix: String, version: String, in folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for tool in ["gcc", "ld", "ar", "nm", "objcopy", "objdump", "readelf", "strip"] {
            let text = "#!/bin/sh\n# \(version)\nexec \(tool) \"$@\"\n"
            let file = folder.appending(path: prefix + tool)
            try text.write(to: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        }
    }

    @Test(arguments: OtherProject.allCases)
    func aChangedCrossCompilerIsNamed(_ project: OtherProject) throws {
        let tools = work.place("bin")
        try crossTools("toy-none-elf-", version: "1", in: tools)
        var mine = self
        let path = program.environment["PATH"] ?? ""
        mine.program.environment["PATH"] = "\(tools.path):\(path)"
        let cross = ["CROSS_COMPILE": "toy-none-elf-", "PATH": "\(tools.path):\(path)"]
        let tree = try mine.pushed(project, cross)
        let shown = try mine.program.run(["show", "built", "--format", "json"], in: tree)
        #expect(shown.output.contains("toy-none-elf-gcc"), "\(shown.output)\(shown.error)")
        // The compiler is known by the tree alone.
        let other = try checkout(project)
        let pull = try mine.program.run(["pull"], in: other)
        #expect(pull.status == 0)
        #expect(!pull.error.contains("the toolchain differs"), "\(pull.error)")
        #expect(try project.build(other, cross).steps == project.build(tree, cross).steps)
        // Who names it, names no compiler of the host (the loader's is another one than Linux's).
        var naming = mine.program
        naming.environment["CROSS_COMPILE"] = "toy-none-elf-"
        let named = try naming.run(["pull"], in: try checkout(project, "named"))
        #expect(named.status == 0 && !named.error.contains("the toolchain differs"), "\(named.error)")
        // Another program of the same name and version text.
        try crossTools("toy-none-elf-", version: "2", in: tools)
        let third = try checkout(project, "third")
        let changed = try mine.program.run(["pull"], in: third)
        #expect(changed.error.contains("the toolchain differs: CC: both say"), "\(changed.error)")
        #expect(!FileManager.default.fileExists(atPath: third.appending(path: project.programs[0]).path))
    }
}
