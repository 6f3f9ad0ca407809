import KCacheCore
import KCacheSystem
import SystemPackage

/// The folder of one run: the makefiles that make reads first, and what it notes. It goes with the run.
struct RunFolder: Sendable {
    let path: FilePath
    private let runs: PrivateFolder
    private let name: TreePath
    private let folder: Directory

    /// Makes a new folder, and removes those of runs that have died; nil if the cache isn't the user's alone.
    static func make(in cache: FilePath) throws(SystemError) -> RunFolder? {
        guard let runs = try PrivateFolder.open(cache, ["make", "runs"]) else { return nil }
        for entry in runs.entries() {
            let text = String(decoding: entry.name, as: UTF8.self)
            let process = text.prefix { $0 != "-" }
            guard let number = Int32(process), number > 0, !ProcessTable.isAlive(number) else { continue }
            remove(TreePath(literal: entry.name), from: runs.directory)
        }
        let text = "\(ProcessTable.own)-\(UInt64.random(in: 0 ... .max))"
        let name = TreePath(literal: Array(text.utf8))
        try runs.directory.makeDirectories(name)
        try runs.directory.setPermissions(name, 0o700)
        let folder = try runs.directory.directory(name)
        return RunFolder(path: runs.directory.path.appending(text), runs: runs, name: name, folder: folder)
    }

    func write(_ text: String, to file: String) throws(SystemError) {
        try folder.createFile(TreePath(literal: Array(file.utf8)), mode: 0o600).write(Array(text.utf8))
    }

    /// All whole notes of the run.
    func notes() -> [ProbeNote] {
        var notes: [ProbeNote] = []
        do throws(SystemError) {
            for entry in try folder.entries() where entry.name.starts(with: ProbeMakefile.notePrefix.utf8) {
                guard let bytes = try folder.readFile(TreePath(literal: entry.name), limit: 8 << 20) else {
                    continue
                }
                notes += ProbeNote.parse(bytes)
            }
        } catch _ {}
        return notes
    }

    /// What make has taken from the files here; what can't be read counts as nothing.
    func savings() -> MakeSavings {
        var savings = MakeSavings(answers: 0, directories: 0)
        do throws(SystemError) {
            let count = TreePath(literal: Array(ProbeMakefile.countName.utf8))
            savings.answers = try folder.status(count).map { Int(clamping: $0.size) } ?? 0
            let list = TreePath(literal: Array(MakeWalk.list.utf8))
            let text = String(decoding: try folder.readFile(list, limit: 8 << 20) ?? [], as: UTF8.self)
            for line in text.split(separator: "\n") where line.hasPrefix(MakeWalk.leftOutPrefix) {
                savings.directories = Int(line.dropFirst(MakeWalk.leftOutPrefix.count)) ?? 0
            }
        } catch _ {}
        return savings
    }

    func remove() { Self.remove(name, from: runs.directory) }

    /// What can't be removed is left to a later start.
    private static func remove(_ name: TreePath, from runs: Directory) {
        do throws(SystemError) {
            let folder = try runs.directory(name)
            for entry in try folder.entries() { try folder.remove(TreePath(literal: entry.name)) }
            try runs.removeDirectory(name)
        } catch _ {}
    }
}
