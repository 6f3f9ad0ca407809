import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Checks the files of a tree: whose they are, of which time, and where links lead.
enum TreeFileChecks {
    /// What make could not write, or replace.
    static func foreign(_ tree: TreeCondition, user: UInt32) throws -> [DoctorFinding] {
        let path = tree.path.string
        let cost = "make as this user fails there"
        if try FilesystemRoom.of(tree.root).isReadOnly || !tree.root.mayWrite(nil) {
            return [
                DoctorFinding(
                    .foreignFiles, "this user can't write to \(path)",
                    cost: "make as this user fails at once",
                    mend:
                        "sudo chown -R \"$(id -un)\" \(DoctorText.shell(path)), or build elsewhere: make O=DIR"
                )
            ]
        }
        var closed: [TreePath] = []
        var seen: Set<TreePath> = []
        for (file, fileClass) in zip(tree.listing.files, tree.classification.classes) {
            guard case .output = fileClass else { continue }
            if let parent = file.path.parent, seen.insert(parent).inserted, !tree.root.mayWrite(parent) {
                closed.append(parent)
            }
            guard file.status.kind == .file else { continue }
            let isPlain = file.status.owner == user && file.status.permissions & 0o200 != 0
            if !isPlain, !tree.root.mayWrite(file.path) { closed.append(file.path) }
        }
        guard !closed.isEmpty else { return [] }
        return [
            DoctorFinding(
                .foreignFiles,
                "this user can't write \(DoctorText.count(closed.count, "output or folder")): "
                    + DoctorText.paths(closed), cost: cost,
                mend:
                    "sudo chown -R \"$(id -un)\" \(DoctorText.shell(path)) && chmod -R u+w \(DoctorText.shell(path))",
                paths: closed)
        ]
    }

    /// Clocks of two machines, or of a network filesystem and this one, may differ by so much.
    private static let tolerance: Int64 = 5_000_000_000

    static func future(_ tree: TreeCondition, now: Int64) throws -> [DoctorFinding] {
        var (sources, outputs): ([TreePath], [TreePath]) = ([], [])
        for (file, fileClass) in zip(tree.listing.files, tree.classification.classes)
        where file.status.kind == .file && file.status.mtime > now + tolerance {
            switch fileClass {
            case .source, .configuration: sources.append(file.path)
            case .output: outputs.append(file.path)
            case .leftOut: break
            }
        }
        // Where most is of tomorrow, today is wrong.
        let base = try tree.root.base?.directory.realPath()
        let isClock = (sources.count + outputs.count) * 2 > tree.listing.files.count
        func mend(_ paths: [TreePath]) -> String {
            if isClock { return "set this machine's clock, which is behind" }
            if paths.count == 1 {
                // Made in an output directory, an empty one would be compiled.
                let isInBase = tree.listing[paths[0]]?.isInBase ?? false
                let place = isInBase ? base.map { "\($0)/" } ?? "" : ""
                return "touch \(DoctorText.shell("\(place)\(paths[0])"))"
            }
            let places = base.map { "\(DoctorText.shell($0.string)) " } ?? ""
            return "find \(places). -newermt '1 minute' -type f -exec touch {} +"
        }
        var findings: [DoctorFinding] = []
        if !sources.isEmpty {
            findings.append(
                DoctorFinding(
                    .futureSources,
                    "\(DoctorText.count(sources.count, "source")) from the future: \(DoctorText.paths(sources))",
                    cost: "every make until then builds again what is made from them", mend: mend(sources),
                    paths: sources))
        }
        if !outputs.isEmpty {
            findings.append(
                DoctorFinding(
                    .futureOutputs,
                    "\(DoctorText.count(outputs.count, "output")) from the future: \(DoctorText.paths(outputs))",
                    cost: "make sees no edit that is made until then: they stay stale", mend: mend(outputs),
                    paths: outputs))
        }
        return findings
    }

    /// Links to what no snapshot of the tree holds.
    static func outsideLinks(_ tree: TreeCondition) throws -> [DoctorFinding] {
        let places = [tree.path, try tree.root.base?.directory.realPath()].compactMap { $0 }
        var found: [(path: TreePath, target: String)] = []
        for (file, fileClass) in zip(tree.listing.files, tree.classification.classes)
        where file.status.kind == .link {
            if case .leftOut = fileClass { continue }
            let target = try tree.root.readLink(file.path)
            if places.allSatisfy({ leads(target, from: file.path, outOf: $0) }) {
                found.append((file.path, quoteForPeople(target)))
            }
        }
        guard let first = found.first else { return [] }
        let rest = found.count > 1 ? " (and \(found.count - 1) more)" : ""
        return [
            DoctorFinding(
                .outsideLinks,
                "a symbolic link leads out of the tree: \(first.path) to \(first.target)\(rest)",
                cost: "what is behind it is in no snapshot: elsewhere the build reads other files, or none",
                mend: "put a copy in the link's place", paths: found.map(\.path))
        ]
    }

    /// By the text of the link alone.
    static func leads(_ target: [UInt8], from path: TreePath, outOf root: FilePath) -> Bool {
        if target.first == UInt8(ascii: "/") {
            let inside = Array("\(root.string)/".utf8)
            return !target.starts(with: inside) && !target.elementsEqual(root.string.utf8)
        }
        var depth = path.depth - 1
        for part in target.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual("..".utf8) {
                depth -= 1
            } else if !part.elementsEqual(".".utf8) {
                depth += 1
            }
            if depth < 0 { return true }
        }
        return false
    }

    /// What the build makes and git tracks is a source to kcache, which never overwrites it.
    static func trackedOutputs(_ tree: TreeCondition) -> [DoctorFinding] {
        guard let tracked = tree.tracked else { return [] }
        let found = tree.commands.records.map(\.target).filter {
            tracked.contains($0) && tree.listing.index(of: $0) != nil
        }.sorted()
        guard !found.isEmpty else { return [] }
        let arguments = found.prefix(3).map { DoctorText.shell($0.description) }.joined(separator: " ")
        return [
            DoctorFinding(
                .trackedOutputs, "git tracks what the build makes: \(DoctorText.paths(found))",
                cost: "a pull takes \(found.count == 1 ? "it for a source" : "them for sources") and leaves "
                    + "\(found.count == 1 ? "it" : "them") alone: make builds there again, and what depends on it",
                mend: "git rm --cached \(arguments)\(found.count > 3 ? " …" : "")", paths: found)
        ]
    }

    /// GNU make looks for these before Makefile.
    static func otherMakefile(_ tree: TreeCondition) -> [DoctorFinding] {
        ["GNUmakefile", "makefile"].filter { tree.has($0) }.prefix(1).map { name in
            DoctorFinding(
                .otherMakefile, "make reads \(name), not Kbuild's Makefile",
                cost: "kcache can't know what make does here: kcache make is plain make",
                mend: "mv \(name) elsewhere, and name it with make -f")
        }
    }
}
