import Foundation
import TestKernel
import Testing

/// External modules (`make M=`), built against fake kernels and carried to kernels elsewhere.
@Suite(.serialized) struct ModuleTests {
    enum Layout: String, CaseIterable { case together, apart, below }

    /// A kernel with what is needed to build modules against it.
    private struct Kernel {
        let source: URL
        let output: URL
        /// Of make's command line.
        let words: [String]

        init(_ layout: Layout, _ place: URL) {
            source = place.appending(path: "linux")
            switch layout {
            case .together: (output, words) = (source, [])
            case .apart:
                output = place.appending(path: "out")
                words = ["O=\(output.path)"]
            case .below:
                output = source.appending(path: "out")
                words = ["O=out"]
            }
        }
    }

    private let stored: StoredTrees
    private var program: Program { stored.program }

    init() throws { stored = try StoredTrees() }

    /// Two modules, one of them in a folder of its own, that use each other and the kernel's.
    private static let sources = [
        "Makefile": "obj-m += lamp.o\nobj-m += deep/\nlamp-y := main.o part.o\n",
        "main.c": """
        #include <linux/module.h>
        #include <fake/bus.h>
        #include "lamp.h"
        static int lamp_start(void) { return bus_register(lamp_part(LAMP)); }
        module_init(lamp_start);
        EXPORT_SYMBOL(lamp_part);
        MODULE_LICENSE("GPL");

        """,
        "part.c": "#include \"lamp.h\"\nint lamp_part(int number) { return number + LAMP; }\n",
        "lamp.h": "#define LAMP 3\nint lamp_part(int number);\n",
        "deep/Makefile": "obj-m += deep.o\nccflags-y += -I$(src)/../include -I$(src)/..\n",
        "deep/deep.c": """
        #include <linux/module.h>
        #include <lamp.h>
        static int deep_start(void) { return lamp_part(1); }
        module_init(deep_start);
        MODULE_LICENSE("GPL");

        """,
    ]

    // MARK: Steps

    private func kernel(_ layout: Layout, _ name: String) throws -> Kernel {
        let kernel = Kernel(layout, stored.work.place(name))
        try FileManager.default.createDirectory(
            at: stored.work.place(name), withIntermediateDirectories: true)
        guard layout != .together else {
            try stored.kernel.makeBuiltTree(at: kernel.source)
            return kernel
        }
        let state = stored.kernel.initial
        try stored.kernel.makeCheckout(at: kernel.source, state, withConfiguration: false)
        try FileManager.default.createDirectory(at: kernel.output, withIntermediateDirectories: true)
        try state.config.write(
            to: kernel.output.appending(path: ".config"), atomically: false, encoding: .utf8)
        let built = try stored.kernel.build(kernel.source, kernel.words)
        #expect(built.status == 0, "\(built.log.suffix(2000))")
        return kernel
    }

    private func modules(_ name: String, _ sources: [String: String] = sources) throws -> URL {
        let place = stored.work.place(name)
        for (path, text) in sources { try put(text, path, in: place) }
        return place
    }

    private func put(_ text: String, _ path: String, in place: URL) throws {
        let file = place.appending(path: path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: false, encoding: .utf8)
    }

    private func append(_ text: String, to file: URL) throws {
        try (String(contentsOf: file, encoding: .utf8) + text).write(
            to: file, atomically: false, encoding: .utf8)
    }

    private func make(_ modules: URL, _ kernel: Kernel, _ words: [String] = []) throws -> BuildResult {
        let made = try stored.kernel.build(kernel.source, kernel.words + ["M=\(modules.path)"] + words)
        #expect(made.status == 0, "\(made.log.suffix(2000))")
        return made
    }

    private func kcache(_ command: String, _ modules: URL, _ kernel: Kernel, _ words: [String] = []) throws
        -> Program.Result
    {
        try program.run(
            [command] + words + kernel.words + ["M=\(modules.path)"], in: kernel.source)
    }

    private func push(_ modules: URL, _ kernel: Kernel) throws {
        let pushed = try kcache("push", modules, kernel)
        #expect(pushed.status == 0 && pushed.error.isEmpty, "\(pushed.output)\(pushed.error)")
    }

    /// Modules that were built and pushed.
    private func pushed(_ kernel: Kernel, _ sources: [String: String] = sources) throws -> URL {
        let modules = try modules("mine", sources)
        _ = try make(modules, kernel)
        try push(modules, kernel)
        return modules
    }

