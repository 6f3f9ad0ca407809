import KCacheCore

/// Tells which units look into the folders where an added file could come before another.
///
/// A unit looks into the folders of `-I` and its like, and for `#include "…"` into those of all files that it
/// read; the two above each are counted in for `"../…"`.
struct ShadowFolders {
    /// Folders, from which an added file and an included one may be the same `#include` text.
    private var numbers: [TreePath?: Int] = [:]
    /// For each name of the index: the folders that lie at or above it.
    private var reached: [[Int]] = []
    private let index: CmdIndex

    init(index: CmdIndex, rivals: [[TreePath]]) {
        self.index = index
        for (i, name) in index.names.enumerated() {
            guard let included = name.path else { continue }
            for rival in rivals[i] {
                for folder in Self.folders(rival, included) where numbers[folder] == nil {
                    numbers[folder] = numbers.count
                }
            }
        }
        reached = index.names.map { name in name.isWildcard ? [] : name.path.map(near) ?? [] }
    }

    private func near(_ path: TreePath) -> [Int] {
        var found: [Int] = []
        var folder = path.parent
        for _ in 0..<3 {
            if let number = numbers[folder] { found.append(number) }
            guard let here = folder else { break }
            folder = here.parent
        }
        return found
    }

    /// The folders that a unit looks into.
    func searched(by record: CmdIndex.Record) -> Set<Int> {
        var found: Set<Int> = []
        // Make runs in the tree's root.
        if let top = numbers[nil] { found.insert(top) }
        if let source = record.source { found.formUnion(near(source)) }
        for number in index.recorded(record) where !reached[Int(number)].isEmpty {
            found.formUnion(reached[Int(number)])
        }
        let words = record.command.split(whereSeparator: MakefileReader.isSpace)
        for (i, word) in words.enumerated() where word.starts(with: "-I".utf8) || word.starts(with: "-i".utf8)
        {
            for flag in ["-I", "-isystem", "-iquote", "-idirafter"] where word.starts(with: flag.utf8) {
                let glued = word.dropFirst(flag.utf8.count)
                let text = glued.isEmpty ? (i + 1 < words.count ? words[i + 1] : []) : glued
                if let folder = index.resolver.resolve(text), let number = numbers[folder] {
                    found.insert(number)
                }
            }
        }
        return found
    }

    /// True if both are the same `#include` text below one of the folders.
    func mayShadow(_ rival: TreePath, _ included: TreePath, _ searched: Set<Int>) -> Bool {
        Self.folders(rival, included).contains { numbers[$0].map { searched.contains($0) } ?? false }
    }

    /// The folders from which `rival` is found by a text that may have led to `included`.
    private static func folders(_ rival: TreePath, _ included: TreePath) -> [TreePath?] {
        let (a, b) = (rival.components, included.components)
        var found: [TreePath?] = []
        for count in 1...min(a.count, b.count) {
            guard a[a.count - count].elementsEqual(b[b.count - count]) else { break }
            found.append(TreePath(Array(a.dropLast(count).joined(separator: [UInt8(ascii: "/")]))))
        }
        return found
    }
}
