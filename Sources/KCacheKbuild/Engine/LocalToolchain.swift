import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree

/// This machine's toolchain, as a build of the tree would find it.
final class LocalToolchain {
    private let host: HostEnvironment
    private let isReadOnly: Bool
    /// Snapshots of one store mostly have the same toolchain: each is compared once.
    private var verdicts: Verdicts

    /// By the tools of a snapshot.
    typealias Verdicts = [[ToolIdentity]: ToolchainVerdict]

    /// - Parameters:
    ///   - known: what has been compared already.
    ///   - isReadOnly: keeps nothing of what is learnt on the way.
    init(host: HostEnvironment, known: Verdicts = [:], isReadOnly: Bool = false) {
        (self.host, verdicts, self.isReadOnly) = (host, known, isReadOnly)
    }

    /// Compares the toolchains of these snapshots.
    static func verdicts(of entries: some Sequence<CatalogEntry>, host: HostEnvironment) throws -> Verdicts {
        let toolchain = LocalToolchain(host: host)
        for entry in entries { _ = try toolchain.compare(entry.header.environment.toolchain) }
        return toolchain.verdicts
    }

    /// What built the tree, by its own saved commands.
    func recorded(_ inspection: TreeInspection) throws -> [ToolIdentity] {
        try recorded(in: inspection.root, inspection.listing, kernel: inspection.kernel)
    }

    /// - Parameter listing: what stands in the tree; without it only kernels are known.
    /// - Parameter kernel: of external modules.
    func recorded(in tree: Directory, _ listing: TreeListing? = nil, kernel: ModuleKernel? = nil) throws
        -> [ToolIdentity]
    {
        var request = try ToolchainProbe.Request.reading(tree, listing, isOfModules: kernel != nil)
        if kernel?.addsTypes == true { request.usesPahole = true }
        request.recorded = request.recorded.filter { host.arguments[$0.key] == nil }
        return try probe(request)
    }

    /// What a build here would use in the place of a snapshot's tools.
    ///
    /// Where the user has chosen tools (`CC`, `LLVM`, `CROSS_COMPILE`, …), those count; else the snapshot's
    /// commands, looked up here. A cross compiler says nothing of the host's own.
    func compare(_ snapshot: [ToolIdentity]) throws -> ToolchainVerdict {
        if let known = verdicts[snapshot] { return known }
        var request = ToolchainProbe.Request()
        let chosen = host.environment.merging(host.arguments) { $1 }
        func isChosen(_ names: [String]) -> Bool { names.contains { chosen[$0]?.isEmpty == false } }
        let isOwnTarget = isChosen(["CC", "LLVM", "CROSS_COMPILE", "LD", "AR", "NM", "OBJCOPY"])
        for tool in snapshot where !tool.role.contains(":") && Self.isToolName(tool.command) {
            let isOfHost = tool.role == "HOSTCC" || tool.role == "HOSTCXX"
            guard isOfHost ? !isChosen(["LLVM", tool.role]) : !isOwnTarget else { continue }
            request.recorded[tool.role] = tool.command
        }
        request.usesPahole = snapshot.contains { $0.role == "PAHOLE" }
        request.usesHostCXX = snapshot.contains { $0.role == "HOSTCXX" }
        let local = try probe(request)
        let verdict = ToolchainVerdict(ToolchainComparison.differences(snapshot: snapshot, local: local))
        verdicts[snapshot] = verdict
        return verdict
    }

    /// A snapshot names the programs that are asked for their version here, and it may come from anywhere: only
    /// plain names of compilers and binary tools will do.
    static func isToolName(_ command: String) -> Bool {
        guard command.utf8.count <= 100, !command.hasPrefix("-"),
            command.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.+".contains($0)) })
        else { return false }
        var name = command[...]
        while let last = name.last, last.isNumber || last == "." { name = name.dropLast() }
        if name.last == "-" { name = name.dropLast() }
        let tools = [
            "gcc", "cc", "clang", "g++", "c++", "clang++", "ld", "ld.bfd", "ld.gold", "ld.lld", "ar",
            "gcc-ar", "nm",
            "gcc-nm", "objcopy", "objdump", "readelf", "strip", "pahole",
        ]
        return tools.contains { name == $0 || name.hasSuffix("-\($0)") }
    }

    private func probe(_ request: ToolchainProbe.Request) throws -> [ToolIdentity] {
        var request = request
        request.arguments = host.arguments
        let root = try host.root?.view()
        let digests =
            isReadOnly
            ? try ToolDigests(reading: host.cacheFolder)
            : try ToolDigests(cache: host.cacheFolder, root: root)
        defer { digests.save(now: host.clock.now()) }
        let memory = ToolchainMemory(digest: { try digests.digest($0) })
        guard let inside = host.root, let root else {
            return try ToolchainProbe(environment: host.environment, runner: host.runner, memory: memory)
                .tools(request)
        }
        return try ToolchainProbe(
            environment: RootEnvironment.values(host.environment), runner: try inside.runner(host),
            memory: memory,
            root: root
        ).tools(request)
    }
}

/// What differences between toolchains mean for a pull.
struct ToolchainVerdict: Sendable {
    /// Which outputs of the snapshot can't be taken as fresh.
    enum Impact: Sendable {
        case none
        /// vmlinux and the modules: pahole writes their type information.
        case typeInformation
        /// All: a compiler, assembler or linker takes part in every object or in the host programs that make
        /// or check it.
        case everything
    }

    let differences: [ToolDifference]
    let impact: Impact

    init(_ differences: [ToolDifference]) {
        self.differences = differences.filter { $0.effect != .harmless }
        if self.differences.isEmpty {
            impact = .none
        } else if self.differences.allSatisfy({ $0.role == "PAHOLE" }) {
            impact = .typeInformation
        } else {
            impact = .everything
        }
    }

    var isSame: Bool { impact == .none }

    /// What differs and what that costs, a line each.
    func lines(objects: Int) -> [String] {
        let cost: String
        switch impact {
        case .none: return []
        case .typeInformation: cost = "make will link vmlinux and the modules again"
        case .everything: cost = "make will rebuild all \(objects) objects, and no output is written"
        }
        return differences.map { "the toolchain differs: \($0)" } + [cost]
    }
}
