import KCacheCore
import KCacheSystem
import SystemPackage

/// Looks at everything behind the commands of a build, and notes all it looked at.
struct ToolchainSurvey {
    /// Why a toolchain can't be told by content.
    struct Unfit: Error { let reason: String }

    let environment: [String: String]
    let runner: ProcessRunner
    private var hash = DigestBuilder()
    private var programs: Set<String> = []
    private var witnesses: [FileWitness] = []
    private var seen: Set<FilePath> = []
    private var contents: [FilePath: Digest] = [:]
    private var surveyed: Set<String> = []

    init(environment: [String: String], runner: ProcessRunner) {
        self.environment = environment.merging(["LC_ALL": "C"]) { $1 }
        self.runner = runner
    }

    /// Text tools that probes pipe their answers through: their content counts, whatever they are.
    private static let textTools = [
        "head", "grep", "sed", "tr", "cut", "tail", "cat", "expr", "awk", "printf", "test", "[", "echo",
    ]

    /// - Throws: `Unfit`, or where a file can't be looked at.
    mutating func run(_ commands: [String: String], also: [String]) throws -> ToolchainIdentity {
        for file in ["/etc/ld.so.cache", "/etc/ld.so.preload"] { try noteContent(FilePath(file)) }
        for (role, command) in commands.sorted(by: { $0.key < $1.key }) {
            try survey(command, isCompiler: ["CC", "HOSTCC", "HOSTCXX"].contains(role), role: role)
        }
        for command in also.sorted() {
            let leaf = ToolchainNames.program(command)?.split(separator: "/").last ?? ""
            let isCompiler = ["cc", "clang", "++"].contains { leaf.contains($0) }
            try survey(command, isCompiler: isCompiler, role: "also")
        }
        try survey("getconf", isCompiler: false, role: "getconf")
        for tool in ["/bin/sh", "sh"] + Self.textTools {
            mix("tool", tool)
            if let file = try find(tool, passingOver: nil) { mix(file.called.string, try content(file.real)) }
        }
        return ToolchainIdentity(digest: hash.finish(), programs: programs, witnesses: witnesses)
    }

    private mutating func survey(_ command: String, isCompiler: Bool, role: String) throws {
        mix(role, command)
        let words = command.split { $0 == " " || $0 == "\t" }.map { String($0) }
        guard !words.isEmpty else { return }
        guard words.allSatisfy({ word in !word.contains { "\"'`$\\;&|<>()*?[]{}~#\n".contains($0) } }) else {
            throw Unfit(reason: "\(role) is no plain command: \(command)")
        }
        guard surveyed.insert("\(isCompiler) \(command)").inserted else { return }
        programs.insert(words[0])
        try program(words, isCompiler: isCompiler, isCxx: role == "HOSTCXX")
    }

