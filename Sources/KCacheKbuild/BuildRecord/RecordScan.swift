import KCacheCore
import KCacheSystem
import KCacheTree

/// Looks at the trees after a make and works out a record.
struct RecordScan {
    let key: BuildKey
    let roots: [BuildRoot]
    let host: HostEnvironment
    let started: BuildStart

    struct Result {
        var record: BuildRecord
        /// No target is older than what its saved command names.
        var isAtRest: Bool
    }

    /// - Throws: `RecordRefusal` where the state can't be vouched for, `SystemError` where it can't be read.
    func record() throws -> Result {
        // Times have a granularity: a change after this moment must get a later one than any that stands here.
        let isCoarse = roots.contains { $0.status.ctime % 1_000_000_000 == 0 }
        WallClock.sleep(isCoarse ? 2_025_000_000 : 25_000_000)
        let begun = host.clock.now()
        let scans = try roots.map { root in
            try RootScan(root, others: roots.filter { $0.path != root.path }, host: host)
        }
        guard let first = scans.first else { throw RecordRefusal("no tree") }
        if let classification = first.classification { try refuseLeftovers(classification) }
        let config = try configuration(first)
        var watched = WatchedPaths()
        try watched.addSettings(config, roots: roots)
        let environment = host.environment.merging(key.assigned) { $1 }
        let programs = ["pkg-config", environment["HOSTPKG_CONFIG"], environment["PKG_CONFIG"]].compactMap {
            $0?.split(separator: " ").first.map(String.init)
        }
        for path in PackageFiles(environment: environment)
            .paths(programs: programs, path: environment["PATH"] ?? "")
        {
            watched.insert(path)
        }
        var isLocal = false
        if let source = roots.last(where: { $0.kind != .modules }) {
            // Without a repository the version is the makefile's alone; that there is none is watched.
            let name = TreePath(literal: Array(".git".utf8))
            isLocal = try config["LOCALVERSION_AUTO"] == "y" && source.directory.status(name) != nil
            try watched.addVersionControl(source, withIndex: isLocal)
        }
        let commands = try SavedCommands(scans)
        let reach = try MakefileReaches(scans, environment: Array(environment.keys))
        // What make never looks at is known of kernels alone.
        let isKernel = first.classification.map { $0.program == LinkedProgram.kernel } ?? true
        let inert = inertFiles(scans, commands, reach, config, isLocal: isLocal || !isKernel)
        try refuseOtherCompiler(first, commands)
        for path in commands.outside { watched.insert(path) }
        for path in key.namedPaths { watched.insert(Array(path.utf8)) }
        for path in reach.outside {
            for root in roots where root.kind != .modules {
                if let path = SavedCommands.absolute(path, from: root.path) { watched.insert(path) }
            }
        }
        for scan in scans where scan.root.kind == .modules {
            try ModuleMakefiles.watch(scan, into: &watched)
        }

        var table = RecordTable(scans: scans)
        var rules = DigestBuilder()
        for (r, scan) in scans.enumerated() {
            for (i, file) in scan.listing.files.enumerated() {
                let isNamed = commands.isNamed(r, i)
                if !scan.isOutput[i], !isNamed, isInert(file.path, in: scan, inert) { continue }
                try vouch(for: file, in: scan, i, begun: begun)
                let decides = scan.decides(i)
                let isPlain = commands.isPlain(r, i) && InertFiles.hasInertSuffix(file.path.name)
                table.add(r, i, decides: decides, isPlain: isPlain && !decides)
                if file.status.kind == .link, try !leadsToOutput(file, scan) {
                    watched.insert(Self.absolute(scan.root, file.path))
                    try watched.addFolder(behind: Self.absolute(scan.root, file.path), roots: roots)
                }
                if decides, !scan.isOutput[i] { Self.add(file, r, to: &rules) }
            }
        }
        let edges = try DescentEdges(scans: scans, commands: commands, reach: reach, config: config)
        let record = try table.record(
            key: key.digest, rules: rules.finish(), watched: watched, edges: edges, walkReason: walkReason,
            started: started.time, begun: begun)
        return Result(record: record, isAtRest: commands.isAtRest)
    }

    /// True for a link to a file that the record holds by itself, such as arch/i386/boot/bzImage.
    private func leadsToOutput(_ link: ScannedFile, _ scan: RootScan) throws(SystemError) -> Bool {
        let home = Self.absolute(scan.root, link.path).dropLast(link.path.name.count + 1)
        guard
            let target = SavedCommands.absolute(
                try scan.root.directory.readLink(link.path), from: Array(home)),
            let path = scan.root.relative(target), let place = scan.listing.index(of: path)
        else { return false }
        return scan.isOutput[place] && scan.listing.files[place].status.kind == .file
    }

    /// Why every directory has to be walked; empty if not.
    private var walkReason: String {
        if key.hasExternalModules { return "external modules are built" }
        return key.goals.allSatisfy(Self.isKnownGoal)
            ? "" : "goals that are not known to need directories alone"
    }

    static func absolute(_ root: BuildRoot, _ path: TreePath) -> [UInt8] {
        root.path + [UInt8(ascii: "/")] + path.bytes
    }

    private static func add(_ file: ScannedFile, _ root: Int, to hash: inout DigestBuilder) {
        hash.update("\(root) ")
        hash.update(file.path.bytes)
        let status = file.status
        hash.update("\u{0}\(status.inode) \(status.size) \(status.mtime) \(status.ctime)\u{0}")
    }

