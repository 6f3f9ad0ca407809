import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Checks for saved commands that hold the path of another tree: this one was moved or copied since its build.
///
/// tools/build saves absolute paths (tools/build/Build.include), and make compares them as text.
enum MovedTreeCheck {
    static func findings(_ tree: TreeCondition) throws -> [DoctorFinding] {
        let here = Array(tree.path.string.utf8)
        var old: [UInt8]?
        var paths: [TreePath] = []
        for file in tree.listing.files
        where !file.isInBase && file.path.hasPrefix("tools/") && CmdIndex.isCommandFile(file.path) {
            guard let bytes = try tree.root.readFile(file.path), let root = treePath(bytes, file.path),
                root != here
            else { continue }
            old = root
            paths.append(file.path)
        }
        guard let old else { return [] }
        let usesObjtool = paths.contains { $0.hasPrefix("tools/objtool/") }
        let cost =
            usesObjtool
            ? "make builds objtool again, and so \(tree.allObjects)"
            : "make builds the programs in tools/ again"
        return [
            DoctorFinding(
                .movedTree, "the tree was built at \(quoteForPeople(old)), and is at \(tree.path.string) now",
                cost: cost, mend: "kcache push at its old path, then kcache pull here", paths: paths)
        ]
    }

    /// What is built in an output directory names sources elsewhere.
    static func otherSources(_ tree: TreeCondition) throws -> [DoctorFinding] {
        guard let other = try TreePlace.otherSources(of: tree.root), let base = tree.root.base?.directory
        else {
            return []
        }
        return [
            DoctorFinding(
                .movedTree,
                "what is built in \(tree.path) was made from the sources in \(other), and those are in \(try base.realPath()) now",
                cost: "make builds \(tree.allObjects) again\(tree.andModules)",
                mend: "kcache push with the sources at their old path, then kcache pull here")
        ]
    }

    /// The tree that an absolute target of a saved command is in; nil where the target is no path of that kind.
    static func treePath(_ bytes: [UInt8], _ file: TreePath) -> [UInt8]? {
        let parsed: CmdFile
        do throws(CmdFileError) { parsed = try CmdFile(parsing: bytes) } catch { return nil }
        guard parsed.target.first == UInt8(ascii: "/"), let name = CommandEvidence.target(of: file.name)
        else {
            return nil
        }
        let end = Array("/".utf8) + file.bytes[..<file.nameStart] + name
        guard parsed.target.count > end.count, parsed.target.suffix(end.count).elementsEqual(end) else {
            return nil
        }
        return Array(parsed.target.dropLast(end.count))
    }
}
