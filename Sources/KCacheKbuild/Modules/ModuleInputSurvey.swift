import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Looks up what the outputs in a module's directory are made from outside of it, by their saved commands.
struct ModuleInputSurvey {
    private let kernel: ModuleKernel
    private let index: CmdIndex
    private let directory: Directory
    /// Targets whose saved commands do not tell what they were made from.
    private let untold: [TreePath]
    /// The module's own absolute path.
    private let root: [UInt8]
    private var states: [OutsideFile: State] = [:]

    /// What is known of a file; one that does not stand is known too.
    private struct State {
        var digest: Digest?
        /// When it was written or replaced last, in ns.
        var changed = Int64.min
        var mtime = Int64.min
    }

    /// - Parameter root: the module's directory.
    init(_ kernel: ModuleKernel, root: Directory, listing: TreeListing) throws {
        self.kernel = kernel
        directory = root
        index = try CmdIndex(reading: root, listing: listing, isOfModule: true)
        var told: [TreePath: TreePath] = [:]
        for record in index.records { told[record.file] = record.target }
        untold = listing.files.compactMap { file in
            guard CmdIndex.isCommandFile(file.path), let name = CommandEvidence.target(of: file.path.name),
                let target = TreePath(file.path.bytes[..<file.path.nameStart] + name)
            else { return nil }
            return told[file.path] == target ? nil : target
        }
        self.root = Array(try root.realPath().string.utf8)
    }

    // MARK: Before a push

    /// The inputs as they stand here.
    ///
    /// - Throws: `KbuildError` where one may have changed since an output was made of it.
    mutating func inputs(_ listing: TreeListing) throws -> ModuleInputs {
        var inputs = ModuleInputs()
        if let path = untold.first(where: { listing[$0] != nil }) {
            throw KbuildError(
                .unfit,
                "the saved command of \(path) does not name it by its path here: build the modules with the absolute path of "
                    + "their directory as M=, then push")
        }
        let outputs = index.records.compactMap { record in
            listing[record.target].map { (record, made: $0.status.mtime) }
        }
        let oldest = outputs.map(\.made).min() ?? .max
        for file in try Self.common(kernel) {
            inputs.common[file] = try state(file).digest
            try refuseLate(file, made: oldest)
        }
        for (record, made) in outputs {
            for file in try files(of: record) {
                inputs.named[file] = try state(file).digest
                try refuseLate(file, made: made)
            }
        }
        for (_, rival) in try rivals() {
            if case .outside(let file) = rival { inputs.named[file] = try state(file).digest }
        }
        return inputs
    }

    private mutating func refuseLate(_ file: OutsideFile, made: Int64) throws {
        guard try state(file).changed >= made else { return }
        throw KbuildError(
            .unfit,
            "\(file) of the kernel in \(kernel.output) was written after modules here were built: build them anew "
                + "(make clean, make), then push")
    }

    // MARK: At a pull

    struct Comparison {
        /// Outputs that were made from something else.
        var stale: [TreePath] = []
        /// When the last of the inputs was written or replaced, in ns.
        var newest = Int64.min
        /// One with a time in the future.
        var future: OutsideFile?
    }

    /// Compares what stands here with what a snapshot's outputs were made from.
    ///
    /// - Parameters:
    ///   - known: the paths of the module that the snapshot has.
    ///   - now: the filesystem's clock.
    mutating func compare(with recorded: ModuleInputs, known: Set<TreePath>, now: Int64) throws -> Comparison
    {
        var result = Comparison()
        var shadowed: Set<Int> = []
        for (name, rival) in try rivals() {
            let isKnown =
                switch rival {
                case .own(let path): known.contains(path)
                case .outside(let file): recorded[file] != nil
                }
            if !isKnown { shadowed.insert(name) }
        }
        for record in index.records {
            var isStale = index.recorded(record).contains { shadowed.contains(Int($0)) }
            for file in try files(of: record) {
                let state = try state(file)
                if state.digest == nil || state.digest != recorded[file] { isStale = true }
                note(file, state, now, &result)
            }
            if isStale { result.stale.append(record.target) }
        }
        for file in recorded.common.keys { note(file, try state(file), now, &result) }
        result.stale += untold
        result.stale.sort()
        return result
    }

    private func note(_ file: OutsideFile, _ state: State, _ now: Int64, _ result: inout Comparison) {
        result.newest = max(result.newest, state.changed)
        if state.mtime > now { result.future = result.future ?? file }
    }

    /// Files on which every output depends and that are not here as they were, sorted.
    static func differing(_ recorded: ModuleInputs, _ kernel: ModuleKernel) throws -> [OutsideFile] {
        var found: [OutsideFile] = []
        for file in Set(try common(kernel)).union(recorded.common.keys)
        where try state(of: file, kernel).digest != recorded.common[file] {
            found.append(file)
        }
        return found.sorted { $0.description < $1.description }
    }

    // MARK: Which they are

