import KCacheCore
import KCacheSystem
import SystemPackage

/// What stands behind a driver: the programs that it runs, its specs, libraries and plugins.
extension ToolchainSurvey {
    mutating func compiler(_ called: FilePath, real: FilePath, options: [String], isCxx: Bool) throws {
        let bytes = try RealFile.read(real, limit: 1 << 30) ?? []
        if ByteSearch.contains(bytes[...], Array("COLLECT_GCC_OPTIONS".utf8)) {
            return try gcc(called, options, isCxx: isCxx)
        }
        let version = try ask(called, ["--version"])
        guard version.contains("clang version") else {
            throw Unfit(reason: "\(called) is neither gcc nor clang")
        }
        guard !version.contains("Configuration file:") else {
            throw Unfit(reason: "\(called) reads a configuration file")
        }
        mix("version", version)
        try clang(called, real: real, options)
    }

    // MARK: gcc

    private mutating func gcc(_ called: FilePath, _ options: [String], isCxx: Bool) throws {
        let places = try ask(called, options + ["-print-search-dirs"])
        let folders = GccFolders(places)
        guard !folders.programs.isEmpty else {
            throw Unfit(reason: "\(called) does not tell where its parts are")
        }
        mix("places", places)
        for name in [isCxx ? "cc1plus" : "cc1", "as", "ld", "collect2", "lto-wrapper"] {
            for folder in folders.programs { try witness(FilePath(folder + name)) }
            try part(name, try ask(called, options + ["-print-prog-name=\(name)"]))
        }
        for folder in Set(folders.programs + folders.libraries + folders.install).sorted() {
            try noteContent(FilePath(folder + "specs"))
        }
        let plugin = "liblto_plugin.so"
        for folder in folders.programs { try witness(FilePath(folder + plugin)) }
        try part(plugin, try ask(called, options + ["-print-file-name=\(plugin)"]))
    }

    /// A part by the name that the driver runs it with: a path, or to be found as the shell finds it.
    private mutating func part(_ name: String, _ answer: String) throws {
        mix("part", name)
        let isLibrary = name.hasSuffix(".so")
        if isLibrary, !answer.hasPrefix("/") { return mix("missing", name) }
        let real = isLibrary ? try witness(FilePath(answer)) : try find(answer, passingOver: nil)?.real
        guard let real else { return mix("missing", answer) }
        mix(real.string, try content(real))
        guard !isLibrary else { return }
        try libraries(of: real)
        try linkerPlugins(beside: real)
    }

    // MARK: clang

    private mutating func clang(_ called: FilePath, real: FilePath, _ options: [String]) throws {
        let triple = try ask(called, options + ["-dumpmachine"])
        let leaf = called.lastComponent?.string ?? "clang"
        for folder in [called, real].map({ $0.removingLastComponent() }) {
            for name in ["clang", leaf, triple, "\(triple)-\(leaf)", "\(triple)-clang"] {
                try noteContent(folder.appending("\(name).cfg"))
            }
        }
        for name in ["as", "ld"] {
            try part(name, try ask(called, options + ["-print-prog-name=\(name)"]))
        }
    }

    // MARK: Libraries

