import Foundation
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// One command line, for real make and for our reading of it.
private struct Row: CustomStringConvertible {
    var words: [String]
    var environment: [String: String] = [:]

    init(_ words: String..., in environment: [String: String] = [:]) {
        (self.words, self.environment) = (words, environment)
    }

    var description: String { "make \(words) \(environment)" }
}

/// What make does with a command line, printed by a makefile.
@Suite struct MakeInvocationTests {
    private static let letters: [(MakeMode, Character)] = [
        (.alwaysMake, "B"), (.debug, "d"), (.environmentOverrides, "e"), (.ignoreErrors, "i"),
        (.keepGoing, "k"), (.checkLinkTimes, "L"), (.dryRun, "n"), (.printDatabase, "p"), (.question, "q"),
        (.noBuiltinRules, "r"), (.noBuiltinVariables, "R"), (.silent, "s"), (.touch, "t"),
        (.printDirectory, "w"),
    ]
    private static let names = ["A", "B", "CC", "M", "O", "E-1", "KBUILD_BUILD_USER"]

    private static let rows: [Row] = [
        // Nothing, goals, and what goals become.
        Row(), Row("all"), Row("one", "two", "one"), Row("./one"), Row(".//one"), Row("././one"), Row("./"),
        Row("dir/"), Row("dir/x.o"), Row("~/x"), Row("~"), Row(""), Row("-"), Row("-", "one"), Row("a:b"),
        Row("a#b=c"), Row("one", "--", "-k", "two"), Row("--", "A=1", "one"), Row("--", "--"),
        // Bundles, jobs, load.
        Row("-k"), Row("-kj4"), Row("-kj", "4"), Row("-kj4n"), Row("-j"), Row("-j", "4", "one"),
        Row("-j", "one"), Row("-j", "4x"), Row("-j4"), Row("-j0"), Row("-j-1"), Row("-j", ""),
        Row("--jobs=3"),
        Row("--jobs", "3", "one"), Row("--jobs", "one"), Row("--jobs="), Row("--job=3"), Row("-l"),
        Row("-l", "2.5", "one"), Row("-l", ".5"), Row("-l", "one"), Row("-l2"), Row("--load-average=1.5"),
        Row("--max-load", "2", "one"), Row("-j", "-k"), Row("-jk"), Row("-j3", "-j"), Row("-j+3"),
        // Directories.
        Row("-C", "sub"), Row("-Csub"), Row("--directory=sub"), Row("--directory", "sub", "one"),
        Row("--dir=sub"), Row("-C", "sub", "-C", "deep"), Row("-C", "sub/deep", "-C", ".."),
        Row("-kC", "sub", "one"), Row("-C"), Row("-C", "none"), Row("-C", ""), Row("-C./sub"),
        Row("-C", "sub", "-C", "/"), Row("-C~/tree/sub"), Row("-C", "link"), Row("one", "-C", "sub", "two"),
        // Long options, abbreviations, mistakes.
        Row("--keep-going"), Row("--keep"), Row("--k"), Row("--silent"), Row("--quiet"), Row("--qui"),
        Row("--qu"), Row("--no-print-directory"), Row("--no-p"), Row("--no-builtin-rules"), Row("--no-b"),
        Row("--no-keep-going"), Row("--stop"), Row("-k", "-S"), Row("-S", "-k"), Row("--dry-run"),
        Row("--recon"), Row("--just"), Row("--d"), Row("--bogus"), Row("-Z"), Row("-kZn"), Row("--keep=1"),
        Row("--always-make"), Row("--always"), Row("-bm", "one"), Row("-rR"), Row("--touch"), Row("--t"),
        Row("--trace"), Row("-d", "-n"), Row("--debug=b"), Row("--debug"), Row("-Oline"), Row("-O", "one"),
        Row("--output-sync=line"), Row("--output-sync"), Row("-O"), Row("--warn-undefined-variables"),
        Row("--environment-overrides"), Row("--question"), Row("-w"), Row("--print-directory"),
        Row("-Iinc", "-I", "inc2"), Row("--include-dir=inc"), Row("-I"), Row("-W"), Row("-W", "x"),
        Row("--what-if=x"), Row("--assume-new", "x", "one"), Row("-o", "x"), Row("--old-file=x"),
        Row("-f"), Row("--eval=A=9"), Row("-EA=9"), Row("-E", "A=9", "one"),
        // Variables.
        Row("A=1"), Row("A=1", "A=2"), Row("A:=1"), Row("A::=1"), Row("A =  1"), Row(" A=1"), Row("A= 1 "),
        Row("A+=1"), Row("A=1", "A+=2"), Row("A?=1"), Row("A=1", "A?=2"), Row("A:=1", "B=2", "one"),
        Row("A=$$x"), Row("A=a b"), Row("A=a=b"), Row("A="), Row("A=", "A?=2"), Row("A:b=c"), Row("=x"),
        Row("E-1=x"), Row("one", "A=1", "two"), Row("CC=ccache gcc"), Row("A=#x"), Row("A!=echo hi"),
        Row("A=$(B)", "B=3"), Row("A+=2", in: ["A": "1"]), Row("A?=2", in: ["A": "1"]),
        Row("A=2", in: ["A": "1"]), Row("-e", "A=2", in: ["A": "1"]), Row("A+=2", in: ["A": ""]),
        Row("KBUILD_BUILD_USER=", in: ["KBUILD_BUILD_USER": "me"]), Row(in: ["KBUILD_BUILD_USER": ""]),
        Row("A?=2", in: ["A": ""]), Row("A\t=\tx"), Row("A :=x"), Row("A b=c"), Row("A:::x"), Row("A:::=x"),
        Row("$$A=1"),
        Row("A=1", "A+="), Row("A+=", "A+=1"), Row("A=$$$$x"), Row("A=x$$"), Row("A?=1", "A?=2"),
        // The environment's flags.
        Row(in: ["MAKEFLAGS": "k"]), Row(in: ["MAKEFLAGS": "ks"]), Row(in: ["MAKEFLAGS": "-k -s"]),
        Row(in: ["MAKEFLAGS": " -k"]), Row(in: ["MAKEFLAGS": "k -j4"]), Row(in: ["MAKEFLAGS": " -- A=1"]),
        Row(in: ["MAKEFLAGS": "A=1"]), Row(in: ["MAKEFLAGS": "k -- A=1\\ 2 B=3"]),
        Row(in: ["MAKEFLAGS": "-- A=1$$x"]), Row("A=2", in: ["MAKEFLAGS": "-- A=1"]),
        Row("A+=2", in: ["MAKEFLAGS": "-- A=1"]), Row(in: ["MAKEFLAGS": "k goal"]),
        Row(in: ["MAKEFLAGS": "-C sub"]), Row(in: ["MAKEFLAGS": "--directory=sub -k"]),
        Row("-S", in: ["MAKEFLAGS": "k"]), Row(in: ["GNUMAKEFLAGS": "-k"]),
        Row(in: ["GNUMAKEFLAGS": "s", "MAKEFLAGS": "k"]), Row(in: ["MAKEFLAGS": "-- A=a\\\\b"]),
        Row(in: ["MAKEFLAGS": "--no-print-directory -- B=x"]), Row(in: ["MAKEFLAGS": "-j"]),
        Row(in: ["MAKEFLAGS": ""]), Row(in: ["MAKEFLAGS": "  "]), Row(in: ["MAKEFLAGS": "kj2"]),
        Row(in: ["MAKEFLAGS": "-I inc -k"]), Row(in: ["MAKEFLAGS": "-l 3 -k"]),
        Row(in: ["MAKEFLAGS": "w -- M=/x\\ y"]), Row("M=/z", "one", in: ["MAKEFLAGS": "w -- M=/x"]),
        Row(in: ["MAKEFLAGS": "-- A+=2", "A": "1"]),
        Row(in: ["GNUMAKEFLAGS": "-- A=1", "MAKEFLAGS": "-- A=2"]),
        Row(in: ["MAKEFLAGS": "k -- A=1 -n"]), Row(in: ["MAKEFLAGS": "--bogus -k"]),
    ]

