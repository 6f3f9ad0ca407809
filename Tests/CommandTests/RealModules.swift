import Foundation
import TestKernel
import Testing

/// Modules that are built outside of real kernels, and carried.
struct RealModules {
    private let work: URL

    init(in work: URL) throws { self.work = work }

    private static let sources = [
        "Makefile": "obj-m += lamp.o deep/\nlamp-y := main.o part.o\n",
        "main.c": """
        #include <linux/module.h>
        #include <linux/slab.h>
        #include "lamp.h"
        static void *lamp_room;
        static int __init lamp_start(void)
        {
        	lamp_room = kzalloc(lamp_part(LAMP), GFP_KERNEL);
        	return lamp_room ? 0 : -ENOMEM;
        }
        static void __exit lamp_stop(void) { kfree(lamp_room); }
        module_init(lamp_start);
        module_exit(lamp_stop);
        EXPORT_SYMBOL_GPL(lamp_part);
        MODULE_LICENSE("GPL");

        """,
        "part.c": "#include \"lamp.h\"\nint lamp_part(int number) { return number + LAMP; }\n",
        "lamp.h": "#define LAMP 3\nint lamp_part(int number);\n",
        "deep/Makefile": "obj-m += deep.o\nccflags-y += -I$(src)/..\n",
        "deep/deep.c": """
        #include <linux/module.h>
        #include <lamp.h>
        static int __init deep_start(void) { return lamp_part(1); }
        module_init(deep_start);
        MODULE_LICENSE("GPL");

        """,
    ]

    /// A kernel's sources, or its package of headers, and what is built of it elsewhere.
    typealias Kernel = (source: URL, output: URL?)

    /// Built here, pulled there: nothing to do, an edit compiles its unit alone, and all is what a clean build makes.
    ///
    /// A linked module keeps the paths of its first link in its debug information. Lists of what was read, which stay where
    /// symbols have versions and which nobody reads, have their lines broken where the compiler's paths made them long.
    func expectCarried(from kernel: Kernel, to other: Kernel) throws {
        let (here, there) = (work.appending(path: "mine"), work.appending(path: "other/place/of/mine"))
        for place in [here, there] { try unpack(place) }
        #expect(
            try make(here, kernel).toolSteps.contains { $0.hasPrefix("LD [M]") && $0.hasSuffix("lamp.ko") })
        let pushed = try kcache("push", here, kernel)
        #expect(pushed.status == 0, "\(pushed.log)")
        let before = try state(of: other)
        let pulled = try kcache("pull", there, other)
        #expect(pulled.status == 0, "\(pulled.log)")
        #expect(try state(of: other) == before)
        let first = try make(there, other)
        #expect(first.toolSteps.isEmpty, "\(first.log)")
        try "#include \"lamp.h\"\nint lamp_part(int number) { return LAMP; }\n".write(
            to: there.appending(path: "part.c"), atomically: false, encoding: .utf8)
        let edited = try make(there, other)
        let compiled = edited.toolSteps.filter { $0.hasPrefix("CC ") }
        #expect(compiled.count == 1 && compiled.allSatisfy { $0.hasSuffix("/part.o") }, "\(edited.log)")

        let warm = work.appending(path: "warm")
        try FileManager.default.moveItem(at: there, to: warm)
        try unpack(there)
        try FileManager.default.removeItem(at: there.appending(path: "part.c"))
        try FileManager.default.copyItem(
            at: warm.appending(path: "part.c"), to: there.appending(path: "part.c"))
        _ = try make(there, other)
        let made = try Shell.files(in: there)
        #expect(made.contains("lamp.ko") && made.contains("deep/deep.ko"))
        for path in made where !path.hasSuffix(".ko") && !path.hasSuffix(".d") {
            #expect(
                try Data(contentsOf: there.appending(path: path))
                    == Data(contentsOf: warm.appending(path: path)), "\(path)")
        }
    }

    private func unpack(_ place: URL) throws {
        for (path, text) in Self.sources {
            let file = place.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: false, encoding: .utf8)
        }
    }

    private func words(_ modules: URL, _ kernel: Kernel) -> [String] {
        ["-C", kernel.source.path] + (kernel.output.map { ["O=\($0.path)"] } ?? []) + ["M=\(modules.path)"]
    }

    private func make(_ modules: URL, _ kernel: Kernel) throws -> BuildResult {
        let made = try Shell.outcome(["make"] + words(modules, kernel), environment: environment)
        #expect(made.status == 0, "\(made.log.suffix(2000))")
        return made
    }

    private func kcache(_ verb: String, _ modules: URL, _ kernel: Kernel) throws -> BuildResult {
        try Shell.outcome([Program.path, verb] + words(modules, kernel), environment: environment)
    }

    private var environment: [String: String] {
        [
            "HOME": work.path, "TZ": "UTC", "LC_ALL": "C",
            "KCACHE_STORE": work.appending(path: "modules-store").path,
        ]
    }

    /// Names and times of what is built of a kernel.
    private func state(of kernel: Kernel) throws -> String {
        let place = (kernel.output ?? kernel.source).resolvingSymlinksInPath()
        return try Shell.run(["sh", "-c", "find . -printf '%p %T@\\n' | sort"], in: place)
    }
}