    /// What Kbuild reads for each module without a saved command naming it.
    private static func common(_ kernel: ModuleKernel) throws -> [OutsideFile] {
        var names = [
            "Makefile", "arch/\(kernel.architecture)/Makefile", "include/config/auto.conf",
            "include/config/kernel.release", "include/generated/autoconf.h",
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

    /// Those of one output: recorded dependencies, and files that its command names.
    private mutating func files(of record: CmdIndex.Record) throws -> [OutsideFile] {
        var found: [OutsideFile] = []
        for number in index.recorded(record) + index.extra(record) {
            let name = index.names[Int(number)]
            if name.isWildcard || name.path != nil { continue }
            if let file = kernel.file(name.outside) { found.append(file) }
        }
        for payload in try payloads(record) {
            guard let file = kernel.file(payload) else { continue }
            let isAbsolute = payload.first == UInt8(ascii: "/")
            if try isAbsolute ? index.resolver.resolve(payload) == nil : state(file).digest != nil {
                found.append(file)
            }
        }
        for word in CommandText.words(MakeText.unescape(record.command)) {
            if word.first == UInt8(ascii: "@"), let list = index.resolver.resolve(word.dropFirst()) {
                // The objects of a module: `@/home/me/modules/x.mod`.
                for object in try directory.readFile(list)?.split(whereSeparator: { $0 <= 0x20 }) ?? [] {
                    if object.first == UInt8(ascii: "/"), index.resolver.resolve(object) == nil,
                        let file = kernel.file(object)
                    {
                        found.append(file)
                    }
                }
            }
            // `-fplugin=./scripts/gcc-plugins/x.so`
            let path =
                word.first == UInt8(ascii: "-") ? word.drop { $0 != UInt8(ascii: "=") }.dropFirst() : word
            let isRelative = path.first != UInt8(ascii: "/")
            guard !path.isEmpty, isRelative ? record.isMadeElsewhere : index.resolver.resolve(path) == nil,
                let file = kernel.file(path)
            else { continue }
            // Most words are none.
            if try state(file).digest != nil { found.append(file) }
        }
        return found
    }

    /// What an assembler source takes in by name, which no compiler lists.
    private func payloads(_ record: CmdIndex.Record) throws -> [[UInt8]] {
        guard let source = record.source, source.hasSuffix(".S"), let text = try directory.readFile(source)
        else {
            return []
        }
        return CommandText.incbins(text)
    }

    private mutating func state(_ file: OutsideFile) throws -> State {
        if let known = states[file] { return known }
        let state = try Self.state(of: file, kernel)
        states[file] = state
        return state
    }

    /// The longest that is read: a kernel with debug information, into whose types those of modules lead.
    private static let longest = 2 << 30

    private static func state(of file: OutsideFile, _ kernel: ModuleKernel) throws -> State {
        for place in kernel.places(of: file) {
            guard let status = place.withPlatformString({ HostFile.status($0) }), status.kind == .file else {
                continue
            }
            // What can't be read is as good as other content.
            guard let bytes = HostFile.read(place, limit: longest) else { break }
            return State(
                digest: Digest.of(bytes), changed: max(status.mtime, status.ctime), mtime: status.mtime)
        }
        return State()
    }

    // MARK: Files that come first

    private enum Rival {
        case own(TreePath)
        case outside(OutsideFile)
    }

    /// Files that a compiler may find in the place of a recorded one: of the same name below another folder in which
    /// some compile looks. Each with the place in the index of what it rivals.
    private func rivals() throws -> [(name: Int, rival: Rival)] {
        var folders: Set<[UInt8]> = []
        var used: Set<Int> = []
        for record in index.records {
            used.formUnion(index.recorded(record).lazy.map { Int($0) })
            for folder in searched(by: record) { folders.insert(folder) }
        }
        let files = used.sorted().filter { !index.names[$0].isWildcard }.map {
            ($0, path(of: index.names[$0]))
        }
        let all = Set(files.map(\.1))
        for (_, path) in files {
            if let slash = path.lastIndex(of: UInt8(ascii: "/")) { folders.insert(Array(path[..<slash])) }
        }
        // The same text of `#include` leads from any of these folders to the file.
        let places = Array(folders)
        let found = try Parallel.map(files.count) { i in
            let (_, path) = files[i]
            var found: [[UInt8]] = []
            for folder in places
            where path.count > folder.count && path.starts(with: folder)
                && path[folder.count] == UInt8(ascii: "/")
            {
                let rest = path[folder.count...]
                for other in places where other != folder {
                    let rival = other + rest
                    if !all.contains(rival), HostFile.modificationTime(rival) != nil { found.append(rival) }
                }
            }
            return found
        }
        return zip(files, found).flatMap { file, found in
            found.compactMap { path in rival(at: path).map { (file.0, $0) } }
        }
    }

    private func rival(at path: [UInt8]) -> Rival? {
        if let own = index.resolver.resolve(path) { return .own(own) }
        return kernel.file(path).map { .outside($0) }
    }

    private func path(of name: CmdIndex.Name) -> [UInt8] {
        if let own = name.path { return root + [UInt8(ascii: "/")] + own.bytes }
        return normal(kernel.folder(name.outside))
    }

    /// The folders of `-I` and its like.
    private func searched(by record: CmdIndex.Record) -> [[UInt8]] {
        let words = CommandText.words(MakeText.unescape(record.command))
        var found: [[UInt8]] = []
        for (i, word) in words.enumerated() {
            for flag in ["-I", "-isystem", "-iquote", "-idirafter"] where word.starts(with: flag.utf8) {
                let glued = word.dropFirst(flag.utf8.count)
                let text = glued.isEmpty ? (i + 1 < words.count ? words[i + 1] : []) : glued
                guard !text.isEmpty else { continue }
                let isRelative = text.first != UInt8(ascii: "/") && !record.isMadeElsewhere
                found.append(normal(isRelative ? root + [UInt8(ascii: "/")] + text : kernel.folder(text)))
            }
        }
        return found
    }

    /// Without `.`, `..` and empty components.
    private func normal(_ path: [UInt8]) -> [UInt8] {
        Array(FilePath(String(decoding: path, as: UTF8.self)).lexicallyNormalized().string.utf8)
    }
}