    @Test func readsWhatMakeReads() throws {
        let place = FileManager.default.temporaryDirectory.appending(path: "make-\(UUID().uuidString)")
            .resolvingSymlinksInPath()
        defer { try? FileManager.default.removeItem(at: place) }
        let tree = place.appending(path: "tree")
        for folder in ["", "sub", "sub/deep"] {
            let folder = tree.appending(path: folder)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Self.makefile.write(
                to: folder.appending(path: "Makefile"), atomically: false, encoding: .utf8)
        }
        try FileManager.default.createSymbolicLink(
            at: tree.appending(path: "link"), withDestinationURL: tree.appending(path: "sub/deep"))
        for row in Self.rows { try compare(row, in: tree) }
        #expect(Self.rows.count >= 60)
    }

    /// Everything that our reading has to agree on, in lines; `//` is in no value.
    private static let makefile = """
        show = $(info //$(1)=[$($(1))] $(origin $(1)))
        $(foreach n,\(names.joined(separator: " ")),$(call show,$(n)))
        $(info //goals=[$(MAKECMDGOALS)])
        $(info //directory=[$(CURDIR)])
        $(info //flags=[$(firstword x$(MAKEFLAGS))])
        all %:: ; @:
        all: ; @:
        .PHONY: FORCE
        """