    /// Follows one call, through wrappers, to the program that does the work.
    private mutating func program(
        _ words: [String], isCompiler: Bool, isCxx: Bool, passingOver wrapper: FilePath? = nil, depth: Int = 0
    ) throws {
        guard depth < 5, let name = words.first, !name.hasPrefix("-"), !name.contains("=") else {
            throw Unfit(reason: "not understood: \(words.joined(separator: " "))")
        }
        guard let file = try find(name, passingOver: wrapper) else { return mix("missing", name) }
        let leaf = file.real.lastComponent?.string ?? ""
        let start = try self.start(of: file.real)
        mix(file.called.string, try content(file.real))
        mix("at", file.real.string)
        if start.starts(with: Array("#!".utf8)) {
            guard let bytes = try RealFile.read(file.real, limit: 4096), let script = WrapperScript(bytes)
            else {
                throw Unfit(reason: "\(file.called) is a script that may do anything")
            }
            return try program(
                script.words + words.dropFirst(), isCompiler: isCompiler, isCxx: isCxx, depth: depth + 1)
        }
        guard start.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
            throw Unfit(reason: "\(file.called) is neither a program nor a script")
        }
        if leaf == "ccache" {
            try ccacheSettings()
            var rest = Array(words.dropFirst())
            if file.called.lastComponent?.string != leaf {
                rest = [file.called.lastComponent?.string ?? ""] + rest
            } else if let inner = rest.first {
                programs.insert(inner)
            }
            return try program(
                rest, isCompiler: isCompiler, isCxx: isCxx, passingOver: file.real, depth: depth + 1)
        }
        if ToolchainNames.wrappers.contains(leaf[...]) {
            throw Unfit(reason: "\(leaf) may run any compiler")
        }
        try libraries(of: file.real)
        try linkerPlugins(beside: file.real)
        if isCompiler {
            try compiler(file.called, real: file.real, options: Array(words.dropFirst()), isCxx: isCxx)
        }
    }

    // MARK: Files

    struct Found {
        let called: FilePath
        let real: FilePath
    }

    /// The program that a name runs, as execvp(3) finds it; each candidate on the way becomes a witness.
    mutating func find(_ name: String, passingOver wrapper: FilePath?) throws -> Found? {
        if name.contains("/") {
            guard name.hasPrefix("/") else {
                throw Unfit(reason: "\(name) depends on the working directory")
            }
            return try candidate(FilePath(name))
        }
        for folder in (environment["PATH"] ?? "/bin:/usr/bin").split(separator: ":") {
            guard let found = try candidate(FilePath(String(folder)).appending(name)) else { continue }
            if let wrapper, found.real == wrapper { continue }
            return found
        }
        return nil
    }

    private mutating func candidate(_ path: FilePath) throws -> Found? {
        guard let real = try witness(path) else { return nil }
        let program = ExecutableLookup.find(path.string, path: "")
        return program == nil ? nil : Found(called: path, real: real)
    }

    /// Notes what stands at a path, and each link on the way to its file; that file, if there is one.
    @discardableResult
    mutating func witness(_ path: FilePath) throws -> FilePath? {
        var current = path
        for _ in 0..<40 {
            let seenBefore = !seen.insert(current).inserted
            let here = try FileWitness(current, followingLinks: false)
            if !seenBefore { witnesses.append(here) }
            guard let stamp = here.stamp else { return nil }
            guard stamp.mode >> 16 == UInt64(FileStatus.Kind.link.rawValue) else {
                // Links among the folders in front show in the file's own stamp.
                return try RealFile.resolve(current).flatMap { real in
                    try Directory.open(real.removingLastComponent()).realPath().appending(
                        real.lastComponent?.string ?? "")
                }
            }
            guard let leaf = current.lastComponent, let name = TreePath(leaf.string) else { return nil }
            let parent = try Directory.open(current.removingLastComponent())
            let target = FilePath(String(decoding: try parent.readLink(name), as: UTF8.self))
            current = target.isAbsolute ? target : try parent.realPath().pushing(target)
        }
        return nil
    }

    /// Notes a file that need not exist, with its content.
    mutating func noteContent(_ path: FilePath) throws {
        guard let real = try witness(path) else { return }
        mix(path.string, try content(real))
    }

    mutating func content(_ real: FilePath) throws -> Digest {
        if let known = contents[real] { return known }
        try witness(real)
        guard let bytes = try RealFile.read(real, limit: 1 << 30) else {
            throw Unfit(reason: "\(real) can't be read")
        }
        let digest = Digest.of(bytes)
        contents[real] = digest
        return digest
    }

    private func start(of real: FilePath) throws -> [UInt8] {
        guard let leaf = real.lastComponent, let name = TreePath(leaf.string),
            let file = try Directory.open(real.removingLastComponent()).openFile(name)
        else { return [] }
        return try withUnsafeTemporaryAllocation(byteCount: 4, alignment: 1) { buffer in
            let count = try file.read(into: buffer, at: 0)
            return Array(buffer.prefix(count))
        }
    }

    // MARK: Mixing

    mutating func mix(_ label: String, _ text: String) { hash.update("\(label)\u{0}\(text)\u{0}") }

    mutating func mix(_ label: String, _ digest: Digest) {
        hash.update("\(label)\u{0}")
        hash.update(digest)
    }
}
