import KCacheCore
import KCacheSystem
package import SystemPackage

/// Where a make runs: the source tree, where it puts its outputs, and the external modules that it builds.
package struct BuildPlace: Hashable, Sendable {
    package var sourceTree: FilePath
    /// The `O=` directory; the source tree itself without one.
    package var outputTree: FilePath
    /// The `M=` directory.
    package var externalModules: FilePath?

    package init(sourceTree: FilePath, outputTree: FilePath? = nil, externalModules: FilePath? = nil) {
        self.sourceTree = sourceTree
        self.outputTree = outputTree ?? sourceTree
        self.externalModules = externalModules
    }

    /// The directories that a record covers, each with its own files: the output tree first.
    func roots() throws(SystemError) -> [BuildRoot] {
        var roots = [try BuildRoot(outputTree, .output)]
        let source = try BuildRoot(sourceTree, .source)
        if source.path == roots[0].path {
            roots[0].kind = .both
        } else {
            roots.append(source)
        }
        if let externalModules {
            let modules = try BuildRoot(externalModules, .modules)
            if !roots.contains(where: { $0.holds(modules.path) }) { roots.append(modules) }
        }
        return roots
    }
}

/// One directory that a record covers.
struct BuildRoot: Sendable {
    enum Kind: UInt8, Sendable { case both, output, source, modules }

    var kind: Kind
    let directory: Directory
    /// Links resolved.
    let path: [UInt8]
    let status: FileStatus

    init(_ place: FilePath, _ kind: Kind) throws(SystemError) {
        self.kind = kind
        directory = try Directory.open(place)
        path = Array(try directory.realPath().string.utf8)
        status = try directory.status()
    }

    /// The makefile that every make writes into an `O=` directory (`outputmakefile` in the top Makefile).
    func isRewritten(_ file: TreePath) -> Bool {
        kind == .output && file.bytes.elementsEqual("Makefile".utf8)
    }

    /// True if the other path is this one or lies below it.
    func holds(_ other: [UInt8]) -> Bool {
        other.starts(with: path) && (other.count == path.count || other[path.count] == UInt8(ascii: "/"))
    }

    /// The part of an absolute path below this root; nil for one that is not below it.
    func relative(_ absolute: [UInt8]) -> TreePath? {
        guard holds(absolute), absolute.count > path.count else { return nil }
        return TreePath(Array(absolute[(path.count + 1)...]))
    }
}
