import KCacheCore
import KCacheSystem
import SystemPackage

/// Finds files that a compiler may take in the place of those that it took: of the same name below another folder in
/// which some compile looks. Any of these folders counts for any unit.
struct ModuleRivals {
    private let kernel: ModuleKernel
    private let index: CmdIndex

    init(_ kernel: ModuleKernel, _ index: CmdIndex) { (self.kernel, self.index) = (kernel, index) }

    /// More pairs of a file and a folder are not looked at.
    private static let mostPairs = 200_000_000

    /// What stands there, each with the place in the index of what it rivals; nil if that is too much to look for.
    func find() -> [(name: Int, rival: ModuleFile)]? {
        var searched: Set<[UInt8]> = []
        var files: [Int: [UInt8]] = [:]
        for record in index.records {
            searched.formUnion(folders(of: record))
            for number in index.recorded(record) where files[Int(number)] == nil {
                let name = index.names[Int(number)]
                if name.isWildcard { continue }
                let path =
                    name.path.map { Array("\(kernel.module.string)/".utf8) + $0.bytes }
                    ?? kernel.path(of: name.outside, isMadeElsewhere: record.isMadeElsewhere)
                files[Int(number)] = path
                // A text in quotes is looked for beside the file that has it.
                if let slash = path.lastIndex(of: UInt8(ascii: "/")) {
                    searched.insert(Array(path[..<slash]))
                }
            }
        }
        if files.count * searched.count > Self.mostPairs { return nil }
        let folders = searched.sorted { $0.lexicographicallyPrecedes($1) }
        let names = folders.map { Set(DirectorySweep.open(at: $0)?.names() ?? []) }
        let own = Set(files.values)
        var found: [(name: Int, rival: ModuleFile)] = []
        for (number, path) in files.sorted(by: { $0.key < $1.key }) {
            for rest in rests(of: path, below: searched) {
                guard let first = rest.split(separator: UInt8(ascii: "/")).first.map({ Array($0) }) else {
                    continue
                }
                for (folder, entries) in zip(folders, names) where entries.contains(first) {
                    let rival = folder + [UInt8(ascii: "/")] + rest
                    guard !own.contains(rival), HostFile.modificationTime(rival) != nil,
                        let file = kernel.named(rival, isMadeElsewhere: false)
                    else { continue }
                    found.append((number, file))
                }
            }
        }
        return found
    }

    /// The texts of `#include` that lead to a file from one of the folders.
    private func rests(of path: [UInt8], below folders: Set<[UInt8]>) -> [[UInt8]] {
        path.indices.compactMap { i in
            path[i] == UInt8(ascii: "/") && folders.contains(Array(path[..<i]))
                ? Array(path[(i + 1)...]) : nil
        }
    }

    /// The folders of `-I` and its like.
    private func folders(of record: CmdIndex.Record) -> [[UInt8]] {
        let words = CommandText.words(MakeText.unescape(record.command))
        var found: [[UInt8]] = []
        for (i, word) in words.enumerated() where word.starts(with: "-I".utf8) || word.starts(with: "-i".utf8)
        {
            for flag in ["-I", "-isystem", "-iquote", "-idirafter"] where word.starts(with: flag.utf8) {
                let glued = word.dropFirst(flag.utf8.count)
                let text = glued.isEmpty ? (i + 1 < words.count ? words[i + 1] : []) : glued
                if !text.isEmpty {
                    found.append(kernel.path(of: text, isMadeElsewhere: record.isMadeElsewhere))
                }
            }
        }
        return found
    }
}
