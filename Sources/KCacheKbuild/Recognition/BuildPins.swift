package import KCacheCore
package import KCacheSystem

/// The variables that make two builds of the same sources the same bytes (Documentation/kbuild/reproducible-builds).
package enum BuildPins {
    /// What `kcache make` and `kcache env` set, sorted by name.
    ///
    /// The timestamp is a date that date(1) reads back (usr/gen_initramfs.sh does that); an empty one pins
    /// nothing from 6.1 on.
    package static let standard: [BuildEnvironment.Pin] = [
        .init(name: "KBUILD_BUILD_HOST", value: "kcache"),
        .init(name: "KBUILD_BUILD_TIMESTAMP", value: "Sat Jan  1 00:00:00 UTC 2000"),
        .init(name: "KBUILD_BUILD_USER", value: "kcache"),
        .init(name: "KBUILD_BUILD_VERSION", value: "1"),
    ]

    /// `export NAME='VALUE'` lines for a POSIX shell.
    package static func shellLines(_ pins: [BuildEnvironment.Pin] = standard) -> String {
        pins.map { "export \($0.name)='\($0.value.replacing("'", with: "'\\''"))'\n" }.joined()
    }

    /// The pins without which every link takes a new build number and time.
    package static let stampNames = ["KBUILD_BUILD_TIMESTAMP", "KBUILD_BUILD_VERSION"]

    /// What has to be said where a snapshot's values are not those that a make with this environment uses; at
    /// most one line.
    package static func differences(
        _ snapshot: [BuildEnvironment.Pin], environment: [String: String]
    ) -> [String] {
        let other = snapshot.filter { environment[$0.name] != $0.value }
        guard !other.isEmpty else { return [] }
        let values = other.map { "\($0.name)='\($0.value)'" }.joined(separator: " ")
        return ["the snapshot was built with \(values): export the same, or make links the kernel again"]
    }

    /// The values that a tree was built with, as its generated files tell them; a value that nothing tells is
    /// left out.
    ///
    /// Sources: `include/generated/compile.h` (LINUX_COMPILE_BY, LINUX_COMPILE_HOST; scripts/mkcompile_h and
    /// init/Makefile), `include/generated/utsversion.h` (UTS_VERSION: `#1 SMP PREEMPT Sat Jan 1 …`, also in
    /// compile.h before 6.1) and `.version`.
    package static func recorded(in directory: Directory) throws(SystemError) -> [BuildEnvironment.Pin] {
        let compile = try KbuildTree.read("include/generated/compile.h", directory) ?? []
        let version = try KbuildTree.read("include/generated/utsversion.h", directory) ?? []
        let counter = try KbuildTree.read(".version", directory)
        return read(compile: compile, version: version, counter: counter)
    }

    /// The same from the files' bytes.
    static func read(compile: [UInt8], version: [UInt8], counter: [UInt8]?) -> [BuildEnvironment.Pin] {
        var pins: [BuildEnvironment.Pin] = []
        func add(_ name: String, _ value: (some StringProtocol)?) {
            if let value, !value.isEmpty { pins.append(.init(name: name, value: String(value))) }
        }
        add("KBUILD_BUILD_HOST", macro("LINUX_COMPILE_HOST", in: compile))
        let text = macro("UTS_VERSION", in: version) ?? macro("UTS_VERSION", in: compile)
        let words = (text ?? "").split(separator: " ", omittingEmptySubsequences: false)
        let features: Set<Substring> = ["SMP", "PREEMPT", "PREEMPT_DYNAMIC", "PREEMPT_RT", "PREEMPT_LAZY"]
        add("KBUILD_BUILD_TIMESTAMP", words.dropFirst().drop { features.contains($0) }.joined(separator: " "))
        add("KBUILD_BUILD_USER", macro("LINUX_COMPILE_BY", in: compile))
        let number = words.first.flatMap { $0.hasPrefix("#") ? $0.dropFirst() : nil }
        let count = counter.map {
            String(decoding: $0.prefix { (0x30...0x39).contains($0) }, as: UTF8.self)[...]
        }
        add("KBUILD_BUILD_VERSION", number ?? count)
        return pins
    }

    /// The string that `#define NAME "…"` gives.
    private static func macro(_ name: String, in bytes: [UInt8]) -> String? {
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line, as: UTF8.self)
            let words = text.split(maxSplits: 2) { $0 == " " || $0 == "\t" }
            guard words.count == 3, words[0] == "#define", words[1] == name else { continue }
            let value = words[2].drop { $0 == " " || $0 == "\t" }
            guard value.utf8.count > 1, value.hasPrefix("\""), value.hasSuffix("\"") else { continue }
            return String(value.dropFirst().dropLast())
        }
        return nil
    }
}
