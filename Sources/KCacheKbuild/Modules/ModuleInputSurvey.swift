import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Looks up what the outputs in a module's directory are made from outside of it, by their saved commands.
struct ModuleInputSurvey {
    private let kernel: ModuleKernel
    private let index: CmdIndex
    private let directory: Directory
    /// Outputs whose saved commands do not tell what they were made from.
    private let untold: [TreePath]
    private var states: [OutsideFile: OutsideState] = [:]

    /// - Parameters:
    ///   - root: the modules' directory.
    ///   - outputs: what a build made there. Others may have left saved commands beside objects of theirs.
    init(_ kernel: ModuleKernel, root: Directory, listing: TreeListing, outputs: Set<TreePath>) throws {
        (self.kernel, directory) = (kernel, root)
        index = try CmdIndex(reading: root, listing: listing, isOfModule: true)
        var told: [TreePath: TreePath] = [:]
        for record in index.records { told[record.file] = record.target }
        untold = listing.files.compactMap { file in
            guard CmdIndex.isCommandFile(file.path), let name = CommandEvidence.target(of: file.path.name),
                let target = TreePath(file.path.bytes[..<file.path.nameStart] + name),
                outputs.contains(file.path), outputs.contains(target)
            else { return nil }
            return told[file.path] == target ? nil : target
        }
    }

    // MARK: Before a push

    /// The inputs as they stand here.
    ///
    /// - Throws: `KbuildError` where one may have changed since an output was made of it, or nothing tells them.
    mutating func inputs(_ listing: TreeListing) throws -> ModuleInputs {
        var inputs = ModuleInputs()
        if let path = untold.first,
            !index.records.contains(where: { !untold.contains($0.target) && listing[$0.target] != nil })
        {
            throw KbuildError(
                .unfit,
                "the saved command of \(path) does not name it by its path: build the modules with the absolute path of their "
                    + "directory as M=, links resolved (M=$(pwd -P)), then push")
        }
        let outputs = index.records.compactMap { record in
            listing[record.target].map { (record, made: $0.status.mtime) }
        }
        let oldest = outputs.map(\.made).min() ?? .max
        for file in try Self.common(kernel) {
            inputs.common[file] = state(file).digest
            try refuseLate(file, made: oldest)
        }
        for (record, made) in outputs {
            let needs = try needs(of: record, recorded: nil)
            for file in needs.required + needs.optional {
                inputs.named[file] = state(file).digest
                try refuseLate(file, made: made)
            }
        }
        for case (_, .outside(let file)) in ModuleRivals(kernel, index).find() ?? [] {
            inputs.named[file] = state(file).digest
        }
        return inputs
    }

    private mutating func refuseLate(_ file: OutsideFile, made: Int64) throws {
        guard state(file).changed >= made else { return }
        throw KbuildError(
            .unfit,
            "\(kernel.name(of: file)) was written after modules here were built: build them anew (make clean, make), then push"
        )
    }

    /// Outputs that can't be told fresh elsewhere, with the reason.
    ///
    /// - Parameter unnamed: outputs without a saved command.
    func unstorable(_ unnamed: Set<TreePath>) throws -> [TreePath: String] {
        var found: [TreePath: String] = [:]
        for record in index.records {
            if try takesInFiles(record) {
                found[record.target] = "takes in a file that no saved command names (.incbin)"
            }
            for number in index.recorded(record) + index.extra(record) {
                guard let path = index.names[Int(number)].path, unnamed.contains(path) else { continue }
                found[record.target] = "made from \(path)"
            }
            for word in CommandText.words(MakeText.unescape(record.command)) {
                guard case .own(let path)? = kernel.named(word, isMadeElsewhere: record.isMadeElsewhere),
                    unnamed.contains(path), path != record.target
                else { continue }
                found[record.target] = "made from \(path)"
            }
        }
        for path in untold { found[path] = "its saved command names it by another path" }
        // Whose saved command came alone would be taken for one of what stands there.
        for (target, reason) in found { CommandEvidence.file(of: target).map { found[$0] = reason } }
        return found
    }

