import Foundation
import Glibc
import TestKernel
import Testing

/// `kcache make` on a real terminal.
@Suite struct StatusLineTests {
    let work: Workplace
    let driver: MakeDriver
    private let tree: URL

    init() throws {
        work = try Workplace()
        driver = try MakeDriver(in: work.url)
        tree = work.place("tree")
        try FileManager.default.createDirectory(
            at: tree.appending(path: "scripts"), withIntermediateDirectories: true)
        for (name, text) in [
            "Makefile": Self.makefile, "scripts/Kbuild.include": "", "scripts/Makefile.build": "",
        ] {
            try text.write(to: tree.appending(path: name), atomically: false, encoding: .utf8)
        }
    }

    /// Goals are named like objects, so that they count as a build's; steps are printed as Kbuild does.
    private static let makefile = """
        # scripts/Kbuild.include
        all: a.o b.o c.o ; @echo 'Kernel: image is ready'
        a.o c.o: ; @echo '  CC      $@'
        b.o: ; @echo '  CC [M]  b.o'; printf 'b.c:1:2: \\033[1mwarning\\033[m: odd\\n    1 | int x;\\n      |   ^\\n' >&2
        fail.o: a.o ; @echo '  CC      fail.o'; echo 'fail.h:3:1: error: no such thing' >&2; exit 1
        ask.o: ; @echo '  SYNC    ask'; printf 'Really? [y/n] '; read x; echo "got $$x"; echo '  CC      ask.o'
        slow.o: ; @echo '  CC      slow.o'; echo half > $@; sleep 60; echo whole > $@
        pause.o: ; @echo '  CC      pause.o'; touch started; while [ ! -e go ]; do sleep 0.05; done; \\
        	echo '  LD      pause.o'; echo over
        left.o: ; @echo '  LD      left.o'; echo '$$ left'; sleep 1000 & echo $$! > child
        last.o: ; @i=0; while [ $$i -lt 3000 ]; do i=$$((i+1)); echo "line $$i"; done
        tty.o: ; @test -t 0 && test -t 1 && test -t 2 && echo three terminals; stty size <&1
        wide.o: ; @exec 3>&1; touch started; for i in $$(seq 1200); do \
        	[ "$$(stty size <&3)" = "40 90" ] && echo resized && exit; sleep 0.05; done; exit 1
        hang.o: ; @echo half > $@; for i in $$(seq 1200); do \
        	caught=$$(sed -n 's/^SigCgt:[^0-9a-f]*//p' /proc/$$PPID/status); \
        	[ $$((0x$$caught & 1)) = 0 ] && kill -HUP $$$$; sleep 0.05; done
        half.o: ; @printf '  CC '; sleep 0.3; printf '     half.o\\n'; printf '  C'
        .PHONY: all a.o b.o c.o
        """

    private func start(_ words: [String], _ environment: [String: String] = [:]) throws -> TestTerminal {
        try TestTerminal(words, in: tree, environment: driver.environment.merging(environment) { $1 })
    }

    private func kcache(_ words: [String], line: Bool = true) -> [String] {
        [Program.path, "make", line ? "--status-line" : "--no-status-line"] + words
    }

    /// In a job-control shell.
    private func shell(_ script: String, _ words: [String]) -> [String] {
        ["bash", "-c", "set -m; " + script, "bash"] + words
    }