    /// Carries the kernel, so that the two are the same.
    private func carried(_ kernel: Kernel, _ layout: Layout, to name: String) throws -> Kernel {
        #expect(try program.run(["push", "--name", "kernel"] + kernel.words, in: kernel.source).status == 0)
        let place = stored.work.place(name)
        let there = Kernel(layout, place)
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        try stored.kernel.makeCheckout(
            at: there.source, stored.kernel.initial, withConfiguration: layout == .together)
        let pulled = try program.run(["pull", "kernel"] + there.words, in: there.source)
        #expect(pulled.status == 0, "\(pulled.error)")
        return there
    }

    /// Each file that a build makes of these sources from nothing, at the same place and against the same kernel, is the
    /// one that stands there.
    private func expectCleanBuild(_ modules: URL, _ kernel: Kernel) throws {
        let warm = stored.work.place("warm-\(UUID().uuidString)")
        try FileManager.default.moveItem(at: modules, to: warm)
        defer {
            try? FileManager.default.removeItem(at: modules)
            try? FileManager.default.moveItem(at: warm, to: modules)
        }
        let sources = try Shell.files(in: warm).filter { path in
            [".c", ".h", "Makefile"].contains { path.hasSuffix($0) } && !path.hasSuffix(".mod.c")
        }
        for path in sources {
            try put(
                String(contentsOf: warm.appending(path: path), encoding: .utf8), path, in: modules)
        }
        _ = try make(modules, kernel)
        let made = try Shell.files(in: modules)
        #expect(made.contains("lamp.ko") && made.contains("deep/deep.ko"))
        for path in made {
            #expect(
                try Data(contentsOf: modules.appending(path: path))
                    == Data(contentsOf: warm.appending(path: path)), "\(path)")
        }
    }

    private func compiled(_ result: BuildResult) -> [String] {
        result.toolSteps.filter { $0.hasPrefix("CC ") }
            .map { $0.split(separator: "/").last.map(String.init) ?? "" }.sorted()
    }

    // MARK: Tests

    /// Against a kernel that was pulled, whatever the paths of both are.
    @Test(arguments: Layout.allCases) func carriedElsewhere(_ layout: Layout) throws {
        let kernel = try kernel(layout, "here")
        let modules = try modules("mine/modules")
        _ = try make(modules, kernel)
        try push(modules, kernel)
        #expect(try kcache("push", modules, kernel).output.contains("nothing new"))

        let farKernel = try carried(kernel, layout, to: "far/away")
        let far = try self.modules("other/place/for/modules")
        let before = try Self.times(farKernel)
        let pulled = try kcache("pull", far, farKernel)
        #expect(pulled.status == 0, "\(pulled.error)")
        #expect(pulled.output.contains("same sources, same toolchain"), "\(pulled.output)")
        // The kernel may be another user's.
        #expect(try Self.times(farKernel) == before)
        let first = try make(far, farKernel)
        #expect(first.toolSteps.isEmpty, "\(first.log)")
        try expectCleanBuild(far, farKernel)
        #expect(try kcache("pull", far, farKernel).output.contains("wrote 0 files"))
        #expect(try kcache("push", far, farKernel).output.contains("nothing new"))

        try put("#include \"lamp.h\"\nint lamp_part(int number) { return LAMP; }\n", "part.c", in: far)
        let edited = try make(far, farKernel)
        #expect(compiled(edited) == ["part.o"], "\(edited.log)")
        try expectCleanBuild(far, farKernel)
        // An empty directory gets the sources too.
        let empty = stored.work.place("empty")
        #expect(try kcache("pull", empty, farKernel).status == 0)
        #expect(try make(empty, farKernel).toolSteps.isEmpty)
        try expectCleanBuild(empty, farKernel)
    }

    /// Sources that differ when the pull comes are edits after the build.
    @Test func otherSources() throws {
        let kernel = try kernel(.together, "here")
        _ = try pushed(kernel)
        var sources = Self.sources
        sources["lamp.h", default: ""] += "#define MORE 1\n"
        let other = try self.modules("other", sources)
        try stored.setOld(other.appending(path: "lamp.h"))
        #expect(try kcache("pull", other, kernel).output.contains("nearest sources, 1 differ"))
        let made = try make(other, kernel)
        #expect(compiled(made) == ["deep.o", "main.o", "part.o"], "\(made.log)")
        try expectCleanBuild(other, kernel)
    }

    /// Another kernel's header spoils what includes it, however old the file is.
    @Test func headerOfAnotherKernel() throws {
        let kernel = try kernel(.together, "here")
        _ = try pushed(kernel)
        let other = try self.kernel(.together, "other")
        try append("#define BUS_MORE 1\n", to: other.source.appending(path: "include/fake/bus.h"))
        try stored.setOld(other.source.appending(path: "include/fake/bus.h"))
        let far = try self.modules("far")
        let pulled = try kcache("pull", far, other)
        #expect(pulled.status == 0, "\(pulled.error)")
        let made = try make(far, other)
        #expect(compiled(made) == ["main.o"], "\(made.log)")
        try expectCleanBuild(far, other)
    }

    /// A file that the compiler finds before the one that was included: in the kernel and in the modules.
    @Test(arguments: ["kernel", "modules"]) func headerThatComesFirst(_ place: String) throws {
        let kernel = try kernel(.together, "here")
        _ = try pushed(kernel)
        var farKernel = kernel
        let far = try self.modules("far")
        let text = "#define LAMP 9\nint lamp_part(int number);\n"
        if place == "kernel" {
            farKernel = try carried(kernel, .together, to: "away")
            try put(
                try String(
                    contentsOf: kernel.source.appending(path: "include/fake/bus.h"), encoding: .utf8)
                    + "#define BUS_MORE 1\n", "arch/fake/include/fake/bus.h", in: farKernel.source)
        } else {
            try put(text, "include/lamp.h", in: far)
            try stored.setOld(far.appending(path: "include/lamp.h"))
        }
        let pulled = try kcache("pull", far, farKernel)
        #expect(pulled.status == 0, "\(pulled.error)")
        let made = try make(far, farKernel)
        #expect(compiled(made).contains(place == "kernel" ? "main.o" : "deep.o"), "\(made.log)")
        try expectCleanBuild(far, farKernel)
    }

    /// What differs in a kernel as a whole leaves nothing to take, and that is said before anything is written.
    @Test func anotherConfiguration() throws {
        let kernel = try kernel(.together, "here")
        _ = try pushed(kernel)
        let other = try self.kernel(.together, "other")
        let config = stored.kernel.initial.config
        try config.replacing("CONFIG_LED_BLINK=y", with: "# CONFIG_LED_BLINK is not set").write(
            to: other.source.appending(path: ".config"), atomically: false, encoding: .utf8)
        #expect(try stored.kernel.build(other.source, ["modules_prepare"]).status == 0)
        let far = try self.modules("far")
        let before = try Shell.files(in: far)
        let pulled = try kcache("pull", far, other)
        #expect(pulled.status == 1)
        #expect(
            pulled.error.contains("against another kernel: include/config/auto.conf of the kernel in ")
                && pulled.error.contains("differs (and 1 more)"), "\(pulled.error)")
        #expect(try Shell.files(in: far) == before)
        // Of snapshots for two kernels each pull takes its own.
        _ = try make(far, other)
        try push(far, other)
        for kernel in [kernel, other] {
            let next = try self.modules("next-\(kernel.source.path.count)")
            #expect(try kcache("pull", next, kernel).status == 0)
            #expect(try make(next, kernel).toolSteps.isEmpty)
            try expectCleanBuild(next, kernel)
        }
    }

    /// A header that was put in another's place with an old time: make sees nothing, and nobody else shall get that.
    @Test func headerThatWasReplaced() throws {
        let kernel = try kernel(.together, "here")
        let modules = try modules("mine")
        _ = try make(modules, kernel)
        let header = kernel.source.appending(path: "include/fake/bus.h")
        try append("#define BUS_MORE 1\n", to: header)
        try stored.setOld(header)
        #expect(try make(modules, kernel).toolSteps.isEmpty)
        let refused = try kcache("push", modules, kernel)
        #expect(refused.status == 1)
        #expect(refused.error.contains("include/fake/bus.h of the kernel in"), "\(refused.error)")
        #expect(refused.error.contains("was written after modules here were built"), "\(refused.error)")
        _ = try make(modules, kernel, ["clean"])
        _ = try make(modules, kernel)
        try push(modules, kernel)
    }

    /// `__FILE__` is the absolute path of a module's source: such an object is compiled where it is used.
    @Test func pathsInCode() throws {
        let kernel = try kernel(.together, "here")
        var sources = Self.sources
        sources["part.c", default: ""] += "const char *lamp_where(void) { return __FILE__; }\n"
        let modules = try modules("mine", sources)
        _ = try make(modules, kernel)
        let pushed = try kcache("push", modules, kernel)
        #expect(pushed.error.contains("part.o"), "\(pushed.error)")
        let far = try self.modules("far/away", sources)
        #expect(try kcache("pull", far, kernel).status == 0)
        let made = try make(far, kernel)
        #expect(compiled(made) == ["part.o"], "\(made.log)")
        try expectCleanBuild(far, kernel)
    }

    /// Of several modules in a store each gets its own; a stranger gets none.
    @Test func severalModules() throws {
        let kernel = try kernel(.together, "here")
        let one = try modules("one")
        let two = try modules(
            "two",
            [
                "Makefile": "obj-m += fan.o\n",
                "fan.c": "#include <linux/module.h>\nint fan;\nMODULE_LICENSE(\"GPL\");\n",
            ])
        for place in [one, two] {
            _ = try make(place, kernel)
            try push(place, kernel)
        }
        #expect(try program.run(["list"], in: one).output.contains("modules for 6.1"))
        let far = try modules("far")
        #expect(try kcache("pull", far, kernel).status == 0)
        #expect(try make(far, kernel).toolSteps.isEmpty)
        let stranger = try modules(
            "stranger",
            [
                "Makefile": "obj-m += fog.o\n",
                "fog.c": "#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n",
            ])
        let refused = try kcache("pull", stranger, kernel)
        #expect(refused.status == 1)
        #expect(refused.error.contains("is of these modules"), "\(refused.error)")
        // Nor does a kernel take a module's.
        let tree = stored.work.place("plain")
        try stored.kernel.makeCheckout(at: tree, stored.kernel.initial)
        let kernelPull = try program.run(["pull"], in: tree)
        #expect(kernelPull.status == 1 && kernelPull.error.contains("as modules of a kernel (M=)"))
    }

    /// A module that uses another's symbols by the list of that one's build.
    @Test func symbolsOfAnotherModule() throws {
        let kernel = try kernel(.together, "here")
        let first = try modules("first")
        _ = try make(first, kernel)
        let sources = [
            "Makefile": "obj-m += user.o\n",
            "user.c": """
            #include <linux/module.h>
            int lamp_part(int number);
            static int user_start(void) { return lamp_part(2); }
            module_init(user_start);
            MODULE_LICENSE("GPL");

            """,
        ]
        let second = try modules("second", sources)
        let words = ["KBUILD_EXTRA_SYMBOLS=\(first.path)/Module.symvers"]
        _ = try make(second, kernel, words)
        try push(second, kernel)
        let far = try modules("far", sources)
        #expect(try kcache("pull", far, kernel).status == 0)
        let again = try make(far, kernel, words)
        #expect(again.toolSteps.isEmpty, "\(again.log)")
        // The list is not what it was: modpost looks again, no unit is compiled.
        try put(
            Self.sources["main.c", default: ""] + "int lamp_more;\nEXPORT_SYMBOL(lamp_more);\n", "main.c",
            in: first)
        _ = try make(first, kernel)
        let third = try modules("third", sources)
        #expect(try kcache("pull", third, kernel).status == 0)
        let made = try make(third, kernel, words)
        #expect(
            compiled(made).allSatisfy { $0 == "user.mod.o" } && made.log.contains("MODPOST"), "\(made.log)")
    }

    /// Headers and units in a directory beside the modules' own move with it; what is linked of a unit there is linked
    /// anew where that is another one.
    @Test func filesBeside() throws {
        let kernel = try kernel(.together, "here")
        var sources = Self.sources
        sources["Makefile"] =
            "obj-m += lamp.o deep/\nlamp-y := main.o part.o ../common/util.o\nccflags-y += -I$(src)/../common\n"
        sources["part.c", default: ""] += "#include \"beside.h\"\nint lamp_beside = BESIDE;\n"
        let common = ["beside.h": "#define BESIDE 1\n", "util.c": "int lamp_util;\n"]
        let modules = try modules("mine/modules", sources)
        _ = try self.modules("mine/common", common)
        _ = try make(modules, kernel)
        try push(modules, kernel)

        let far = try self.modules("far/away/modules", sources)
        _ = try self.modules("far/away/common", common)
        #expect(try kcache("pull", far, kernel).status == 0)
        let first = try make(far, kernel)
        #expect(compiled(first) == ["util.o"] && first.log.contains("LD [M]"), "\(first.log)")
        try expectCleanBuild(far, kernel)

        // There stands an object already, older than what the pull brings, of another source.
        let other = try self.modules("other/modules", sources)
        _ = try self.modules(
            "other/common", ["beside.h": "#define BESIDE 2\n", "util.c": "int lamp_util = 7;\n"])
        _ = try make(other, kernel)
        try FileManager.default.removeItem(at: other)
        _ = try self.modules("other/modules", sources)
        #expect(try kcache("pull", other, kernel).status == 0)
        let linked = try make(other, kernel)
        #expect(compiled(linked) == ["part.o"] && linked.log.contains("LD [M]"), "\(linked.log)")
        try expectCleanBuild(other, kernel)
    }

    /// What a rule of the modules makes without a saved command may be made from anything: make makes it.
    @Test func rulesOfTheirOwn() throws {
        let kernel = try kernel(.together, "here")
        var sources = Self.sources
        sources["Makefile", default: ""] +=
            "$(obj)/main.o: $(obj)/made.h\n$(obj)/made.h: \(stored.work.place("table").path)\n\tcp $< $@\nclean-files := made.h\n"
        sources["main.c", default: ""] += "#include \"made.h\"\nint lamp_made = MADE;\n"
        try put("#define MADE 1\n", "table", in: stored.work.url)
        let modules = try modules("mine", sources)
        _ = try make(modules, kernel)
        let pushed = try kcache("push", modules, kernel)
        #expect(pushed.error.contains("made by a rule that saves no command"), "\(pushed.error)")
        try put("#define MADE 2\n", "table", in: stored.work.url)
        try stored.setOld(stored.work.place("table"))
        let far = try self.modules("far", sources)
        #expect(try kcache("pull", far, kernel).status == 0)
        let made = try make(far, kernel)
        #expect(compiled(made) == ["main.o"], "\(made.log)")
        try expectCleanBuild(far, kernel)
    }

    /// Objects that came with the sources, with the saved commands of those who built them, stay and are nobody's outputs.
    @Test func objectsOfOthers() throws {
        let kernel = try kernel(.together, "here")
        let modules = try pushed(kernel)
        let far = try self.modules("far")
        for (name, text) in [("blob", "cmd_/home/vendor/blob.o := gcc -o blob.o\n"), ("other", "")] {
            try Shell.run([
                "cp", modules.appending(path: "part.o").path, far.appending(path: "\(name).o").path,
            ])
            try put(text, ".\(name).o.cmd", in: far)
        }
        #expect(try kcache("pull", far, kernel).status == 0)
        #expect(try make(far, kernel).toolSteps.isEmpty)
        for name in ["blob", "other"] {
            #expect(
                try Data(contentsOf: far.appending(path: "\(name).o"))
                    == Data(contentsOf: modules.appending(path: "part.o")))
        }
        let pushed = try kcache("push", far, kernel)
        #expect(pushed.status == 0 && pushed.error.contains("names it by another path"), "\(pushed.error)")
    }

    /// A link that leads elsewhere since the build: no file is newer, and make sees nothing.
    @Test func linkThatWasTurned() throws {
        let kernel = try kernel(.together, "here")
        var sources = Self.sources
        sources["deep/Makefile"] = "obj-m += deep.o\nccflags-y += -I$(src)/.. -I$(src)/../../kit/include\n"
        sources["deep/deep.c", default: ""] += "#include <kit.h>\nint deep_kit = KIT;\n"
        let modules = try modules("mine", sources)
        for number in [1, 2] {
            try put("#define KIT \(number)\n", "kit-\(number)/include/kit.h", in: stored.work.url)
        }
        let link = stored.work.place("kit").path
        try Shell.run(["ln", "-s", "kit-1", link])
        _ = try make(modules, kernel)
        try push(modules, kernel)
        try Shell.run(["ln", "-sfn", "kit-2", link])
        #expect(try make(modules, kernel).toolSteps.isEmpty)
        let refused = try kcache("push", modules, kernel)
        #expect(
            refused.status == 1 && refused.error.contains("../kit/include/kit.h was written after"),
            "\(refused.error)")
    }

    /// What may be made from more than a saved command tells is made where it is used: payloads, however they are named,
    /// and what a makefile that serves other ends too has a rule for.
    @Test func whatNothingTells() throws {
        let kernel = try kernel(.together, "here")
        var sources = Self.sources
        sources["Makefile", default: ""] +=
            "config.h: config.def.h\n\tcp $< $@\nall:\n\ttrue\n%.tab: %.txt\n\tcp $< $@\n"
        sources["config.def.h"] = "#define COLOUR 1\n"
        sources["config.h"] = "#define COLOUR 1\n"
        sources["part.c", default: ""] += "#include \"config.h\"\nint lamp_colour = COLOUR;\n"
        sources["main.c", default: ""] +=
            "#define TABLE \"\(stored.work.place("table.bin").path)\"\nasm(\".incbin \\\"\" TABLE \"\\\"\\n\");\n"
        try put("one", "table.bin", in: stored.work.url)
        let modules = try modules("mine", sources)
        _ = try make(modules, kernel)
        let pushed = try kcache("push", modules, kernel)
        #expect(pushed.error.contains("config.h") && pushed.error.contains("(.incbin)"), "\(pushed.error)")
        // Neither has a newer time.
        try put("two", "table.bin", in: stored.work.url)
        try stored.setOld(stored.work.place("table.bin"))
        sources["config.h"] = "#define COLOUR 2\n"
        let far = try self.modules("far", sources)
        try stored.setOld(far.appending(path: "config.h"))
        #expect(try kcache("pull", far, kernel).status == 0)
        #expect(
            try String(contentsOf: far.appending(path: "config.h"), encoding: .utf8) == "#define COLOUR 2\n")
        let made = try make(far, kernel)
        #expect(compiled(made) == ["main.o", "part.o"], "\(made.log)")
        try expectCleanBuild(far, kernel)
    }

    /// `kcache make` pulls them before it builds, and pushes them after it has.
    @Test func carriedByMake() throws {
        let kernel = try kernel(.together, "here")
        let modules = try modules("mine")
        let made = try program.run(["make", "--push", "M=\(modules.path)"], in: kernel.source)
        #expect(made.status == 0 && made.error.contains("pushed snapshot"), "\(made.error)")
        let again = try program.run(["make", "--push", "M=\(modules.path)"], in: kernel.source)
        #expect(again.status == 0 && !again.error.contains("pushed"), "\(again.error)")
        let far = try self.modules("far")
        let warmed = try program.run(["make", "--warm", "M=\(far.path)"], in: kernel.source)
        #expect(warmed.status == 0 && warmed.error.contains("warming from snapshot"), "\(warmed.error)")
        #expect(!warmed.output.contains("CC [M]"), "\(warmed.output)")
        #expect(try make(far, kernel).toolSteps.isEmpty)
        try expectCleanBuild(far, kernel)
    }

    @Test func whatCanNotBe() throws {
        let modules = try modules("mine")
        let bare = stored.work.place("bare")
        try stored.kernel.makeCheckout(at: bare, stored.kernel.initial)
        func expect(_ words: [String], in place: URL, _ text: String) throws {
            let result = try program.run(words, in: place)
            #expect(result.status != 0 && result.error.contains(text), "\(result.error)")
        }
        let word = "M=\(modules.path)"
        try expect(["push", word], in: bare, "is not prepared for modules")
        try expect(["pull", word], in: bare, "make modules_prepare there")
        try expect(["push", word], in: modules, "is no Kbuild tree")
        try expect(["push", word, word], in: bare, "M= is given twice")
        try expect(["status", word], in: bare, "status takes O=DIR, no other word")
        let kernel = try kernel(.together, "here")
        try expect(["push", word], in: kernel.source, "nothing is built in")
        let empty = stored.work.place("empty")
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
        try expect(["push", "M=\(empty.path)"], in: kernel.source, "neither Kbuild nor Makefile")
        try expect(["push", "M=\(kernel.source.path)/drv/led"], in: kernel.source, "lies in the kernel")
        try expect(["push", "--root", "any", word], in: kernel.source, "any")
        _ = try stored.kernel.build(kernel.source, ["M=../../mine"])
        try expect(["push", word], in: kernel.source, "with the absolute path of their directory as M=")
        try expect(["pull", "--only", "install", word], in: kernel.source, "no snapshot")
    }

    private static func times(_ kernel: Kernel) throws -> String {
        try Shell.run(
            ["sh", "-c", "find . $0 -printf '%p %T@\\n' | sort", kernel.output.path], in: kernel.source)
    }
}
