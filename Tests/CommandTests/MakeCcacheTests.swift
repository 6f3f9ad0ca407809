import Foundation
import TestKernel
import Testing

/// Debian's ccache in front of the compiler, by name and by a folder of links, and a compiler behind it that is
/// replaced by another of the same name, version, size and time.
@Suite(.serialized) struct MakeCcacheTests {
    private let work: Workplace

    init() throws { work = try Workplace() }

    /// A gcc that notes each start, and does not know one option of the real one.
    private static let source = """
        #include <fcntl.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        /* Drivers of gcc hold this word. */
        const char *word = "COLLECT_GCC_OPTIONS";
        int main(int argc, char **argv) {
            int log = open(getenv("COMPILER_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0666);
            if (log < 0 || write(log, word, 1) != 1) return 1;
            close(log);
            for (int i = 1; i < argc; i++) if (!strcmp(argv[i], REFUSED)) return 1;
            argv[0] = "/usr/bin/gcc";
            execv(argv[0], argv);
            return 127;
        }
        """
    private static let option = "-Werror=designated-init"
    /// Of the same length.
    private static let another = "-Werror=nothing-at-alls"

    private func compiler(refusing option: String, _ name: String) throws {
        let text = work.place("gcc.c")
        try Self.source.write(to: text, atomically: false, encoding: .utf8)
        try Shell.run(["gcc", "-O1", "-DREFUSED=\"\(option)\"", "-o", work.place(name).path, text.path])
    }

    /// Starts of the compiler by the last step.
    private func starts(_ kind: MakeKind) -> Int {
        let log = work.place("log-\(kind)")
        defer { try? FileManager.default.removeItem(at: log) }
        return (try? Data(contentsOf: log))?.count ?? 0
    }

    /// ccache knows some of plain make's questions too, but not all.
    private func expectNoStarts() {
        let (plain, ours) = (starts(.plain), starts(.command))
        #expect(plain > 0 && ours == 0, "make starts \(plain) compilers, kcache make \(ours)")
    }

    @Test(arguments: ["CC=ccache gcc", "a folder of links"]) func answersAreOfTheCompilerBehind(way: String)
        throws
    {
        let ccache = try Shell.run(["sh", "-c", "command -v ccache"]).trimmingCharacters(in: .newlines)
        let (bin, links) = (work.place("bin"), work.place("links"))
        for folder in [bin, links] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        try compiler(refusing: Self.another, "bin/gcc")
        try compiler(refusing: Self.option, "other-gcc")
        try FileManager.default.createSymbolicLink(
            at: links.appending(path: "gcc"), withDestinationURL: URL(fileURLWithPath: ccache))
        let isLink = !way.hasPrefix("CC=")
        let words = ["-j2"] + (isLink ? [] : [way])
        var twins = try MakeTwins(
            in: work.url, options: ["--always", "--explain"], environment: ["ARCH": "fake"])
        let kernel = try FakeKernel.prepared()
        for kind in [MakeKind.plain, .command] {
            try kernel.makeTree(at: twins.place(kind), kernel.initial)
            try MakeTwins.complete(twins.place(kind))
            let path = twins.drivers[kind]?.environment["PATH"] ?? ""
            twins.drivers[kind]?.environment["PATH"] = "\(isLink ? "\(links.path):" : "")\(bin.path):\(path)"
            // By default ccache itself takes the two for one.
            twins.drivers[kind]?.environment["CCACHE_COMPILERCHECK"] = "content"
            twins.drivers[kind]?.environment["COMPILER_LOG"] = work.place("log-\(kind)").path
        }
        usleep(50_000)
        try twins.make(.init(name: "clean build", words: words))
        #expect(kept(twins) > 10)
        try twins.make(.init(name: "no-op", words: words))
        _ = (starts(.plain), starts(.command))
        try twins.make(.init(name: "no-op", words: words))
        expectNoStarts()
        #expect(kept(twins) == 0)
        #expect(try flags(twins).contains(Self.option))

        try Shell.run(["touch", "-r", "bin/gcc", "other-gcc"], in: work.url)
        let stat = ["stat", "-c", "%s %y"]
        #expect(
            try Shell.run(stat + ["bin/gcc"], in: work.url) == Shell.run(stat + ["other-gcc"], in: work.url))
        try Shell.run(["mv", "other-gcc", "bin/gcc"], in: work.url)
        usleep(50_000)
        try twins.make(.init(name: "another compiler", words: words))
        #expect(kept(twins) > 10)
        #expect(try !flags(twins).contains(Self.option))
        _ = (starts(.plain), starts(.command))
        try twins.make(.init(name: "no-op with it", words: words))
        expectNoStarts()
    }

    /// New answers that the last step has kept.
    private func kept(_ twins: MakeTwins) -> Int {
        let line = twins.results[.command]?.error.split(separator: "\n").first {
            $0.hasSuffix("new answers of compilers are kept")
        }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }

    private func flags(_ twins: MakeTwins) throws -> String {
        try String(contentsOf: twins.place(.command, "tree/core/.run.o.cmd"), encoding: .utf8)
    }
}