    @Test func whatIsNoStepStandsAboveTheLine() throws {
        let terminal = try start(kcache(["all"]))
        #expect(terminal.wait() == [0, 0])
        let screen = terminal.screen
        #expect(
            screen.dropLast(2) == [
                "  CC [M]  b.o", "b.c:1:2: warning: odd", "    1 | int x;", "      |   ^",
                "Kernel: image is ready",
            ])
        #expect(screen.dropLast().last?.hasPrefix("kcache: 3 steps (CC 3) in ") == true, "\(screen)")
        #expect(screen.last == "")
        let text = terminal.text
        #expect(text.contains("\r[") && text.contains(".o\u{1b}[K"))
        #expect(text.contains("b.c:1:2: \u{1b}[1mwarning\u{1b}[m: odd\r\n    1 | int x;\r\n      |   ^\r\n"))
    }

    /// The makes before have shown how much there is to do.
    @Test func aBuildFromNothingIsForetold() throws {
        for _ in 0..<2 { #expect(try start(kcache(["--always"])).wait() == [0, 0]) }
        let text = try {
            let t = try start(kcache(["--always"]))
            _ = t.wait()
            return t.text
        }()
        #expect(["1/3 33%", "2/3 67%", "3/3 100%"].contains { text.contains("\r[\($0) ") }, "\(text)")
    }

    @Test func aFailedStepIsNamed() throws {
        let terminal = try start(kcache(["fail.o"]))
        #expect(terminal.wait() == [2, 0])
        let screen = terminal.screen
        #expect(screen.count == 4, "\(screen)")
        #expect(Array(screen.prefix(2)) == ["fail.h:3:1: error: no such thing", "  CC      fail.o"])
        #expect(screen[2].hasPrefix("make: *** [Makefile:") && screen[2].hasSuffix(": fail.o] Error 1"))
    }

    /// What plain make prints, where no line is to be drawn.
    @Test(arguments: [
        ["V=1"], ["-s"], ["KBUILD_VERBOSE=1"], ["-n"], ["--trace"], ["TERM=dumb"], ["TERM="], ["MAKELEVEL=1"],
        ["--no-status-line"],
    ]) func plainLines(words: [String]) throws {
        let isEnvironment = words[0].hasPrefix("TERM") || words[0].hasPrefix("MAKELEVEL")
        let pair = words[0].split(separator: "=", omittingEmptySubsequences: false).map(String.init)
        let extra = isEnvironment ? [pair[0]: pair[1]] : [:]
        let isOurs = words[0] == "--no-status-line"
        let own = try start(
            kcache(isEnvironment || isOurs ? ["all"] : words + ["all"], line: !isOurs), extra)
        let ended = own.wait()
        let plain = try start(["make"] + (isEnvironment || isOurs ? ["all"] : words + ["all"]), extra)
        #expect(plain.wait() == ended)
        #expect(own.text == plain.text)
    }

    @Test func withoutATerminalAllBytesAreMakes() throws {
        let goals = ["all", "fail.o", "half.o", "left.o"]
        var seen: [[String]] = []
        for words in [["make"], kcache([])] {
            seen.append(
                try goals.map {
                    let result = try driver.start(words + [$0], in: tree).wait()
                    return "\(result.status)\n\(result.output)--\n\(result.error)"
                })
            try endChild()
        }
        #expect(seen[0] == seen[1])
    }

    @Test func errorsThatLeadElsewhereAreLeftAlone() throws {
        let terminal = try start(["sh", "-c", #""$@" 2>errors"#, "sh"] + kcache(["all"]))
        #expect(terminal.wait() == [0, 0])
        #expect(terminal.screen == ["Kernel: image is ready", ""])
        let errors = try String(contentsOf: tree.appending(path: "errors"), encoding: .utf8)
        #expect(
            errors.hasPrefix("b.c:1:2: \u{1b}[1mwarning\u{1b}[m: odd\n    1 | int x;\n      |   ^\nkcache: "))
    }

    @Test(arguments: [true, false]) func aQuestionIsShownAndAnswered(line: Bool) throws {
        let terminal = try start(kcache(["ask.o"], line: line))
        #expect(terminal.shows("Really? [y/n] "))
        terminal.type("y\n")
        #expect(terminal.wait() == [0, 0])
        #expect(terminal.screen.contains("Really? [y/n] y"))
        #expect(terminal.screen.contains("got y"))
    }

    @Test func makeStillHasATerminal() throws {
        let terminal = try start(kcache(["tty.o"]))
        #expect(terminal.wait() == [0, 0])
        #expect(Array(terminal.screen.prefix(2)) == ["three terminals", "40 \(TestTerminal.columns)"])
    }

    @Test func theWindowsSizeIsPassedOn() throws {
        let terminal = try start(kcache(["wide.o"]))
        #expect(
            terminal.waits { FileManager.default.fileExists(atPath: tree.appending(path: "started").path) })
        terminal.resize(columns: 90)
        #expect(terminal.wait() == [0, 0])
        #expect(terminal.screen.first == "resized")
    }

    /// The rate of drawing, and a line that comes in pieces, lose nothing.
    @Test func nothingIsLost() throws {
        let terminal = try start(kcache(["last.o"]))
        #expect(terminal.wait() == [0, 0])
        #expect(Array(terminal.screen.prefix(3000)) == (1...3000).map { "line \($0)" })
        let half = try start(kcache(["half.o"]))
        #expect(half.wait() == [0, 0])
        #expect(half.screen.first == "  CC      half.o", "\(half.screen)")
        #expect(half.screen.dropFirst().first?.hasPrefix("  C") == true)
    }

    @Test(arguments: ["kcache", "kcache --no-status-line", "make"]) func typedInterrupt(program: String)
        throws
    {
        let words =
            program == "make" ? ["make", "slow.o"] : kcache(["slow.o"], line: program == "kcache")
        let half = tree.appending(path: "slow.o").path
        func interrupted() throws -> (terminal: TestTerminal, end: [Int32]) {
            let terminal = try start(words)
            let modes = terminal.modes
            #expect(terminal.waits { FileManager.default.fileExists(atPath: half) })
            terminal.type("\u{3}")
            let end = terminal.wait()
            #expect(!FileManager.default.fileExists(atPath: half))
            #expect(terminal.modes == modes)
            return (terminal, end)
        }
        // When the recipe's end reaches make just before the signal does, make's handler waits for it in vain and
        // ends otherwise (GNU make 4.3, src/commands.c, fatal_error_signal): such an end says nothing.
        var (terminal, end) = try interrupted()
        for _ in 0..<9 where terminal.text.contains("make: *** wait: No child processes") {
            (terminal, end) = try interrupted()
        }
        #expect(end == [0, SIGINT], "\(terminal.text)")
        #expect(terminal.text.contains("make: *** Deleting file 'slow.o'"), "\(terminal.text)")
        #expect(terminal.text.contains("slow.o] Interrupt"), "\(terminal.text)")
        #expect(terminal.waits { kill(-terminal.pid, 0) != 0 })
    }

    @Test(arguments: ["kcache", "kcache --no-status-line", "make"]) func typedQuit(program: String) throws {
        let words =
            program == "make" ? ["make", "slow.o"] : kcache(["slow.o"], line: program == "kcache")
        let terminal = try start(words)
        let half = tree.appending(path: "slow.o").path
        #expect(terminal.waits { FileManager.default.fileExists(atPath: half) })
        terminal.type("\u{1c}")
        let end = terminal.wait()
        // Make turns it into an exit, unless it hears of its recipe's end first.
        #expect(end == [0, SIGQUIT] || end == [1, 0] || end == [2, 0], "\(end) \(terminal.text)")
        #expect(terminal.waits { kill(-terminal.pid, 0) != 0 })
    }

    /// The kernel tells the leader of the session alone. The recipe sees make hear of it, and ends.
    @Test(arguments: ["kcache", "kcache --no-status-line", "make"]) func hangup(program: String) throws {
        let words =
            program == "make" ? ["make", "hang.o"] : kcache(["hang.o"], line: program == "kcache")
        let terminal = try start(words)
        defer { kill(-terminal.pid, SIGKILL) }
        let half = tree.appending(path: "hang.o").path
        #expect(terminal.waits { FileManager.default.fileExists(atPath: half) })
        terminal.hangUp()
        #expect(terminal.wait() == [0, SIGHUP])
        #expect(!FileManager.default.fileExists(atPath: half))
    }

    @Test(arguments: ["kcache", "kcache --no-status-line", "make"]) func typedStop(program: String) throws {
        let words =
            program == "make" ? ["make", "pause.o"] : kcache(["pause.o"], line: program == "kcache")
        let terminal = try start(
            shell(#""$@"; echo "stopped $?"; read -r x; fg >/dev/null; echo "ended $?""#, words))
        let modes = terminal.modes
        #expect(
            terminal.waits { FileManager.default.fileExists(atPath: tree.appending(path: "started").path) })
        terminal.type("\u{1a}")
        #expect(terminal.shows("stopped 148"))
        try "".write(to: tree.appending(path: "go"), atomically: false, encoding: .utf8)
        usleep(200_000)
        #expect(!terminal.text.contains("over"))
        terminal.type("\n")
        #expect(terminal.shows("ended 0"), "\(terminal.text)")
        #expect(terminal.wait() == [0, 0])
        #expect(terminal.text.contains("over\r\n"))
        #expect(terminal.modes == modes)
    }

    /// A job in the background prints plain lines, and draws over nobody's prompt.
    @Test func inTheBackground() throws {
        let terminal = try start(shell(#""$@" & wait $!; echo "ended $?""#, kcache(["all"])))
        #expect(terminal.wait() == [0, 0])
        #expect(terminal.screen.contains("ended 0"))
        #expect(terminal.screen.contains("  CC      a.o") && terminal.screen.contains("  CC      c.o"))
        #expect(!terminal.text.contains("\u{1b}[K") && !terminal.text.contains("[1]  CC"))
    }

    /// A child that keeps the terminal open keeps nobody waiting.
    @Test(arguments: [true, false]) func leftBehind(line: Bool) throws {
        let terminal = try start(kcache(["left.o"], line: line))
        #expect(terminal.wait() == [0, 0])
        #expect(terminal.screen.contains("$ left"), "\(terminal.screen)")
        try endChild()
    }

    /// Ends the sleep that a recipe left.
    private func endChild() throws {
        let text = try String(contentsOf: tree.appending(path: "child"), encoding: .utf8)
        let child = try #require(pid_t(text.trimmingCharacters(in: .newlines)))
        #expect(child > 1 && kill(child, SIGKILL) == 0)
    }

    /// The fake kernel, with a warning and then an error in a source.
    @Test func aKernel() throws {
        let kernel = try FakeKernel.prepared()
        var seen: [Set<String>] = []
        for (name, words) in [("one", ["make"]), ("two", kcache([]))] {
            let place = work.place(name)
            try kernel.makeTree(at: place, kernel.initial)
            let source = place.appending(path: "lib/text.c")
            let text = try String(contentsOf: source, encoding: .utf8)
            try (text + "\n#warning \"look at \\\"this\\\"\"\n")
                .write(to: source, atomically: false, encoding: .utf8)
            func run() throws -> TestTerminal {
                try TestTerminal(
                    words + ["-j2"], in: place,
                    environment: driver.environment.merging(FakeKernel.pins) { $1 })
            }
            let first = try run()
            #expect(first.wait() == [0, 0], "\(first.text)")
            var lines = Set(first.screen)
            try (text + "\nint broken = missing;\n").write(to: source, atomically: false, encoding: .utf8)
            let second = try run()
            #expect(second.wait() == [2, 0], "\(second.text)")
            lines.formUnion(second.screen)
            if name == "two" {
                #expect(first.text.contains("\r["))
                #expect(second.screen.contains("  CC      lib/text.o"))
                #expect(
                    !lines.contains { $0.hasPrefix("  CC ") && $0 != "  CC      lib/text.o" }, "\(lines)")
            }
            // With two jobs make may or may not have to wait.
            let said = lines.filter {
                !$0.hasSuffix("Waiting for unfinished jobs....") && !$0.hasPrefix("  ") || $0.contains("|")
            }.filter { !$0.hasPrefix("kcache: ") }
            seen.append(Set(said.map(Self.withoutRecipeLine)))
        }
        #expect(seen[0] == seen[1])
        #expect(seen[0].contains { $0.contains("#warning \"look at") }, "\(seen[0])")
        #expect(seen[0].contains { $0.contains("error: 'missing' undeclared") || $0.contains("missing") })
    }

    /// Make's line of a failed recipe without the line of the makefile, which with several jobs is not always
    /// that of the command that failed: the targets of a pattern rule share one record of the line that runs
    /// (GNU make 4.3, src/job.c, `cmds->fileinfo.offset`).
    private static func withoutRecipeLine(_ line: String) -> String {
        guard line.contains(": *** [") else { return line }
        return line.split(separator: ":", omittingEmptySubsequences: false).filter { Int($0) == nil }
            .joined(separator: ":")
    }
}