    /// True if an assembler may read more files for it than a compiler lists: by its source, or by one that it includes,
    /// but for the kernel's own headers.
    private func takesInFiles(_ record: CmdIndex.Record) throws -> Bool {
        func mentions(_ bytes: [UInt8]?) -> Bool {
            bytes.map { ByteSearch.contains($0[...], Array(".incbin".utf8)) } ?? false
        }
        if let source = record.source, mentions(try directory.readFile(source)) { return true }
        for number in index.recorded(record) {
            let name = index.names[Int(number)]
            if name.isWildcard { continue }
            if let path = name.path {
                if mentions(try directory.readFile(path)) { return true }
            } else if case .outside(let file)? = kernel.named(
                name.outside, isMadeElsewhere: record.isMadeElsewhere)
            {
                if case .kernel = file { continue }
                for place in kernel.places(of: file) where mentions(HostFile.read(place, limit: 64 << 20)) {
                    return true
                }
            }
        }
        return false
    }

    // MARK: At a pull

    struct Comparison {
        /// Outputs that were made from something else.
        var stale: [TreePath] = []
        /// When the last of the inputs was written or replaced, in ns.
        var newest = Int64.min
    }

    /// Compares what stands here with what a snapshot's outputs were made from.
    ///
    /// - Parameter known: the paths of the modules that the snapshot has.
    mutating func compare(with recorded: ModuleInputs, known: Set<TreePath>) throws -> Comparison {
        var result = Comparison()
        var shadowed: Set<Int> = []
        guard let rivals = ModuleRivals(kernel, index).find() else {
            result.stale = index.records.map(\.target) + untold
            return result
        }
        for (name, rival) in rivals {
            let isKnown =
                switch rival {
                case .own(let path): known.contains(path)
                case .outside(let file): recorded[file] != nil && !isDoubled(file)
                }
            if !isKnown { shadowed.insert(name) }
        }
        for record in index.records {
            var isStale = index.recorded(record).contains { shadowed.contains(Int($0)) }
            let needs = try needs(of: record, recorded: recorded)
            for file in needs.required where state(file).digest == nil { isStale = true }
            for file in needs.required + needs.optional {
                if state(file).digest != recorded[file] { isStale = true }
                result.newest = max(result.newest, state(file).changed)
            }
            if isStale { result.stale.append(record.target) }
        }
        for file in recorded.common.keys { result.newest = max(result.newest, state(file).changed) }
        result.stale += untold
        result.stale.sort()
        return result
    }

    /// True if it stands among the kernel's sources and among its outputs: nobody knows which one a compiler takes.
    private func isDoubled(_ file: OutsideFile) -> Bool {
        let places = kernel.places(of: file)
        return places.count > 1 && places.allSatisfy { FileIdentity($0) != nil }
    }

    /// Files on which every output depends and that are not here as they were.
    static func differing(_ recorded: ModuleInputs, _ kernel: ModuleKernel) throws -> [OutsideFile] {
        Set(try common(kernel)).union(recorded.common.keys)
            .filter { OutsideState(of: $0, kernel).digest != recorded.common[$0] }
            .sorted { kernel.name(of: $0) < kernel.name(of: $1) }
    }

    // MARK: Which they are

    /// What Kbuild reads or runs for each module without a saved command naming it.
    private static func common(_ kernel: ModuleKernel) throws -> [OutsideFile] {
        var names = [
            "Makefile", "arch/\(kernel.architecture)/Makefile", "include/config/auto.conf",
            "include/config/kernel.release", "include/generated/autoconf.h", "scripts/genksyms/genksyms",
            "scripts/recordmcount",
        ]
        for folder in [kernel.output, kernel.source].compactMap({ $0?.appending("scripts") }) {
            let entries: [Directory.Entry]
            do throws(SystemError) { entries = try Directory.open(folder).entries() } catch {
                guard error.errno == .noSuchFileOrDirectory else { throw error }
                continue
            }
            names += entries.map { String(decoding: $0.name, as: UTF8.self) }.filter { name in
                name.hasPrefix("Makefile")
                    || [".include", ".sh", ".pl", ".awk"].contains { name.hasSuffix($0) }
            }.map { "scripts/\($0)" }
        }
        return Set(names).sorted().compactMap { TreePath($0).map { .kernel($0) } }
    }

    /// What scripts/Makefile.modfinal runs and reads after a module is linked and its command saved.
    private static let types = ["vmlinux", "tools/bpf/resolve_btfids/resolve_btfids"].compactMap {
        TreePath($0).map { OutsideFile.kernel($0) }
    }

