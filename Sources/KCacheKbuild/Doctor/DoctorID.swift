/// The name of each thing that the doctor knows: it stands in JSON and in docs/doctor.md, and stays as it is.
package enum DoctorID: String, Sendable, CaseIterable {
    // The machine
    case missingProgram = "missing-program"
    case oldTool = "old-tool"
    case searchPaths = "environment-search-paths"
    case buildFlags = "environment-flags"
    case otherConfiguration = "environment-configuration"
    case extraMakefiles = "environment-makefiles"
    case otherOutput = "environment-output"
    case otherTarget = "environment-target"
    case makeFlags = "environment-makeflags"
    // The tree's place
    case treePath = "tree-path"
    case coarseTimes = "coarse-timestamps"
    case caseInsensitive = "case-insensitive"
    case lostLinks = "links-lost"
    case noPrograms = "no-programs"
    case treeSpace = "tree-space"
    case networkFilesystem = "network-filesystem"
    // The tree
    case unreadableTree = "unreadable-tree"
    case otherMakefile = "other-makefile"
    case noConfiguration = "no-configuration"
    case sourceNotClean = "source-not-clean"
    case movedTree = "moved-tree"
    case unreadableCommands = "unreadable-commands"
    case foreignFiles = "foreign-files"
    case futureSources = "future-sources"
    case futureOutputs = "future-outputs"
    case outsideLinks = "links-outside"
    case git = "git-unusable"
    case trackedOutputs = "tracked-outputs"
    case secretReadable = "secret-readable"
    case secretsStay = "secrets-stay"
    // The build
    case neverBuilt = "never-built"
    case interrupted = "interrupted-build"
    case partialPull = "partial-pull"
    case stale = "stale-targets"
    case hostPrograms = "host-programs"
    case compilerChanged = "compiler-changed"
    case toolChanged = "tool-changed"
    case pinsUnset = "pins-unset"
    case pinsDiffer = "pins-differ"
    case emptyTimestamp = "timestamp-empty"
    case kernelRelease = "kernel-release"
    // The configuration
    case debugPaths = "debug-paths"
    case kheaders = "kheaders-stale"
    case layoutSeed = "layout-seed"
    case signingKey = "module-signing-key"
    case noPahole = "btf-without-pahole"
    case pluginHeaders = "plugin-headers"
    // The store and the cache folder
    case storeMissing = "store-missing"
    case storeUnusable = "store-unusable"
    case storeReadOnly = "store-read-only"
    case storeSpace = "store-space"
    case storeDamaged = "store-damaged"
    case storeArchitecture = "store-architecture"
    case storeToolchain = "store-toolchain"
    case signaturesUncheckable = "signatures-uncheckable"
    case storeUnsigned = "store-unsigned"
    case cacheReadOnly = "cache-read-only"
    case cacheForeign = "cache-foreign"
    case cacheReadable = "cache-readable"
    /// Something could not be looked at.
    case unchecked

    /// What kind of harm it does.
    package var severity: DoctorSeverity {
        switch self {
        case .missingProgram, .oldTool, .treePath, .lostLinks, .noPrograms, .treeSpace, .unreadableTree,
            .noConfiguration, .sourceNotClean, .unreadableCommands, .foreignFiles, .git, .noPahole,
            .pluginHeaders, .storeMissing, .storeUnusable, .storeReadOnly, .storeSpace, .storeDamaged,
            .signaturesUncheckable, .storeUnsigned, .cacheReadOnly, .hostPrograms:
            .fails
        case .secretReadable, .cacheForeign, .cacheReadable: .unsafe
        case .searchPaths, .otherConfiguration, .extraMakefiles, .makeFlags, .coarseTimes, .caseInsensitive,
            .otherMakefile, .futureOutputs, .outsideLinks, .interrupted, .toolChanged, .debugPaths:
            .inexact
        case .buildFlags, .otherOutput, .otherTarget, .movedTree, .futureSources, .trackedOutputs,
            .partialPull, .stale, .compilerChanged, .pinsDiffer, .emptyTimestamp,
            .kernelRelease, .kheaders, .layoutSeed, .signingKey, .storeArchitecture, .storeToolchain:
            .rebuild
        case .networkFilesystem, .secretsStay, .neverBuilt, .pinsUnset, .unchecked: .note
        }
    }
}

/// The kind of harm that a finding does, the worst first.
package enum DoctorSeverity: String, Sendable, CaseIterable, Comparable {
    /// make, or kcache, can't do its work.
    case fails
    /// Something secret can be read, or something trusted be changed, by others.
    case unsafe
    /// What is built or carried may not be what a clean build makes.
    case inexact
    /// Right, but at the price of building again.
    case rebuild
    /// Good to know, and no harm.
    case note

    package static func < (a: DoctorSeverity, b: DoctorSeverity) -> Bool { a.rank < b.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