    /// The libraries that the loader gives a program, as the loader itself tells (ld.so(8)).
    mutating func libraries(of program: FilePath) throws {
        guard let bytes = try RealFile.read(program, limit: 1 << 30),
            let dynamic = SharedLibraries(bytes), !dynamic.needed.isEmpty
        else { return }
        let home = program.removingLastComponent().string
        let folders =
            (environment["LD_LIBRARY_PATH"] ?? "").split(separator: ":").map { String($0) }
            + dynamic.runPath.map {
                $0.replacing("$ORIGIN", with: home).replacing("${ORIGIN}", with: home)
            }
        for folder in folders where folder.hasPrefix("/") {
            try witness(FilePath(folder).appending("glibc-hwcaps"))
            for library in dynamic.needed where !library.contains("/") {
                try witness(FilePath(folder).appending(library))
            }
        }
        let traced = try runner.run(
            [program.string], environment: environment.merging(["LD_TRACE_LOADED_OBJECTS": "1"]) { $1 })
        for line in traced.text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard let path = words.first(where: { $0.hasPrefix("/") }) else {
                if line.contains("not found") { mix("missing", String(line)) }
                continue
            }
            guard let real = try witness(FilePath(String(path))) else { continue }
            mix(String(path), try content(real))
        }
    }

    /// ar, nm and ld load every plugin that lies in this folder (bfd/plugin.c).
    mutating func linkerPlugins(beside program: FilePath) throws {
        let folder = program.removingLastComponent().removingLastComponent()
            .appending("lib").appending("bfd-plugins")
        guard try witness(folder) != nil else { return }
        let directory = try Directory.open(folder)
        for entry in try directory.entries().sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
            try noteContent(folder.appending(String(decoding: entry.name, as: UTF8.self)))
        }
    }

    // MARK: ccache

    /// ccache's own settings may choose another compiler, or put a program in front of it (ccache(1)).
    mutating func ccacheSettings() throws {
        let choosing = ["PATH", "COMPILER", "COMPILERTYPE", "PREFIX", "PREFIX_CPP", "CPP2"]
        for name in choosing where environment["CCACHE_\(name)"] != nil {
            throw Unfit(reason: "CCACHE_\(name) is set")
        }
        let home = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        var files = ["/etc/ccache.conf", "/usr/etc/ccache.conf", "/usr/local/etc/ccache.conf"]
        if let file = environment["CCACHE_CONFIGPATH"] { files.append(file) }
        if let file = environment["CCACHE_CONFIGPATH2"] { files.append(file) }
        if let folder = environment["CCACHE_DIR"] { files.append("\(folder)/ccache.conf") }
        if let folder = environment["XDG_CONFIG_HOME"] { files.append("\(folder)/ccache/ccache.conf") }
        if let home {
            files += [".ccache", ".config/ccache", ".cache/ccache"].map { "\(home)/\($0)/ccache.conf" }
        }
        for file in files {
            guard file.hasPrefix("/") else {
                throw Unfit(reason: "\(file) depends on the working directory")
            }
            guard let real = try witness(FilePath(file)) else { continue }
            mix(file, try content(real))
            let text = String(decoding: try RealFile.read(real, limit: 1 << 20) ?? [], as: UTF8.self)
            for line in text.split(separator: "\n") {
                let key = line.split(separator: "=").first?.split(separator: " ").first ?? ""
                if ["path", "compiler", "compiler_type", "prefix_command", "prefix_command_cpp"]
                    .contains(key)
                {
                    throw Unfit(reason: "\(file) sets \(key)")
                }
            }
        }
    }

    // MARK: Asking

    private func ask(_ program: FilePath, _ arguments: [String]) throws -> String {
        let result = try runner.run([program.string] + arguments, environment: environment)
        guard result.status == 0 else { throw Unfit(reason: "\(program) does not answer \(arguments)") }
        var text = result.text
        while text.last == "\n" { text.removeLast() }
        return text
    }
}

/// The folders that a gcc looks in, as its `-print-search-dirs` names them, each with a final slash.
struct GccFolders {
    private(set) var install: [String] = []
    private(set) var programs: [String] = []
    private(set) var libraries: [String] = []

    init(_ text: String) {
        for line in text.split(separator: "\n") {
            if line.hasPrefix("install: ") { install = Self.folders(line.dropFirst(9)) }
            if line.hasPrefix("programs: =") { programs = Self.folders(line.dropFirst(11)) }
            if line.hasPrefix("libraries: =") { libraries = Self.folders(line.dropFirst(12)) }
        }
    }

    private static func folders(_ text: Substring) -> [String] {
        text.split(separator: ":").filter { $0.hasPrefix("/") }.map {
            $0.hasSuffix("/") ? String($0) : "\($0)/"
        }
    }
}