    /// Those of one output: dependencies, which have to stand, and what may or may not.
    ///
    /// - Parameter recorded: what a snapshot has; a word of a command that names nothing here may name one of those.
    private mutating func needs(of record: CmdIndex.Record, recorded: ModuleInputs?) throws -> (
        required: [OutsideFile], optional: [OutsideFile]
    ) {
        var (required, optional): ([OutsideFile], [OutsideFile]) = ([], [])
        func outside(_ name: some Collection<UInt8>) -> OutsideFile? {
            guard case .outside(let file)? = kernel.named(name, isMadeElsewhere: record.isMadeElsewhere)
            else {
                return nil
            }
            return file
        }
        for number in index.recorded(record) + index.extra(record) {
            let name = index.names[Int(number)]
            if name.isWildcard || name.path != nil { continue }
            if let file = outside(name.outside) { required.append(file) }
        }
        for word in CommandText.words(MakeText.unescape(record.command)) {
            if word.first == UInt8(ascii: "@"),
                case .own(let list)? = kernel.named(word.dropFirst(), isMadeElsewhere: record.isMadeElsewhere)
            {
                // The objects of a module: `@/home/me/modules/x.mod`.
                let text = try directory.readFile(list) ?? []
                let objects = text.split(whereSeparator: { $0 <= 0x20 })
                required += objects.compactMap { outside($0) }
            }
            // `-fplugin=./scripts/gcc-plugins/x.so`
            let path =
                word.first == UInt8(ascii: "-") ? word.drop { $0 != UInt8(ascii: "=") }.dropFirst() : word
            // Most words are none.
            if let file = outside(path), state(file).digest != nil || recorded?[file] != nil {
                optional.append(file)
            }
        }
        if kernel.addsTypes, record.target.hasSuffix(".ko") { optional += Self.types }
        return (required, optional)
    }

    private mutating func state(_ file: OutsideFile) -> OutsideState {
        if let known = states[file] { return known }
        let state = OutsideState(of: file, kernel)
        states[file] = state
        return state
    }
}

/// What is known of a file outside of the modules' directory.
struct OutsideState: Sendable {
    /// Nil where there is none, or none that can be read.
    private(set) var digest: Digest?
    /// When it was written or replaced last, in ns.
    private(set) var changed = Int64.min

    /// The longest that is read: a kernel with debug information, into whose types those of modules lead.
    private static let longest = 2 << 30

    init(of file: OutsideFile, _ kernel: ModuleKernel) {
        guard let (place, status) = Self.status(of: file, kernel) else { return }
        digest = HostFile.read(place, limit: Self.longest).map { Digest.of($0) }
        changed = max(status.mtime, status.ctime, Self.turned(place))
    }

    /// When the last of the links on the way there was made, in ns: it may have led elsewhere before.
    private static func turned(_ place: FilePath) -> Int64 {
        var (done, turned) = (FilePath("/"), Int64.min)
        var rest = Array(place.components)
        for _ in 0..<400 where !rest.isEmpty {
            let next = done.appending(rest.removeFirst())
            do throws(SystemError) {
                guard let status = try HostStatus.of(next, followingLinks: false) else { return turned }
                guard status.kind == .link else {
                    done = next
                    continue
                }
                turned = max(turned, status.ctime)
                guard let name = next.lastComponent.flatMap({ TreePath($0.string) }) else { return turned }
                let target = FilePath(
                    String(decoding: try Directory.open(done).readLink(name), as: UTF8.self))
                let all = (target.isAbsolute ? target : done.pushing(target)).lexicallyNormalized()
                (done, rest) = (FilePath("/"), Array(all.components) + rest)
            } catch {
                // What can't be looked at can't be compared either.
                return turned
            }
        }
        return turned
    }

    /// The file's time, in ns.
    static func modified(_ file: OutsideFile, _ kernel: ModuleKernel) -> Int64? {
        status(of: file, kernel)?.status.mtime
    }

    private static func status(of file: OutsideFile, _ kernel: ModuleKernel) -> (
        place: FilePath, status: FileStatus
    )? {
        for place in kernel.places(of: file) {
            let status = place.withPlatformString { HostFile.status($0) }
            if let status, status.kind == .file { return (place, status) }
        }
        return nil
    }
}
