import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree

/// What a push of external modules has to do besides.
struct ModulePush {
    private let inputs: [UInt8]
    /// What is in no snapshot, with the reason.
    let leftOut: [TreePath: String]

    /// Nil for a kernel.
    ///
    /// - Throws: `KbuildError` where nothing can be pushed.
    init?(_ inspection: TreeInspection) throws {
        guard let kernel = inspection.kernel else { return nil }
        let listing = inspection.listing
        let all = zip(listing.files, inspection.classification.classes)
        let outputs = Set(
            all.lazy.filter { if case .output = $0.1 { true } else { false } }.map { $0.0.path })
        var survey = try ModuleInputSurvey(
            kernel, root: inspection.root, listing: listing, outputs: outputs)
        inputs = try survey.inputs(listing).encode()
        // Nothing tells whether files outside of their directory go into what the modules' own rules make.
        var unnamed = Set(all.lazy.filter { Self.isMadeByRule($0.0.path, $0.1) }.map { $0.0.path })
        unnamed.formUnion(try Self.doubtful(inspection))
        var leftOut = try survey.unstorable(unnamed)
        for path in unnamed { leftOut[path] = "made by a rule that saves no command" }
        leftOut[ModuleInputs.path] = "a name of kcache's own"
        self.leftOut = leftOut.filter { listing[$0.key] != nil }
    }

    private static func isMadeByRule(_ path: TreePath, _ fileClass: FileClass) -> Bool {
        switch fileClass {
        case .output(.directoryRule), .output(.generatedDirectory), .output(.cleanRule): true
        // What Kbuild makes itself: `.x.o.d`, `x.mod.c`.
        case .output(.cleanPattern): path.name.first != UInt8(ascii: ".") && !path.hasSuffix(".mod.c")
        default: false
        }
    }

    /// Files that count as sources, since a person may have written them, and that a rule of some makefile there may make
    /// all the same, by its target, pattern or `clean-dirs`; not what git tracks.
    private static func doubtful(_ inspection: TreeInspection) throws -> Set<TreePath> {
        let listing = inspection.listing
        let tracked = inspection.tracked ?? []
        var found: Set<TreePath> = []
        for file in listing.files where file.status.kind == .file && isMakefile(file.path) {
            guard let text = try inspection.root.readFile(file.path, limit: 4 << 20) else { continue }
            let made = RuleNames(MakefileText(text), directory: file.path.parent)
            for (other, fileClass) in zip(listing.files, inspection.classification.classes)
            where fileClass == .source && !tracked.contains(other.path) && made.names(other.path) {
                found.insert(other.path)
            }
        }
        return found
    }

    private static func isMakefile(_ path: TreePath) -> Bool {
        path.name.starts(with: "Makefile".utf8) || path.name.elementsEqual("Kbuild".utf8)
            || path.hasSuffix(".mk")
    }

    /// Adds the list of inputs.
    ///
    /// - Parameter writer: gets its content; nil where nothing is stored.
    func add(to snapshot: inout Snapshot, _ writer: PackWriter?) throws {
        let content = ContentCutter.content(of: inputs)
        try writer?.add(inputs, content, kind: .outputs)
        let entry = SnapshotEntry(
            path: ModuleInputs.path, role: .output, kind: .file(content, executable: false))
        let place = snapshot.entries.firstIndex { ModuleInputs.path < $0.path }
        snapshot.entries.insert(entry, at: place ?? snapshot.entries.endIndex)
    }
}
