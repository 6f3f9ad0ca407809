import Foundation
import Glibc
import TestKernel
import Testing

/// What the program prints and exits with, to the letter where it can be.
@Suite struct ProgramTests {
    let work: Workplace

    init() throws {
        work = try Workplace()
        try FileManager.default.createDirectory(at: work.place("tree"), withIntermediateDirectories: true)
    }

    private var store: String { work.place("home/.cache/kcache").path }
    private var tree: String { work.place("tree").path }

    private func expect(
        _ result: Program.Result, _ status: Int32, output: String? = "", error: String? = "",
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == status, "\(result)", sourceLocation: location)
        if let output { #expect(result.output == output, sourceLocation: location) }
        if let error { #expect(result.error == error, sourceLocation: location) }
    }

    private func pushed() throws {
        _ = try SmallTree(work.place("tree"))
        let result = try work.run("push", "--name", "first")
        #expect(result.status == 0, "\(result)")
    }

    @Test func notAKbuildTree() throws {
        expect(
            try work.run("push"), 1,
            error:
                "kcache: \(tree) is no Kbuild tree (no Makefile with scripts/Kbuild.include): go to a kernel tree, or "
                + "name it with -C and modules' directory with M=\n"
        )
        let status = try work.run("status")
        #expect(
            status.status == 1 && status.error.hasPrefix("kcache: \(tree) is no Kbuild tree"), "\(status)")
        try pushed()
        let other = work.place("other")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try "x".write(to: other.appending(path: "file"), atomically: false, encoding: .utf8)
        expect(
            try work.program.run(["pull"], in: other), 1,
            error: "kcache: \(other.path) is neither empty nor a Kbuild tree: pull into a kernel tree or an "
                + "empty directory\n")
        let nowhere = try work.program.run(["push"], in: work.place("nowhere"))
        #expect(
            nowhere.status == 1 && nowhere.error.contains("nowhere") && nowhere.error.contains("No such file")
        )
    }

    @Test func noConfigurationAndNothingBuilt() throws {
        _ = try SmallTree(work.place("tree"), built: false)
        expect(
            try work.run("push"), 1, error: "kcache: nothing is built in \(tree): run make first, then push\n"
        )
        try FileManager.default.removeItem(at: work.place("tree/.config"))
        expect(
            try work.run("push"), 1,
            error: "kcache: \(tree) has no .config: configure and build it first, then push\n")
    }

    @Test func withoutSourcesTheConfigurationIsStored() throws {
        _ = try SmallTree(work.place("tree"))
        #expect(try work.run("push", "--without-sources").status == 0)
        let verify = try work.run("verify")
        #expect(verify.status == 0, "\(verify)")
        let checkout = work.place("checkout")
        _ = try SmallTree(checkout, built: false)
        try FileManager.default.removeItem(at: checkout.appending(path: ".config"))
        let pull = try work.program.run(["pull"], in: checkout)
        #expect(pull.status == 0, "\(pull)")
        #expect(FileManager.default.fileExists(atPath: checkout.appending(path: ".config").path))
    }

    /// Where one is just this tree, no other is looked at.
    @Test func theSnapshotOfThisTreeIsEnough() throws {
        func read() throws -> String {
            let pull = try work.run("pull", "--format", "json")
            #expect(pull.status == 0, "\(pull)")
            return try #require(
                pull.output.split(separator: "\n").first { $0.contains("readBytes") }.map(String.init))
        }
        try pushed()
        let alone = try read()
        let file = work.place("tree/d/f0.c")
        let source = try Data(contentsOf: file)
        try (source + Data("int more;\n".utf8)).write(to: file)
        #expect(try work.run("push", "--name", "second").status == 0)
        try source.write(to: file)
        #expect(try read() == alone)
    }

    @Test func noSnapshotAndUnknownNames() throws {
        _ = try SmallTree(work.place("tree"))
        expect(
            try work.run("pull"), 1,
            error: "kcache: there is no kcache store at \(store): kcache push makes one\n")
        for command in ["list", "stats", "verify", "gc"] {
            expect(
                try work.run(command), 1,
                error: "kcache: there is no kcache store at \(store): kcache push makes one\n")
        }
        expect(try work.run("store", "add", "team", "\(work.place("team").path)"), 0, output: nil)
        expect(
            try work.run("pull", "team"), 1,
            error:
                "kcache: the store \(work.place("team").path) holds no snapshot: run kcache push in a built tree "
                + "first\n")
        try pushed()
        for arguments in [["pull", "nosuch"], ["show", "nosuch"], ["forget", "nosuch"]] {
            expect(
                try work.program.run(arguments, in: work.place("tree")), 1,
                error: "kcache: no snapshot is called \"nosuch\": kcache list shows them\n")
        }
        expect(
            try work.run("list", "nosuch"), 1,
            error:
                "kcache: there is no store named \"nosuch\": `kcache store list` has the names; a folder is "
                + "written ./nosuch\n")
        expect(
            try work.run("store", "remove", "nosuch"), 1,
            error: "kcache: there is no store named \"nosuch\": `kcache store list` has the names\n")
        expect(
            try work.run("store", "add", "a b", "/x"), 1, error: nil)
    }

    @Test(arguments: [
        ["bogus"], ["push", "--bogus"], ["forget"], ["show"], ["push", "--format", "yaml"],
        ["pull", "a", "b", "c"],
        ["gc", "--max-size", "lots"], ["gc", "--max-size", "-1"], ["push", "--name", "two\nlines"],
        ["store", "add", "x"],
    ])
    func wrongUsage(arguments: [String]) throws {
        let result = try work.program.run(arguments, in: work.place("tree"))
        #expect(result.status == 2 && result.output.isEmpty, "\(result)")
        #expect(result.error.hasPrefix("Error: ") && result.error.contains("Usage: kcache"), "\(result)")
    }

    @Test func helpExitsWithZero() throws {
        #expect(try work.run("push", "--help").status == 0)
    }

    /// A first pull from elsewhere leaves the state of its tree in the cache folder; a push then makes a store
    /// there.
    @Test func aPullFromElsewhereDoesNotSpoilTheDefaultStore() throws {
        _ = try SmallTree(work.place("tree"))
        let elsewhere = work.place("elsewhere").path
        expect(try work.run("push", "--store", elsewhere), 0, output: nil)
        try FileManager.default.removeItem(at: work.place("home/.cache"))
        expect(try work.run("pull", elsewhere), 0, output: nil)
        expect(try work.run("push"), 0, output: nil)
        expect(try work.run("verify"), 0, output: nil)
    }

    @Test func aStoreOfANewerFormat() throws {
        try pushed()
        try "kcache store 2\n".write(
            to: URL(fileURLWithPath: store + "/format"), atomically: false, encoding: .utf8)
        for command in ["push", "pull", "list", "gc", "verify"] {
            expect(
                try work.run(command), 1,
                error: "kcache: store \(store) has format 2, and this kcache reads 1: use a newer kcache\n")
        }
        try "something else\n".write(
            to: URL(fileURLWithPath: store + "/format"), atomically: false, encoding: .utf8)
        expect(
            try work.run("push"), 1,
            error: "kcache: \(store)/format is not that of a kcache store: is this the right folder?\n")
    }

    // MARK: Another user

    /// How to become one who owns nothing here; nil if that can't be done.
    private static let unprivileged: [String]? = {
        if geteuid() != 0 { return [] }
        for path in ["/usr/bin/setpriv", "/bin/setpriv"] where access(path, X_OK) == 0 {
            return [path, "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        }
        return nil
    }()

    private func stranger() throws -> Program {
        var program = work.program
        program.prefix = Self.unprivileged ?? []
        program.environment["HOME"] = work.place("guest").path
        try Shell.run(["mkdir", "-m", "777", work.place("guest").path])
        return program
    }

    @Test(.enabled(if: unprivileged != nil)) func aReadOnlyStore() throws {
        try pushed()
        let guest = try stranger()
        let copy = work.place("copy")
        try Shell.run(["cp", "-a", tree, copy.path])
        try Shell.run([
            "sh", "-c",
            "cd '\(copy.path)' && rm -f d/f1.o d/.f1.o.cmd; chmod -R a-w '\(store)'; [ $(id -u) -ne 0 ] || chown -R 65534 '\(copy.path)'",
        ])
        let pull = try guest.run(["pull", "--store", store], in: copy)
        #expect(pull.status == 0, "\(pull)")
        for command in [["list"], ["verify"], ["stats"], ["show", "first"]] {
            let result = try guest.run(command + ["--store", store], in: copy)
            #expect(result.status == 0 && result.error.isEmpty, "\(result)")
        }
        try "int changed;\n".write(to: copy.appending(path: "d/f0.o"), atomically: false, encoding: .utf8)
        for command in [["push", "--partial"], ["forget", "first"], ["gc"]] {
            let result = try guest.run(command + ["--store", store], in: copy)
            #expect(result.status == 1, "\(command) \(result)")
            #expect(
                result.error.split(separator: "\n").count == 1 && result.error.hasPrefix("kcache: "),
                "\(result)")
            #expect(result.error.contains("Permission denied") && result.error.contains(store), "\(result)")
        }
        #expect(try work.run("verify").status == 0)
    }

    @Test(.enabled(if: unprivileged != nil)) func anUnreadableFile() throws {
        _ = try SmallTree(work.place("tree"))
        try Shell.run(["sh", "-c", "chmod -R a+rwX '\(tree)'; chmod 600 '\(tree)/d/f3.c'"])
        let guest = try stranger()
        if geteuid() != 0 { try Shell.run(["chmod", "0", "\(tree)/d/f3.c"]) }
        expect(
            try guest.run(["push"], in: work.place("tree")), 1,
            error: "kcache: cannot open \(tree)/d/f3.c: Permission denied: this user may not\n")
    }

    // MARK: Files that change

    @Test func aFileThatNeverStaysTheSame() throws {
        _ = try SmallTree(work.place("tree"))
        let file = "\(tree)/d/f1.c"
        let stop = URL(fileURLWithPath: tree).appending(path: "../stop").path
        // Large enough that reading takes a while, and written all the time.
        let writer = Thread {
            let fd = open(file, O_WRONLY)
            ftruncate(fd, 40 << 20)
            var i: UInt8 = 0
            while access(stop, F_OK) != 0 {
                i &+= 1
                pwrite(fd, [i], 1, 0)
            }
            close(fd)
        }
        writer.start()
        // Until it has begun.
        var status = stat()
        while lstat(file, &status) == 0, status.st_size < 40 << 20 { usleep(1000) }
        usleep(20_000)
        let result = try work.run("push")
        _ = FileManager.default.createFile(atPath: stop, contents: nil)
        expect(
            result, 1,
            error:
                "kcache: d/f1.c keeps changing while it is read: wait for the build to end, then try again\n")
        #expect(try work.run("verify").status == 0)
        #expect(try work.run("list", "--format", "json").output == "[\n\n]\n")
    }

    // MARK: Results

    @Test func everyResultAsJSON() throws {
        try pushed()
        let copy = work.place("copy")
        let commands: [([String], URL)] = [
            (["push"], work.place("tree")), (["push", "--dry-run"], work.place("tree")),
            (["pull", "--dry-run"], copy), (["pull"], copy), (["status"], copy), (["list"], copy),
            (["show", "first"], copy), (["show", "first", "--files"], copy), (["stats"], copy),
            (["verify"], copy),
            (["env"], copy), (["store", "add", "x", work.place("x").path], copy), (["store", "list"], copy),
            (["store", "remove", "x"], copy), (["forget", "first", "--dry-run"], copy),
            (["forget", "first"], copy),
            (["gc", "--dry-run"], copy), (["gc"], copy),
        ]
        for (arguments, place) in commands {
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            let result = try work.program.run(arguments + ["--format", "json"], in: place)
            // `status` exits with 1 in a tree that make has work in: this one never saw a real make.
            let status: Int32 = arguments == ["status"] ? 1 : 0
            #expect(result.status == status, "\(arguments) \(result)")
            let value = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
            #expect(value is [String: Any] || value is [Any])
        }
    }

    @Test func oddNames() throws {
        let small = try SmallTree(work.place("tree"))
        try small.put("d/with space.c", "1")
        try small.put("d/with\nnewline\u{1b}[31m.c", "2")
        let raw = tree + "/d/"
        let fd = (Array(raw.utf8) + [0xff, 0xfe, 0x2e, 0x63, 0]).withUnsafeBufferPointer {
            $0.withMemoryRebound(to: CChar.self) { open($0.baseAddress!, O_CREAT | O_WRONLY, 0o644) }
        }
        close(fd)
        expect(try work.run("push", "--name", "odd name"), 0, output: nil, error: nil)
        let shown = try work.run("show", "odd name", "--files")
        #expect(shown.output.contains("d/with space.c\n"))
        #expect(shown.output.contains("d/with\\012newline\\033[31m.c\n"))
        #expect(shown.output.contains("d/\\377\\376.c\n"))
        let copy = work.place("copy \u{e4}\nline")
        try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
        let result = try work.program.run(["pull"], in: copy)
        #expect(result.status == 0, "\(result)")
        try Shell.run(["diff", "-r", "--no-dereference", tree, copy.path])
        let error = try work.program.run(["push"], in: work.place("no\nwhere"))
        #expect(error.status == 1 && error.error.contains("no") && error.error.hasSuffix("\n"))
    }

    @Test func theEnvironmentOfAShell() throws {
        let result = try work.run("env")
        #expect(result.status == 0)
        let shown = try Shell.run(
            [
                "env", "-i", "sh", "-euc",
                "\(result.output)\n/usr/bin/env | /usr/bin/grep ^KBUILD | /usr/bin/sort",
            ])
        let pins = try JSONSerialization.jsonObject(
            with: Data(work.run("env", "--format", "json").output.utf8))
        let wanted = try #require(pins as? [String: String]).map { "\($0)=\($1)\n" }.sorted().joined()
        #expect(shown == wanted)
    }

    // MARK: A full disk

    @Test(.enabled(if: geteuid() == 0)) func aFullDisk() throws {
        _ = try SmallTree(work.place("tree"), units: 60)
        let small = work.place("small")
        try FileManager.default.createDirectory(at: small, withIntermediateDirectories: true)
        do { try Shell.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", small.path]) } catch {
            return
        }
        defer { _ = try? Shell.run(["umount", small.path]) }
        let full = try work.run("push", "--store", small.appending(path: "store").path)
        #expect(full.status == 1 && full.error.split(separator: "\n").count == 1, "\(full)")
        #expect(
            full.error.contains("No space left on device") && full.error.contains("free some room"), "\(full)"
        )
        let verify = try work.run("verify", "--store", small.appending(path: "store").path)
        #expect(verify.status == 0, "\(verify)")
        expect(try work.run("push"), 0, output: nil)
        let tree = small.appending(path: "tree")
        _ = try SmallTree(tree, units: 60, built: false)
        let pull = try work.program.run(["pull"], in: tree)
        #expect(
            pull.status == 1 && pull.error.split(separator: "\n").last?.contains("No space left") == true,
            "\(pull)")
        // What was written is stale, and no temporary is left; with room the pull completes.
        let left = try Shell.run(["find", tree.path, "-name", ".kcache-tmp-*"])
        #expect(left.isEmpty)
        let fresh = try Shell.run(["find", tree.path, "-name", "*.o", "-newermt", "1981-01-01"])
        #expect(fresh.isEmpty)
        try Shell.run(["mount", "-o", "remount,size=9m", small.path])
        #expect(try work.program.run(["pull"], in: tree).status == 0)
        let again = try work.run("push", "--store", small.appending(path: "store").path)
        #expect(again.status == 0, "\(again)")
        try Shell.run(["diff", "-r", work.place("tree").path, tree.path])
    }
}
