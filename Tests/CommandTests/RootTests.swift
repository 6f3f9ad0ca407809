import Foundation
import Glibc
import TestKernel
import Testing

/// Roots to build in: what is kept of them, what runs inside, and what a tree built there is worth outside.
@Suite struct RootTests {
    /// One machine: its own home, so its own roots, caches and store.
    func machine(_ place: Workplace, _ name: String) throws -> Program {
        let home = place.place(name)
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        var program = Program(home: home)
        program.environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
        return program
    }

    func text(_ url: URL) throws -> String { try String(contentsOf: url, encoding: .utf8) }

    /// Its Makefile tells what make sees inside.
    func tree(_ place: Workplace, _ name: String = "tree") throws -> SmallTree {
        let tree = try SmallTree(place.place(name))
        try tree.put(
            "Makefile",
            """
            include scripts/Kbuild.include
            all: seen
            seen:
            \tcat /etc/marker > seen
            \tenv > seen-environment
            \tls -a / > seen-folders
            \t! echo x 2>/dev/null > /usr/bin/written
            \t! cat "$(SECRET)" 2>/dev/null >> seen
            d/%.o: d/%.c
            \techo made >> made
            \ttouch $@
            \ttouch d/.$*.o.cmd
            everything: d/f0.o
            modules_install:
            ifeq ($(wildcard d/.f0.o.cmd),)
            d/f0.o: FORCE
            endif
            FORCE:

            """)
        // Old, so that what the tree holds is newer.
        return tree
    }

    // MARK: Making, carrying, removing

