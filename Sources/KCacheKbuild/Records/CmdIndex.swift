package import KCacheCore
package import KCacheSystem
package import KCacheTree
import SystemPackage

/// All `.cmd` files of a tree, with each path that they name held once.
package struct CmdIndex: Sendable {
    /// One target that has a `.cmd` file.
    package struct Record: Sendable {
        package let target: TreePath
        /// Where its `.cmd` file stands.
        package let file: TreePath
        /// As saved, make's escapes still in it.
        package let command: [UInt8]
        /// What was compiled; nil without fixdep.
        package let source: TreePath?
        package let hasRecordedDependencies: Bool
        /// Of an external module, and make ran in the kernel: names that are relative are the kernel's.
        package let isMadeElsewhere: Bool
        /// Places in `dependencies`: first those of `deps_T`, then those of later rules.
        let recorded: Range<Int>
        let extra: Range<Int>
    }

    /// A path that `.cmd` files name as a prerequisite.
    package struct Name: Hashable, Sendable {
        /// Inside the tree; nil if outside.
        package let path: TreePath?
        /// The absolute path of a file outside the tree, else empty.
        package let outside: [UInt8]
        package let isWildcard: Bool
    }

    /// A `.cmd` file that could not be understood.
    package struct Unreadable: Sendable {
        package let file: TreePath
        package let error: CmdFileError
    }

    package private(set) var records: [Record] = []
    package private(set) var names: [Name] = []
    private(set) var dependencies: [UInt32] = []
    package private(set) var unreadable: [Unreadable] = []
    package let resolver: PathResolver

    /// The prerequisites of `deps_T`, as places in `names`.
    package func recorded(_ record: Record) -> ArraySlice<UInt32> { dependencies[record.recorded] }

    package func extra(_ record: Record) -> ArraySlice<UInt32> { dependencies[record.extra] }

    /// Reads every `.cmd` file of the listing, on all cores.
    ///
    /// - Parameter isOfModule: what is built here is an external module (`M=`). Up to Linux 6.12 make runs in the
    ///   kernel for those, and names what is theirs by absolute paths.
    /// - Throws: `SystemError` naming a file that can't be read.
    package init(reading root: Directory, listing: TreeListing, isOfModule: Bool = false) throws {
        let resolver = PathResolver(
            root: Array(try root.realPath().string.utf8),
            source: try (root.base?.directory.realPath().string.utf8).map { Array($0) })
        self.resolver = resolver
        let files = listing.files.compactMap { Self.isCommandFile($0.path) ? $0.path : nil }
        let partCount = max(1, min(files.count / 64 + 1, Parallel.coreCount * 4))
        let parts = try Parallel.map(partCount) { i in
            var part = Part()
            for file in files[(files.count * i / partCount)..<(files.count * (i + 1) / partCount)] {
                guard let bytes = try root.readFile(file) else { continue }
                part.add(file, bytes)
            }
            return part
        }
        var numbers: [Name: UInt32] = [:]
        for part in parts {
            merge(part, into: &numbers, listing: listing, isOfModule: isOfModule)
        }
    }

    /// True for `.NAME.cmd`.
    package static func isCommandFile(_ path: TreePath) -> Bool {
        let name = path.name
        return name.count > 5 && name.first == UInt8(ascii: ".") && path.hasSuffix(".cmd")
    }

    private struct Raw: Sendable {
        let file: TreePath
        let target: [UInt8]
        let command: [UInt8]
        let source: [UInt8]
        let hasRecorded: Bool
        let recorded: Range<Int>
        let extra: Range<Int>
    }

    private struct Part: Sendable {
        var raws: [Raw] = []
        var interner = LineInterner()
        var numbers: [UInt32] = []
        var unreadable: [Unreadable] = []

        mutating func add(_ file: TreePath, _ bytes: [UInt8]) {
            let parsed: CmdFile
            do throws(CmdFileError) { parsed = try CmdFile(parsing: bytes) } catch {
                unreadable.append(Unreadable(file: file, error: error))
                return
            }
            let start = numbers.count
            parsed.forEachList { list, kind in
                if kind == .recorded { interner.intern(list, into: &numbers) }
            }
            let middle = numbers.count
            parsed.forEachList { list, kind in
                if kind == .extra { interner.intern(list, into: &numbers) }
            }
            raws.append(
                Raw(
                    file: file, target: Array(parsed.target), command: Array(parsed.savedCommand),
                    source: Array(parsed.source), hasRecorded: parsed.hasRecordedDependencies,
                    recorded: start..<middle, extra: middle..<numbers.count))
        }
    }

    private mutating func merge(
        _ part: Part, into numbers: inout [Name: UInt32], listing: TreeListing, isOfModule: Bool
    ) {
        unreadable += part.unreadable
        let offset = dependencies.count
        let words = part.interner.words
        let wildcards = part.interner.wildcards
        func number(_ word: Int, in base: TreePath?, isMadeElsewhere: Bool = false) -> UInt32 {
            let bytes = words[word]
            let isOutside = isMadeElsewhere && bytes.first != UInt8(ascii: "/")
            let path = isOutside ? nil : resolver.resolve(bytes, in: base)
            let name = Name(
                path: path, outside: path == nil ? bytes : [], isWildcard: wildcards[word])
            if let known = numbers[name] { return known }
            let new = UInt32(names.count)
            names.append(name)
            numbers[name] = new
            return new
        }
        let global = words.indices.map { number($0, in: nil) }
        dependencies.reserveCapacity(offset + part.numbers.count)
        for local in part.numbers { dependencies.append(global[Int(local)]) }
        for raw in part.raws {
            guard let target = resolver.resolve(raw.target) else { continue }
            var base: TreePath?
            let isAbsolute = raw.target.first == UInt8(ascii: "/")
            if isAbsolute, isOfModule {
                for place in raw.recorded.lowerBound..<raw.extra.upperBound {
                    dependencies[offset + place] = number(
                        Int(part.numbers[place]), in: nil, isMadeElsewhere: true)
                }
            } else if isAbsolute {
                // tools/build: make ran in a directory above the target, and only that one has the source.
                base = makeDirectory(of: target, raw, words: words, part: part, listing: listing)
                for place in raw.recorded.lowerBound..<raw.extra.upperBound {
                    dependencies[offset + place] = number(Int(part.numbers[place]), in: base)
                }
            }
            records.append(
                Record(
                    target: target, file: raw.file, command: raw.command,
                    source: raw.source.isEmpty ? nil : resolver.resolve(raw.source, in: base),
                    hasRecordedDependencies: raw.hasRecorded, isMadeElsewhere: isAbsolute && isOfModule,
                    recorded: (raw.recorded.lowerBound + offset)..<(raw.recorded.upperBound + offset),
                    extra: (raw.extra.lowerBound + offset)..<(raw.extra.upperBound + offset)))
        }
    }

    private func makeDirectory(
        of target: TreePath, _ raw: Raw, words: [[UInt8]], part: Part, listing: TreeListing
    ) -> TreePath? {
        let source: [UInt8]
        if !raw.source.isEmpty {
            source = raw.source
        } else if let first = part.numbers[raw.extra].first {
            source = words[Int(first)]
        } else {
            return target.parent
        }
        var directory = target.parent
        while let candidate = directory {
            if let path = resolver.resolve(source, in: candidate), listing[path] != nil { return candidate }
            directory = candidate.parent
        }
        // Its libraries are built from their own directory into that of the tool (tools/objtool/Makefile).
        for library in ["tools/lib/subcmd", "tools/lib/bpf", "tools/lib"].compactMap({ TreePath($0) }) {
            if let path = resolver.resolve(source, in: library), listing[path] != nil { return library }
        }
        return target.parent
    }
}
