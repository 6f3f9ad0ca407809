import Foundation
import KCacheKbuild
import SystemPackage
import TestKernel
import Testing

@testable import KCacheCommands

/// Settings: the file, the environment over it, options over both.
@Suite struct ConfigTests {
    let work: Workplace

    init() throws {
        work = try Workplace()
        try FileManager.default.createDirectory(at: work.place("tree"), withIntermediateDirectories: true)
    }

    private var file: URL { work.place("home/.config/kcache/config.toml") }
    private var cache: String { work.place("home/.cache/kcache").path }

    private func write(_ text: String) throws {
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: false, encoding: .utf8)
    }

    /// Each switch, through each of the three: the last that speaks wins.
    @Test(arguments: MakeOption.allCases) func precedence(option: MakeOption) throws {
        let name = option.rawValue
        let standard = MakeOptions()[option]
        let inFile: [Bool?] = ConfigurationFile.makeKeys.contains(option) ? [nil, false, true] : [nil]
        for file in inFile {
            for environment: Bool? in [nil, false, true] {
                for flag: Bool? in [nil, false, true] {
                    func word(_ value: Bool) -> String { value ? "--\(name)" : "--no-\(name)" }
                    let text = file.map { "# first\n[make]\n\(name) = \($0)\n" } ?? ""
                    var settings = try Settings(
                        file: ConfigurationFile("/c.toml", Array(text.utf8)),
                        environment: environment.map { ["KCACHE_MAKEFLAGS": " \(word($0))\t"] } ?? [:])
                    let origin: Settings.Origin =
                        environment != nil
                        ? .environment("KCACHE_MAKEFLAGS")
                        : file != nil ? .file("/c.toml", line: 3) : .standard
                    #expect(settings.origin(option) == origin)
                    let words = flag.map { [word($0)] } ?? []
                    #expect(settings.make.take(from: words + ["all", word(!standard)]) == words.count)
                    let expected = flag ?? environment ?? file ?? standard
                    #expect(settings.make[option] == expected, "\(name) \(text) \(settings)")
                    for other in MakeOption.allCases where other != option {
                        #expect(settings.make[other] == MakeOptions()[other])
                        #expect(settings.origin(other) == .standard)
                    }
                }
            }
        }
    }

    @Test func precedenceOfTheStore() throws {
        func store(_ text: String, _ environment: String?, _ option: String?) throws -> [String] {
            var settings = try Settings(
                file: ConfigurationFile("/c.toml", Array(text.utf8)),
                environment: environment.map { ["KCACHE_STORE": $0] } ?? [:])
            settings.override(store: option, option: "--store")
            return [settings.store ?? "none", "\(settings.storeOrigin)"]
        }
        let inFile = "store = \"team\""
        #expect(try store("", nil, nil) == ["none", "standard"])
        #expect(try store(inFile, nil, nil)[0] == "team")
        #expect(try store(inFile, "", nil)[0] == "team")
        #expect(try store(inFile, "/env", nil) == ["/env", "environment(\"KCACHE_STORE\")"])
        #expect(try store(inFile, "/env", "/option") == ["/option", "option(\"--store\")"])
    }

    @Test func whatIsShown() throws {
        let plain = try work.run("config")
        #expect(
            plain.output.hasPrefix("key                        value")
                && plain.output.contains("\nstore                      \(cache)  default\n")
                && plain.output.contains("\nmake.pins                  true"), "\(plain)")
        #expect(plain.status == 0 && plain.error == "")
        #expect(try work.run("config", "--path").output == "\(file.path)\n")
        try write("store = '/srv/k'\n\n[make]\nwarm = true\npush = true\n")
        var program = work.program
        program.environment["KCACHE_MAKEFLAGS"] = "--no-push --no-prune"
        let shown = try program.run(["config"], in: work.place("tree"))
        let lines = shown.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(
            lines == [
                ["key", "value", "from"], ["store", "/srv/k", "\(file.path):1"],
                ["signing.key", "default"], ["signing.allowed-signers", "default"],
                ["signing.require-signature", "false", "default"],
                ["make.warm", "true", "\(file.path):4"], ["make.push", "false", "$KCACHE_MAKEFLAGS"],
                ["make.pins", "true", "default"], ["make.prune", "false", "$KCACHE_MAKEFLAGS"],
                ["make.probe-cache", "true", "default"], ["make.status-line", "true", "default"],
                ["make.explain", "false", "default"],
            ], "\(shown)")
        let json = try work.run("config", "--format", "json", "--store", "team")
        struct Row: Decodable, Equatable {
            let key: String
            let value: String?
            let origin: String
            let file: String?
            let line: Int?
        }
        let rows = try JSONDecoder().decode([Row].self, from: Data(json.output.utf8))
        #expect(rows[0] == Row(key: "store", value: "team", origin: "--store", file: nil, line: nil))
        #expect(
            rows[4]
                == Row(
                    key: "make.warm", value: "true", origin: "\(file.path):4", file: file.path, line: 4))
        #expect(rows.map(\.key) == ConfigurationFile.keys)
        // What the file says is followed: the store that is named there is looked for.
        #expect(
            try work.run("list").error
                == "kcache: there is no kcache store at /srv/k: kcache push makes one\n")
        program.environment = ["PATH": "/nonexistent"]
        let nowhere = try program.run(["config"], in: work.place("tree"))
        #expect(nowhere.status == 0 && nowhere.output.contains("default"), "\(nowhere)")
    }

    @Test(arguments: [
        ("[make]\nworm = true", ":2: there is no key make.worm: is it make.warm?"),
        ("warm = true", ":1: there is no key warm: is it make.warm?"),
        ("stroe = 'x'", ":1: there is no key stroe: is it store?"),
        ("colour = 1", ":1: there is no key colour: kcache config --help names all"),
        ("[make.warm]", ":1: there is no table make.warm: kcache config --help names all"),
        ("[maek]", ":1: there is no table maek: is it make?"),
        ("[make]\nalways = true", ":2: there is no key make.always: kcache config --help names all"),
        ("[make]\nwarm = 'yes'", ":2: make.warm takes true or false, without quotes"),
        ("[make]\nwarm = 1", ":2: make.warm takes true or false, without quotes"),
        ("store = true", ":1: store takes a text in quotes: a store's name, address or folder"),
        ("store = 'a/b'", ":1: store takes a store's name, an address, or a folder that begins with /"),
        ("store = ''", ":1: store takes a store's name, an address, or a folder that begins with /"),
        ("[signing]\nkey = true", ":2: signing.key takes a text in quotes: a file that begins with / or ~/"),
        (
            "signing.allowed-signers = 'x'",
            ":1: signing.allowed-signers takes a text in quotes: a file that begins with / or ~/"
        ),
        (
            "[signing]\nrequire-signature = 1",
            ":2: signing.require-signature takes true or false, without quotes"
        ),
        ("[signing]\nkeys = ''", ":2: there is no key signing.keys: is it signing.key?"),
        ("[make]\nwarm true", ":2: no = after the key: write KEY = VALUE"),
    ]) func wrongFiles(text: String, problem: String) throws {
        try write(text)
        for command in [["config"], ["list"], ["make"]] {
            let result = try work.program.run(command, in: work.place("tree"))
            #expect(result.status == 2 && result.output == "", "\(command): \(result)")
            #expect(result.error == "kcache: \(file.path)\(problem)\n", "\(command)")
        }
        // Nobody reads it here.
        #expect(try work.run("list", "--store", "/nowhere").status == 1)
        #expect(try work.run("config", "--path").status == 0)
        #expect(try work.run("make", "--help").status == 0)
    }

    @Test func unreadableFiles() throws {
        try FileManager.default.createDirectory(at: file, withIntermediateDirectories: true)
        for command in ["config", "list", "make"] {
            let result = try work.run(command)
            #expect(result.status == 2)
            #expect(
                result.error == "kcache: cannot read \(file.path): Is a directory: mend or remove it\n",
                "\(command)")
        }
        try FileManager.default.removeItem(at: work.place("home/.config"))
        try "".write(to: work.place("home/.config"), atomically: false, encoding: .utf8)
        #expect(try work.run("config").status == 0)
        guard geteuid() != 0 else { return }
        try FileManager.default.removeItem(at: work.place("home/.config"))
        try write("")
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: file.path)
        #expect(try work.run("config").status == 2)
    }

    @Test func wrongVariables() throws {
        var program = work.program
        program.environment["KCACHE_MAKEFLAGS"] = "--warm --help"
        for command in ["config", "make"] {
            let result = try program.run([command], in: work.place("tree"))
            #expect(result.status == 2)
            #expect(
                result.error
                    == "kcache: KCACHE_MAKEFLAGS has --help: it takes the options of kcache make only\n")
        }
    }

    /// What is only plain make asks no file.
    @Test func plainMakeReadsNoFile() throws {
        try write("nonsense")
        let driver = try MakeDriver(in: work.place("home"))
        let result = try driver.run(
            .command, ["--version"], in: work.place("tree"), environment: ["KCACHE_MAKE": "off"])
        #expect(result.status == 0 && result.output.hasPrefix("GNU Make"), "\(result)")
        #expect(try driver.run(.link, ["--version"], in: work.place("tree")).status == 2)
    }
}