    @Test func aRootIsCarriedAsItIs() throws {
        let place = try Workplace()
        let (desk, laptop) = (try machine(place, "desk"), try machine(place, "laptop"))
        let source = try SmallRoot(place.place("source"))
        let made = try desk.run(["root", "create", "small", source.url.path], in: place.url)
        #expect(made.status == 0, "\(made.error)")
        let store = place.place("store").path
        let pushed = try desk.run(["root", "push", "small", store], in: place.url)
        #expect(pushed.status == 0, "\(pushed.error)")
        let pulled = try laptop.run(["root", "pull", "small", store], in: place.url)
        #expect(pulled.status == 0, "\(pulled.error)")
        let roots = [desk, laptop].map { $0.home.appending(path: ".local/share/kcache/roots/small").path }
        // Links are compared as links, and files byte for byte.
        let difference = try Shell.run(["diff", "-r", "--no-dereference", roots[0], roots[1]])
        #expect(difference.isEmpty)
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: roots[1] + "/usr/bin/gcc")
        #expect(link == "/usr/bin/gcc-99")
        let lists = try [desk, laptop].map { try $0.run(["root", "list"], in: place.url).output }
        #expect(lists[0] == lists[1])
        #expect(lists[0].contains("small"))
        let again = try laptop.run(["root", "pull", "small", store], in: place.url)
        #expect(again.output.contains("it was here already"))
        let twice = try desk.run(["root", "push", "small", store], in: place.url)
        #expect(twice.output.contains("nothing new"))
        // No pull of a tree takes it for one.
        let empty = place.place("empty")
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
        let tree = try laptop.run(["pull", store], in: empty)
        #expect(tree.status == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: empty.path).isEmpty)
        #expect(try laptop.run(["root", "remove", "small"], in: place.url).status == 0)
        #expect(!FileManager.default.fileExists(atPath: roots[1]))
        #expect(try laptop.run(["root", "remove", "small"], in: place.url).status == 1)
    }

    @Test func whatIsHostileInARootStaysOut() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        let secret = place.place("secret")
        try "mine\n".write(to: secret, atomically: false, encoding: .utf8)
        let path = source.url.path
        try Shell.run([
            "sh", "-ec",
            """
            cd "$1"; ln -s "$2" etc/absolute; ln -s ../../../../../../../../../../..$2 etc/climbing
            mkdir etc/folder; ln -s "$3" etc/folder/out; mkfifo etc/pipe; cp usr/bin/cat usr/bin/raised
            chmod 6755 usr/bin/raised; mkdir -p usr/.git; echo x > usr/.git/config
            """, "sh", path, secret.path, place.url.path,
        ])
        let before = try Shell.run(["sh", "-c", "stat -c '%n %s %Y %Z %a' \"$1\"", "sh", secret.path])
        let made = try desk.run(["root", "create", "hostile", path], in: place.url)
        #expect(made.status == 0, "\(made.error)")
        for word in ["etc/climbing", "etc/pipe", "usr/bin/raised", "set-id"] {
            #expect(made.error.contains(word))
        }
        let root = desk.home.appending(path: ".local/share/kcache/roots/hostile")
        func exists(_ name: String) -> Bool {
            (try? FileManager.default.attributesOfItem(atPath: root.appending(path: name).path)) != nil
        }
        #expect(!exists("etc/climbing") && !exists("etc/pipe") && !exists("usr/.git"))
        // Absolute ones are kept, and lead into the root.
        let link = try FileManager.default.destinationOfSymbolicLink(
            atPath: root.appending(path: "etc/absolute").path)
        #expect(link == secret.path)
        let mode = try FileManager.default.attributesOfItem(
            atPath: root.appending(path: "usr/bin/raised").path)[.posixPermissions]
        #expect(mode as? Int == 0o755)
        #expect(try Shell.run(["sh", "-c", "stat -c '%n %s %Y %Z %a' \"$1\"", "sh", secret.path]) == before)
        // The link leads nowhere inside, although its target exists here.
        let tree = try tree(place)
        let run = try desk.run(
            ["make", "--root", "hostile", "SECRET=/etc/absolute", "-C", tree.root.path], in: tree.root)
        #expect(run.status == 0, "\(run.error)\(run.output)")
        #expect(try text(tree.root.appending(path: "seen")) == "small root\n")
    }

    @Test func aTarballIsUnpackedOnce() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        let archive = place.place("small.tar.gz").path
        try Shell.run(["tar", "-czf", archive, "-C", source.url.path, "."])
        let tree = try tree(place)
        for round in 0..<2 {
            let run = try desk.run(["make", "--root=\(archive)", "-C", tree.root.path], in: tree.root)
            #expect(run.status == 0, "\(run.error)")
            #expect(run.error.contains("unpacking") == (round == 0))
        }
        let made = try desk.run(["root", "create", "small", source.url.path], in: place.url)
        #expect(made.status == 0)
        let digests = try desk.run(["root", "list"], in: place.url).output.split(separator: "\n").dropFirst()
            .map { $0.split(separator: " ")[1] }
        #expect(digests.count == 2 && digests[0] == digests[1])
    }

    @Test func whatIsNoNameIsNoRoot() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let source = try SmallRoot(place.place("source"))
        let roots = desk.home.appending(path: ".local/share/kcache/roots")
        // As a killed create leaves it.
        let leftover = roots.appending(path: ".kcache-tmp-1-2")
        try FileManager.default.createDirectory(
            at: leftover.appending(path: "usr"), withIntermediateDirectories: true)
        #expect(try desk.run(["root", "create", "small", source.url.path], in: place.url).status == 0)
        #expect(!FileManager.default.fileExists(atPath: leftover.path))
        try FileManager.default.createDirectory(at: leftover, withIntermediateDirectories: true)
        let store = place.place("store").path
        for name in [".", "..", "", ".kcache-tmp-1-2"] {
            for words in [["push", name, store], ["remove", name]] {
                let run = try desk.run(["root"] + words, in: place.url)
                #expect(run.status == 1, "\(words)")
                #expect(run.error.contains("there is no root named"), "\(words): \(run.error)")
            }
        }
        #expect(try desk.run(["root", "remove", "small"], in: place.url).status == 0)
        #expect(!FileManager.default.fileExists(atPath: leftover.path))
    }

    // MARK: Inside

    @Test func makeSeesTheRootAndTheTreeAlone() throws {
        let place = try Workplace()
        var desk = try machine(place, "desk")
        desk.environment["TOKEN"] = "not for the root"
        desk.environment["KBUILD_EXTRA"] = "for the build"
        let source = try SmallRoot(place.place("source"))
        let tree = try tree(place)
        let secret = place.place("secret")
        try "mine\n".write(to: secret, atomically: false, encoding: .utf8)
        let before = try Shell.run(["find", source.url.path])
        let run = try desk.run(
            ["make", "--root", source.url.path, "SECRET=\(secret.path)", "-C", tree.root.path], in: tree.root)
        #expect(run.status == 0, "\(run.error)\(run.output)")
        #expect(try text(tree.root.appending(path: "seen")) == "small root\n")
        let environment = try text(tree.root.appending(path: "seen-environment"))
        #expect(!environment.contains("not for the root"))
        #expect(environment.contains("KBUILD_EXTRA=for the build"))
        #expect(environment.contains("KBUILD_BUILD_USER=kcache"))
        let folders = try text(tree.root.appending(path: "seen-folders"))
        #expect(!folders.contains("home\n") && folders.contains("usr\n"))
        #expect(try Shell.run(["find", source.url.path]) == before)
        // make's own status comes through.
        let failed = try desk.run(
            ["make", "--root", source.url.path, "-C", tree.root.path, "no-such-goal"], in: tree.root)
        #expect(failed.status == 2)
    }

    @Test func whatCantBeEnteredIsToldAtOnce() throws {
        let place = try Workplace()
        var desk = try machine(place, "desk")
        let tree = try tree(place)
        let source = try SmallRoot(place.place("source"))
        let none = try desk.run(["make", "--root", "nothing", "-C", tree.root.path], in: tree.root)
        #expect(none.status == 2)
        #expect(none.error.contains("there is no root named nothing"))
        // A shell that does not run there.
        try Shell.run(["rm", source.url.appending(path: "usr/bin/dash").path])
        let broken = try desk.run(["make", "--root", source.url.path, "-C", tree.root.path], in: tree.root)
        #expect(broken.status == 2)
        #expect(broken.error.contains("can't be entered"))
        let unnamed = try desk.run(["make", "--root", "", "-C", tree.root.path], in: tree.root)
        #expect(unnamed.status == 2)
        #expect(unnamed.error.contains("names no root"))
        desk.environment["PATH"] = "/nonexistent"
        let missing = try desk.run(["make", "--root", source.url.path, "-C", tree.root.path], in: tree.root)
        #expect(missing.status == 2)
        #expect(missing.error.contains("install bubblewrap"))
    }

    // MARK: What a tree is worth

    @Test func aTreeBuiltInARootIsWarmInItAlone() throws {
        let place = try Workplace()
        let (desk, laptop) = (try machine(place, "desk"), try machine(place, "laptop"))
        let source = try SmallRoot(place.place("source"))
        #expect(try desk.run(["root", "create", "small", source.url.path], in: place.url).status == 0)
        let (here, there) = (try tree(place), try SmallTree(place.place("other"), built: false))
        try Shell.run(["cp", here.root.appending(path: "Makefile").path, there.root.path])
        let store = place.place("store").path
        #expect(try desk.run(["make", "--root", "small", "d/f0.o"], in: here.root).status == 0)
        let outside = try desk.run(["push", store], in: here.root)
        #expect(outside.status == 1)
        #expect(outside.error.contains("push it with --root small"))
        let pushed = try desk.run(["push", "--root", "small", store], in: here.root)
        #expect(pushed.status == 0, "\(pushed.error)")
        #expect(try desk.run(["root", "push", "small", store], in: place.url).status == 0)

        // The compiler is named, and what would help, and nothing is written.
        let listing = try Shell.run(["find", there.root.path])
        let refused = try laptop.run(["pull", store], in: there.root)
        #expect(refused.status == 1)
        #expect(refused.error.contains("gcc (Small Root) 99.1 there"))
        #expect(refused.error.contains("kcache pull --root small"))
        #expect(try Shell.run(["find", there.root.path]) == listing)

        #expect(try laptop.run(["root", "pull", "small", store], in: place.url).status == 0)
        let pulled = try laptop.run(["pull", "--root", "small", store], in: there.root)
        #expect(pulled.status == 0, "\(pulled.error)")
        #expect(pulled.output.contains("same toolchain"))
        let run = try laptop.run(
            ["make", "--root", "small", "-C", there.root.path, "d/f0.o"], in: there.root)
        #expect(run.status == 0, "\(run.error)")
        #expect(!FileManager.default.fileExists(atPath: there.root.appending(path: "made").path))
    }

    /// Another compiler in a root, even with the same version text, makes all objects anew.
    @Test func anotherRootMakesEverythingAnew() throws {
        let place = try Workplace()
        let desk = try machine(place, "desk")
        let (first, second) = (try SmallRoot(place.place("first")), try SmallRoot(place.place("second")))
        let tree = try tree(place)
        func make(_ root: SmallRoot) throws -> Program.Result {
            try desk.run(["make", "--root", root.url.path, "-C", tree.root.path, "d/f0.o"], in: tree.root)
        }
        func times() throws -> Int {
            let made = tree.root.appending(path: "made")
            return FileManager.default.fileExists(atPath: made.path) ? try text(made).utf8.count / 5 : 0
        }
        // What built it so far is another toolchain too: this machine's.
        let one = try make(first)
        #expect(one.status == 0 && one.error.contains("builds everything anew"), "\(one.error)")
        #expect(try times() == 1)
        #expect(try make(first).error.contains("anew") == false)
        #expect(try times() == 1)
        // The same tools in another root are no reason.
        try second.put("etc/marker", "second\n")
        #expect(try make(second).error.contains("anew") == false)
        #expect(try times() == 1)
        try second.putProgram("usr/bin/gcc-99", "#!/bin/sh\n# other\necho 'gcc (Small Root) 99.1'\n")
        let other = try make(second)
        #expect(other.error.contains("builds everything anew"), "\(other.error)")
        #expect(try times() == 2)
        // It changed after the build: a push would note other tools than those that built the tree.
        try second.put("etc/marker", "third\n")
        let pushed = try desk.run(["push", "--root", second.url.path], in: tree.root)
        #expect(pushed.status == 1)
        #expect(pushed.error.contains("was built in another root"))
    }
}