    private func compare(_ row: Row, in tree: URL) throws {
        var environment = row.environment
        environment["HOME"] = tree.deletingLastPathComponent().path
        environment["LC_ALL"] = "C"
        let reading = MakeInvocation(
            arguments: row.words, environment: environment, workingDirectory: FilePath(tree.path))
        let made = try MakeRun.start(row.words, in: tree, environment)
        let lines = made.output.split(separator: "\n").map(String.init)
        func value(_ name: String) -> String? {
            guard let line = lines.last(where: { $0.hasPrefix("//\(name)=[") }),
                let end = line.lastIndex(of: "]")
            else { return nil }
            return String(line[line.index(line.startIndex, offsetBy: name.count + 4)..<end])
        }
        guard let directory = value("directory") else {
            // It refused the line (or found no directory).
            #expect(
                reading.mistake != nil || !FileManager.default.fileExists(atPath: reading.directory.string)
                    || reading.directory == "/",
                "\(row): make says \(made.output)\(made.error)")
            return
        }
        #expect(reading.mistake == nil, "\(row): make takes it")
        guard reading.doubts.isEmpty else { return }
        let real = URL(fileURLWithPath: reading.directory.string).resolvingSymlinksInPath().standardized.path
        #expect(real == directory, "\(row)")
        #expect(reading.goals.joined(separator: " ") == value("goals"), "\(row)")
        if let word = value("flags") {
            for (mode, letter) in Self.letters where mode != .printDirectory || row.words.contains("-w") {
                #expect(
                    reading.modes.contains(mode) == word.dropFirst().contains(letter)
                        || (mode == .debug && row.description.contains("--debug")),
                    "\(row): \(mode), make says \(word)")
            }
        }
        for name in Self.names where !reading.evals.contains(where: { $0.hasPrefix("\(name)=") }) {
            let origin = lines.last { $0.hasPrefix("//\(name)=[") } ?? ""
            switch reading.value(of: name) {
            case .unset:
                #expect(origin.hasSuffix(" undefined") || origin.hasSuffix(" default"), "\(row): \(name)")
            case .text(let text): #expect(value(name) == text, "\(row): \(name)")
            case .computed: #expect(row.description.contains("$") || row.description.contains("!"), "\(row)")
            }
            let fromLine = reading.commandLineValue(of: name) != .unset
            #expect(
                fromLine == (origin.hasSuffix(" command line"))
                    || origin.hasSuffix(" environment override") || row.description.contains("?="),
                "\(row): \(name) \(origin)")
        }
    }

    private func read(_ words: String..., in environment: [String: String] = [:]) -> MakeInvocation {
        MakeInvocation(arguments: words, environment: environment, workingDirectory: "/w")
    }

    @Test func jobs() {
        #expect(read().jobs == .one)
        #expect(read("-j").jobs == .unlimited)
        #expect(read("-j", "4").jobs == .limited(4))
        #expect(read("-kj12", "x").jobs == .limited(12))
        #expect(read("-j3", "-j").jobs == .unlimited)
        #expect(read(in: ["MAKEFLAGS": " -j8 --jobserver-auth=3,4"]).jobs == .limited(8))
        #expect(read(in: ["MAKEFLAGS": "w -j8 --jobserver-auth=fifo:/tmp/GMfifo12 -- A=1"]).doubts == [])
    }

    @Test func files() {
        let line = read("-f", "a", "-fb", "--makefile=c", "-f-", "-W", "./n", "-o", "o", "--eval", "X:=1")
        #expect(line.makefiles == ["a", "b", "c", "-"])
        #expect((line.newFiles, line.oldFiles, line.evals) == (["n"], ["o"], ["X:=1"]))
        #expect(line.mistake == nil)
    }

    @Test func doubts() {
        #expect(!read(in: ["MAKEFLAGS": "-- A=$(B)"]).doubts.isEmpty)
        #expect(!read("MAKEFLAGS=k").doubts.isEmpty)
        #expect(!read("CURDIR=/x").doubts.isEmpty)
        #expect(!read("~nobody-here/x").doubts.isEmpty)
        #expect(!read("A$(B)=1").doubts.isEmpty)
        #expect(!read("A:::=1").doubts.isEmpty)
        #expect(read("A=$(B)").doubts.isEmpty)
        #expect(!read("caf\u{fffd}").doubts.isEmpty)
    }
}
