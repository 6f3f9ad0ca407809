import KCacheCore
import KCacheSystem
import KCacheTree

/// Which saved commands name which files, by the last component of their path.
struct MentionIndex {
    private var recordsByName: [[UInt8]: [Int]] = [:]

    init(index: CmdIndex, _ isWanted: (CmdIndex.Record) -> Bool) {
        for (i, record) in index.records.enumerated() where isWanted(record) {
            var seen: Set<ArraySlice<UInt8>> = []
            for word in CommandText.words(Self.recipe(record)) {
                var word = word
                if word.first == UInt8(ascii: "-") {
                    // A compiler's plugin is a program that the build makes (scripts/Makefile.gcc-plugins).
                    guard word.starts(with: "-fplugin=".utf8) else { continue }
                    word = word.dropFirst(9)
                }
                let name = word.lastIndex(of: UInt8(ascii: "/")).map { word[($0 + 1)...] } ?? word
                guard !name.isEmpty, !name.hasSuffix(".o"), seen.insert(name).inserted else { continue }
                recordsByName[Array(name), default: []].append(i)
            }
        }
    }

    /// The command without the two thousand bytes of flags that a kernel unit's has.
    private static func recipe(_ record: CmdIndex.Record) -> [UInt8] {
        guard record.hasRecordedDependencies,
            CompileFlags.place(of: " -D__KERNEL__ ", in: record.command) != nil,
            CompileFlags.place(of: " -fplugin=", in: record.command) == nil,
            let tail = CompileFlags.place(of: " -c -o ", in: record.command)
        else { return record.command }
        return Array(record.command[tail...])
    }

    func records(mentioning path: TreePath) -> [Int] { recordsByName[Array(path.name)] ?? [] }

    /// Files of the tree that some command may name.
    func mentionedFiles(_ listing: TreeListing) -> [TreePath] {
        listing.files.compactMap { recordsByName[Array($0.path.name)] == nil ? nil : $0.path }
    }
}

/// Which scripts name which other scripts, programs and data files.
///
/// A name in a script's text counts as a use, whatever the script does with it.
struct ScriptGraph {
    /// For each last component: the scripts whose text holds it as a word.
    private var callers: [[UInt8]: [TreePath]] = [:]

    init(root: Directory, listing: TreeListing, mentioned: [TreePath], outputs: Set<TreePath>) throws {
        var pool = Set(mentioned)
        for file in listing.files where file.path.hasPrefix("scripts/") { pool.insert(file.path) }
        let scripts = pool.filter { Self.mayBeScript($0, listing) && !outputs.contains($0) }
        for path in scripts.sorted() {
            guard let text = try root.readFile(path, limit: Self.limit) else { continue }
            var seen: Set<ArraySlice<UInt8>> = []
            for word in text.split(whereSeparator: { Self.isSeparator[Int($0)] }) where word.count > 2 {
                if seen.insert(word).inserted { callers[Array(word), default: []].append(path) }
            }
        }
    }

    private static let limit = 1 << 18

    private static func mayBeScript(_ path: TreePath, _ listing: TreeListing) -> Bool {
        guard let file = listing[path], file.status.kind == .file, file.status.size < UInt64(limit) else {
            return false
        }
        for suffix: StaticString in [
            ".c", ".h", ".S", ".o", ".a", ".cmd", ".rst", ".cocci", ".l", ".y", ".txt", ".order",
        ] where path.hasSuffix(suffix) { return false }
        let name = path.name
        return !name.starts(with: "Makefile".utf8) && !name.starts(with: "Kconfig".utf8)
            && name.first != UInt8(ascii: ".")
    }

    /// The file itself and every script that leads to it.
    func users(of path: TreePath) -> [TreePath] {
        var found = [path]
        var seen: Set<TreePath> = [path]
        var at = 0
        while at < found.count {
            for caller in callers[Array(found[at].name)] ?? [] where seen.insert(caller).inserted {
                found.append(caller)
            }
            at += 1
        }
        return found
    }

    private static let isSeparator: [Bool] = {
        var table = [Bool](repeating: true, count: 256)
        for byte in 0x30...0x39 { table[byte] = false }
        for byte in 0x41...0x5a { table[byte] = false }
        for byte in 0x61...0x7a { table[byte] = false }
        for byte in "._-+".utf8 { table[Int(byte)] = false }
        return table
    }()
}
