import KCacheCore
import KCacheStore
import KCacheTree

/// What a push of external modules has to do besides.
struct ModulePush {
    private let inputs: [UInt8]
    /// Outputs that are in no snapshot, with the reason.
    let leftOut: [TreePath: String]

    /// Nil for a kernel.
    ///
    /// - Throws: `KbuildError` where nothing can be pushed.
    init?(_ inspection: TreeInspection) throws {
        guard let kernel = inspection.kernel else { return nil }
        var survey = try ModuleInputSurvey(kernel, root: inspection.root, listing: inspection.listing)
        inputs = try survey.inputs(inspection.listing).encode()
        // Nothing tells whether files outside of their directory go into what the modules' own rules make.
        let unnamed = Set(
            zip(inspection.listing.files, inspection.classification.classes).lazy
                .filter { Self.isMadeByRule($0.1) }.map { $0.0.path })
        var leftOut = try survey.unstorable(unnamed)
        for path in unnamed { leftOut[path] = "made by a rule that saves no command" }
        leftOut[ModuleInputs.path] = "a name of kcache's own"
        self.leftOut = leftOut.filter { inspection.listing[$0.key] != nil }
    }

    private static func isMadeByRule(_ fileClass: FileClass) -> Bool {
        switch fileClass {
        case .output(.directoryRule), .output(.generatedDirectory), .output(.cleanRule): true
        default: false
        }
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
