import KCacheCore

/// What differs from a record.
package struct BuildChanges: Sendable {
    package let record: BuildRecord
    /// Places in the record's files: changed or gone.
    var files: [Int] = []
    /// Directories whose names are not the same, or that are gone.
    var directories: [Int] = []
    /// Absolute paths.
    var paths: [Int] = []

    init(record: BuildRecord) { self.record = record }

    /// All that the record holds, as after the tree was replaced.
    package init(everythingIn record: BuildRecord) {
        self.record = record
        files = Array(record.files.indices)
        directories = Array(record.directories.indices)
        paths = Array(record.paths.indices)
    }

    /// Nothing changed: the record just was not confirmed.
    package var isEmpty: Bool { files.isEmpty && directories.isEmpty && paths.isEmpty }

    package var count: Int { files.count + directories.count + paths.count }

    /// One of the changed things, for people; nil if there is none.
    package var example: String? { examples(1).first }

    /// Some of the changed things, for people.
    package func examples(_ most: Int) -> [String] {
        var found: [String] = []
        for file in files.prefix(most) { found.append(path(ofFile: file)?.description ?? "?") }
        for directory in directories.prefix(most) {
            found.append("the names in \(record.path(ofDirectory: directory)?.description ?? ".")")
        }
        for path in paths.prefix(most) {
            found.append(quoteForPeople(record.name(at: record.paths[path].path)))
        }
        return Array(found.prefix(most))
    }

    /// The path below its root.
    func path(ofFile file: Int) -> TreePath? {
        guard let directory = directory(ofFile: file) else { return nil }
        let name = record.name(at: record.files[file].name)
        guard let parent = record.path(ofDirectory: directory) else { return TreePath(name) }
        return parent.appending(name)
    }

    func directory(ofFile file: Int) -> Int? {
        var (low, high) = (0, record.directories.count)
        while low < high {
            let middle = (low + high) / 2
            let directory = record.directories[middle]
            if Int(directory.firstFile) + Int(directory.fileCount) <= file {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < record.directories.count ? low : nil
    }
}

/// What a look at a record says.
package enum BuildVerdict: Sendable {
    /// Make would do nothing.
    case unchanged
    /// Something differs, or the record is not confirmed (then the changes are empty).
    case changed(BuildChanges)
    /// There is no record that could be used: why, in words.
    case unknown(String)
}

/// What became of a record.
package enum RecordOutcome: Sendable, Hashable {
    /// Written. Only a confirmed one lets a later make be left out.
    case recorded(confirmed: Bool)
    /// None was written, and an earlier one of the key is gone: why, in words.
    case none(String)
}

/// How far a check goes.
package enum CheckDepth: Sendable {
    /// Up to the first difference.
    case first
    /// All differences.
    case all
}
