import Foundation
import TestKernel
import Testing

/// One kind of tree that is built, carried and edited for real.
struct RealTree: Sendable, CustomTestStringConvertible {
    enum Source: Sendable {
        case kernel
        /// A Debian source package.
        case package(String)
    }

    enum Layout: Sendable { case together, apart, below }

    let testDescription: String
    var source = Source.kernel
    var layout = Layout.together
    /// `ARCH`, `CROSS_COMPILE`, `LLVM`: for make and kcache.
    var environment: [String: String] = [:]
    /// The Debian release in whose root it is built.
    var root: String?
    /// Shell lines that add to the sources.
    var addition = ""
    /// Shell lines, run where make is started; `$make` is make with its `O=`, `$out` the output directory.
    var configuration: String
    /// The source to which a line is added.
    var edited: String
    /// What is made.
    var goals = ""
    /// Programs that must be there; without them the row is cancelled.
    var needs: [String] = []
    /// Paths or names of outputs that are a build's own, as with its path in them: no two builds have the same.
    var ownOutputs: [String] = []

    init(
        _ name: String, source: Source = .kernel, layout: Layout = .together,
        environment: [String: String] = [:], root: String? = nil,
        addition: String = "", configuration: String, edited: String = "lib/string.c", goals: String = "",
        needs: [String] = [],
        ownOutputs: [String] = []
    ) {
        testDescription = name
        (self.source, self.layout, self.environment) = (source, layout, environment)
        (self.root, self.addition) = (root, addition)
        (self.configuration, self.edited, self.goals) = (configuration, edited, goals)
        (self.needs, self.ownOutputs) = (needs, ownOutputs)
    }
}

/// Where one of these stands, and what is done with it.
struct RealPlace {
    let kind: RealTree
    let sources: URL
    let output: URL
    let home: URL
    let store: URL

    /// - Parameter parent: of the sources, and of an output directory apart from them.
    init(_ kind: RealTree, _ parent: URL, home: URL, store: URL) {
        (self.kind, self.home, self.store) = (kind, home, store)
        sources = parent.appending(path: "deep/sources")
        output =
            switch kind.layout {
            case .together: sources
            case .apart: parent.appending(path: "outputs/of/it")
            case .below: sources.appending(path: "build")
            }
    }

    private var word: String {
        switch kind.layout {
        case .together: ""
        case .apart: "O=\(output.path)"
        case .below: "O=build"
        }
    }

    func unpack() throws {
        let from =
            switch kind.source {
            case .kernel: try KernelSource.whole()
            case .package(let name): try KernelSource.package(name)
            }
        try FileManager.default.createDirectory(
            at: sources.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Shell.run(["cp", "-a", from.path, sources.path])
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        if !kind.addition.isEmpty { try Shell.run(["sh", "-ec", kind.addition], in: sources) }
    }

    func configure() throws {
        let done = try run(kind.configuration)
        guard done.status == 0 else { throw Shell.Failure(command: "configuration", output: done.log) }
    }

    func takeConfiguration(of other: RealPlace) throws {
        try FileManager.default.copyItem(
            at: other.output.appending(path: ".config"), to: output.appending(path: ".config"))
    }

    func make() throws -> BuildResult {
        try run("$make -j\(ProcessInfo.processInfo.activeProcessorCount) \(kind.goals)")
    }

    func kcache(_ verb: String, inRoot: Bool = true) throws -> BuildResult {
        try run("\(Program.path) \(verb) \(inRoot ? rootWord : "") \(word)")
    }

    private var rootWord: String { kind.root.map { "--root \($0)" } ?? "" }

    /// `kcache root`, in the home of this place.
    func root(_ words: String) throws {
        let done = try run("\(Program.path) root \(words)")
        guard done.status == 0 else { throw Shell.Failure(command: "root \(words)", output: done.log) }
    }

    func edit() throws {
        let file = sources.appending(path: kind.edited)
        let text = try String(contentsOf: file, encoding: .utf8)
        try (text + "\nstatic const char kcache_edit[] __attribute__((used)) = \"edited\";\n").write(
            to: file, atomically: false, encoding: .utf8)
    }

    /// Digests of what a build made, by path.
    func outputs() throws -> [String: String] {
        let pristine = kind.layout == .together ? Set(try Shell.files(in: try origin())) : []
        var paths = try Shell.files(in: output).filter { !pristine.contains($0) && !isPassing($0) }
        var found: [String: String] = [:]
        // A link may lead to a directory, or nowhere.
        paths.removeAll { path in
            let file = output.appending(path: path).path
            found[path] = try? FileManager.default.destinationOfSymbolicLink(atPath: file)
            return found[path] != nil
        }
        let list = paths.joined(separator: "\n") + "\n"
        let file = home.appending(path: "list-\(UUID().uuidString)")
        try list.write(to: file, atomically: false, encoding: .utf8)
        let sums = try Shell.run(
            ["sh", "-c", "xargs -d '\\n' -a \"$1\" sha256sum -- ", "sh", file.path], in: output)
        for line in sums.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2 { found[String(parts[1].drop { $0 == " " || $0 == "*" })] = String(parts[0]) }
        }
        return found
    }

    private func origin() throws -> URL {
        switch kind.source {
        case .kernel: try KernelSource.whole()
        case .package(let name): try KernelSource.package(name)
        }
    }

    /// What no later make reads: the passes of a link, and what a person's configuration was before.
    private func isPassing(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        return name.hasPrefix(".tmp_") || name == ".config.old" || name == ".missing-syscalls.d"
            || name == "source" || kind.ownOutputs.contains(path) || kind.ownOutputs.contains(String(name))
            || path.hasPrefix("include/config/") && !path.hasSuffix(".conf") && !path.hasSuffix(".release")
    }

    private func run(_ lines: String) throws -> BuildResult {
        let script = """
            set -e
            cd '\(sources.path)'
            eval "$('\(Program.path)' env)"
            make="\(kind.root == nil ? "make" : "\(Program.path) make \(rootWord)") \(word)"
            \(lines)
            """
        var environment = [
            "HOME": home.path, "TZ": "UTC", "LC_ALL": "C", "out": output.path,
            "KCACHE_STORE": store.path,
        ]
        environment.merge(kind.environment) { $1 }
        return try Shell.outcome(["sh", "-c", script], environment: environment)
    }
}