    private func isInert(_ path: TreePath, in scan: RootScan, _ inert: InertFiles) -> Bool {
        // Beside external modules nothing is inert.
        scan.root.kind != .modules && inert.isInert(path)
    }

    /// Refuses a file whose state may not be the one that make saw, or that a later change may not show in.
    private func vouch(for file: ScannedFile, in scan: RootScan, _ i: Int, begun: Int64) throws(RecordRefusal)
    {
        let status = file.status
        guard StatIndex.isSettled(ctime: status.ctime, now: begun) else {
            throw RecordRefusal("\(file.path) changed just now, or the clock went back")
        }
        if scan.isOutput[i] { return }
        let newest = max(status.ctime, status.kind == .link ? 0 : status.mtime)
        if StatIndex.isSettled(ctime: newest, now: started.time) { return }
        if file.path.bytes.elementsEqual(".config".utf8), isTaken(file, scan) { return }
        throw RecordRefusal("\(file.path) changed while make ran, or just before")
    }

    /// True if syncconfig has read this `.config`: what it wrote then is not older.
    private func isTaken(_ config: ScannedFile, _ scan: RootScan) -> Bool {
        guard let path = TreePath("include/config/auto.conf"), let auto = scan.listing[path] else {
            return false
        }
        return config.status.mtime <= auto.status.mtime && config.status.ctime <= auto.status.ctime
    }

    /// Refuses where a makefile has chosen a compiler that the key knows nothing of: Kbuild asks for its version.
    private func refuseOtherCompiler(_ scan: RootScan, _ commands: SavedCommands) throws {
        guard let compilers = key.compilers else { return }
        let recorded =
            try RecordedCommands.read(in: scan.root.directory, scan.listing)["CC"].map { [$0] } ?? []
        for command in recorded + commands.moduleCompilers {
            let words = command.split(separator: " ").map(String.init)
            let called = ToolchainNames.program(command).map(String.init) ?? ""
            if compilers.contains(called) || words.first.map(compilers.contains) == true { continue }
            throw RecordRefusal("\(called) was the compiler, which only a makefile knows")
        }
    }

    private func refuseLeftovers(_ classification: Classification) throws(RecordRefusal) {
        let signs: Set<BuildFinding.Kind> = [
            .unfinishedCompile, .missingTarget, .unsavedCommand, .temporaryFile, .emptyOutput, .neverBuilt,
        ]
        if let finding = InterruptedBuild.findings(classification).first(where: { signs.contains($0.kind) }) {
            throw RecordRefusal("\(finding)")
        }
    }

    private func configuration(_ scan: RootScan) throws -> AutoConf {
        guard let path = TreePath("include/config/auto.conf"), scan.listing[path] != nil,
            let text = try scan.root.directory.readFile(path)
        else { throw RecordRefusal("there is no include/config/auto.conf") }
        return AutoConf(parsing: text)
    }

    private func inertFiles(
        _ scans: [RootScan], _ commands: SavedCommands, _ reach: MakefileReaches, _ config: AutoConf,
        isLocal: Bool
    ) -> InertFiles {
        var inert = InertFiles()
        let isExternal = key.hasExternalModules
        inert.everythingCounts = isLocal || !key.goals.allSatisfy(Self.isKnownGoal)
        inert.headersCount =
            isExternal
            || ["IKHEADERS", "HEADERS_INSTALL", "UAPI_HEADER_TEST"].contains {
                config[$0] == "y" || config[$0] == "m"
            }
        inert.documentationCounts = ["WARN_MISSING_DOCUMENTS", "WARN_ABI_ERRORS"].contains {
            config[$0] == "y"
        }
        inert.sourceNames = reach.sourceNames
        inert.wholeDirectories = reach.wholeDirectories
        inert.namedPaths = reach.namedPaths
        inert.tools = Set(["build", "include", "scripts", "lib", "arch"].map { Array($0.utf8) })
        inert.architectures = reach.architectures
        for (r, scan) in scans.enumerated() {
            for (i, file) in scan.listing.files.enumerated() where scan.isOutput[i] || commands.isNamed(r, i)
            {
                let isArch = file.path.hasPrefix("arch/")
                guard isArch || file.path.hasPrefix("tools/") else { continue }
                let parts = file.path.components
                guard parts.count > 2 else { continue }
                if isArch {
                    inert.architectures.insert(Array(parts[1]))
                } else {
                    inert.tools.insert(Array(parts[1]))
                }
            }
        }
        // Where SRCARCH is not known, every one counts.
        if scans.allSatisfy({ ($0.tree?.architecture ?? "").isEmpty }) { inert.architectures = [] }
        return inert
    }

    /// Goals that build the kernel, its modules or single files, and read nothing else.
    static func isKnownGoal(_ goal: String) -> Bool {
        let known: Set<String> = [
            "all", "vmlinux", "modules", "bzImage", "Image", "Image.gz", "zImage", "uImage", "vmlinuz",
            "prepare",
            "modules_prepare", "scripts", "dtbs",
        ]
        if known.contains(goal) { return true }
        return [".o", ".ko", ".i", ".s", ".a", ".lst", ".ll", ".mod", ".symtypes"].contains {
            goal.hasSuffix($0)
        }
            || goal.hasSuffix("/") && !goal.hasPrefix("tools/") && !goal.hasPrefix("Documentation/")
                && !goal.hasPrefix("samples/")
    }
}
