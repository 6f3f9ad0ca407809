import KCacheCore
import KCacheSystem
import SystemPackage

/// Checks the compiler and its tools against what the tree was configured with, and against what it needs.
enum ToolChecks {
    static func findings(_ tree: TreeCondition, machine: MachineCondition) throws -> [DoctorFinding] {
        changes(tree, machine) + (try ages(tree, machine))
    }

    // MARK: Other than the tree was built with

    private static func changes(_ tree: TreeCondition, _ machine: MachineCondition) -> [DoctorFinding] {
        // What the build was configured with; Kconfig asks again only when syncconfig runs.
        let built = tree.built.values.isEmpty ? tree.wanted : tree.built
        var findings: [DoctorFinding] = []
        if let compiler = machine.tool("CC"), compiler.digest != .zero, !compiler.version.isEmpty,
            let then = built.values["CC_VERSION_TEXT"], !then.isEmpty, then != compiler.version
        {
            findings.append(
                DoctorFinding(
                    .compilerChanged,
                    "the tree was configured for \(shown(then)), and \(shown(compiler.command)) is "
                        + shown(compiler.version),
                    cost: "runs syncconfig and rebuilds \(tree.allObjects)",
                    mend: "install that compiler, or build once with this one: kcache make"))
        }
        let tools = [
            ("AS_VERSION", "assembler", machine.tool("CC:as")),
            ("LD_VERSION", "linker", built["LD_IS_BFD"] == "y" ? machine.tool("LD") : nil),
            ("PAHOLE_VERSION", "pahole", machine.tool("PAHOLE")),
        ]
        for (symbol, name, tool) in tools {
            guard let tool, tool.digest != .zero, let then = built.values[symbol], let number = Int(then),
                number > 0, let here = canonical(tool.version, isPahole: name == "pahole"), here != number
            else { continue }
            findings.append(
                DoctorFinding(
                    .toolChanged,
                    "the tree was configured for \(name) version \(number) (CONFIG_\(symbol)), and "
                        + "\(shown(tool.command)) is \(here): \(shown(tool.version))",
                    cost:
                        "Kbuild does not notice: what is built next stands beside what the other \(name) made",
                    mend: name == "pahole"
                        ? "install that pahole, or rm vmlinux && kcache make"
                        : "install that \(name), or make clean && kcache make"))
        }
        return findings
    }

    /// The number that scripts/as-version.sh, ld-version.sh and pahole-version.sh make of a version.
    static func canonical(_ text: String, isPahole: Bool = false) -> Int? {
        guard var word = text.split(whereSeparator: \.isWhitespace).last else { return nil }
        if word.hasPrefix("v") { word = word.dropFirst() }
        let fields = word.prefix { $0 != "-" }.split(separator: ".").prefix(3).map { field in
            Int(field.prefix { $0.isASCII && $0.isNumber })
        }
        guard let first = fields.first, let major = first, major < 10_000 else { return nil }
        let numbers = fields.map { min($0 ?? 0, 9999) } + [0, 0]
        return isPahole ? major * 100 + numbers[1] : major * 10_000 + numbers[1] * 100 + numbers[2]
    }

    // MARK: Too old for this kernel

    private static func ages(_ tree: TreeCondition, _ machine: MachineCondition) throws -> [DoctorFinding] {
        var wanted: [(name: String, least: String, has: String)] = []
        if let least = try leastMake(tree), machine.finds("make") {
            let answer = try machine.host.runner.run(
                ["make", "--version"], environment: machine.host.environment)
            let line = answer.text.split(separator: "\n").first.map(String.init) ?? ""
            if let version = line.split(separator: " ").last, line.hasPrefix("GNU Make") {
                wanted.append(("make", least, String(version)))
            }
        }
        let script = try tree.text("scripts/min-tool-version.sh") ?? ""
        for (name, role) in [("gcc", "CC"), ("llvm", "CC"), ("binutils", "CC:as")] {
            guard let tool = machine.tool(role), tool.digest != .zero,
                let version = version(of: tool.version, as: name), let least = leastTool(name, in: script)
            else { continue }
            wanted.append((name, least, version))
        }
        return wanted.filter { isOlder($0.has, than: $0.least) }.map { tool in
            DoctorFinding(
                .oldTool, "\(tool.name) is \(shown(tool.has)), and this kernel needs \(tool.least) or newer",
                cost: "make refuses to build", mend: "install \(tool.name) \(tool.least) or newer")
        }
    }

    private static func version(of text: String, as name: String) -> String? {
        let isClang = text.contains("clang")
        switch name {
        case "gcc": return isClang || !text.contains("gcc") && !text.contains("GCC") ? nil : last(text)
        case "llvm":
            guard isClang, let mark = text.firstRange(of: "version ") else { return nil }
            return text[mark.upperBound...].split(separator: " ").first.map(String.init)
        default: return text.hasPrefix("GNU ") ? last(text) : nil
        }
    }

    private static func last(_ text: String) -> String? { text.split(separator: " ").last.map(String.init) }

    /// "GNU Make >= 4.0 is required." (top Makefile); older ones say it in Documentation/process/changes.rst only.
    private static func leastMake(_ tree: TreeCondition) throws -> String? {
        if let text = try tree.text("Makefile"), let mark = text.firstRange(of: "GNU Make >= ") {
            return String(text[mark.upperBound...].prefix { $0.isNumber || $0 == "." })
        }
        for line in (try tree.text("Documentation/process/changes.rst") ?? "").split(separator: "\n")
        where line.hasPrefix("GNU make ") {
            return line.split(separator: " ").dropFirst(2).first.map(String.init)
        }
        return nil
    }

    /// The last `echo` of the tool's case: those before it are of single architectures.
    static func leastTool(_ name: String, in script: String) -> String? {
        var found: String?
        var isInside = false
        for line in script.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            if words == ["\(name))"] { isInside = true }
            if isInside, words.count == 2, words[0] == "echo" { found = String(words[1]) }
            if isInside, words.last == ";;" { return found }
        }
        return found
    }

    static func isOlder(_ version: String, than least: String) -> Bool {
        func fields(_ text: String) -> [Int] {
            text.prefix { $0.isNumber || $0 == "." }.split(separator: ".").map { Int($0) ?? 0 }
        }
        let (a, b) = (fields(version), fields(least))
        guard !a.isEmpty, !b.isEmpty else { return false }
        for i in 0..<max(a.count, b.count) {
            let (x, y) = (i < a.count ? a[i] : 0, i < b.count ? b[i] : 0)
            if x != y { return x < y }
        }
        return false
    }

    private static func shown(_ text: String) -> String { quoteForPeople(Array(text.utf8)) }
}
