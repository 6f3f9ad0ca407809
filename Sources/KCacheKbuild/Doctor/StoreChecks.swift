import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Checks a store: whether it can be read and written, and whether it has anything for the tree.
struct StoreChecks {
    let store: DoctorStore
    let host: HostEnvironment
    let tree: TreeCondition?

    /// What is known of it afterwards.
    struct Outcome {
        var findings: [DoctorFinding] = []
        /// There is a store, or should be one.
        var isThere = true
        /// Bytes of outputs that a snapshot for the tree's architecture has; nil where none is.
        var expectedOutputs: UInt64?
    }

    func run() throws -> Outcome {
        var outcome = Outcome()
        let opened: Store
        let catalog: Catalog
        do {
            opened = try store.open()
            catalog = try opened.catalog()
        } catch let error as StoreError {
            outcome.findings = unusable(error)
            outcome.isThere = !outcome.findings.isEmpty
            return outcome
        }
        outcome.findings += try place(opened) + damage(catalog)
        let (fitting, findings) = try contents(catalog)
        outcome.findings += findings
        outcome.expectedOutputs = fitting.map(\.header.outputBytes.value).min()
        if !fitting.isEmpty { outcome.findings += try signatures(fitting, opened) }
        return outcome
    }

    private func unusable(_ error: StoreError) -> [DoctorFinding] {
        if error.code == .noStore {
            guard store.isNamed else { return [] }
            return [
                DoctorFinding(
                    .storeMissing, "there is no store at \(store.place)",
                    cost: "nothing can be pulled: make builds all it needs",
                    mend:
                        "kcache push \(DoctorText.shell(store.place)) in a built tree, or name another (kcache store list)"
                )
            ]
        }
        let mend =
            error.code == .unreachable
            ? "kcache store test \(DoctorText.shell(store.place))"
            : "see the reason; kcache verify tells more"
        return [
            DoctorFinding(
                .storeUnusable, "\(error)", cost: "nothing can be pulled or pushed: make builds all it needs",
                mend: mend)
        ]
    }

    // MARK: The folder

    private func place(_ opened: Store) throws -> [DoctorFinding] {
        guard let path = opened.path else { return [] }
        let folder = try Directory.open(path)
        let room = try FilesystemRoom.of(folder)
        let kinds = ObjectKind.allCases.compactMap { TreePath($0.rawValue) }
        let present = try kinds.filter { try folder.status($0) != nil }
        guard !room.isReadOnly, folder.mayWrite(nil), present.allSatisfy({ folder.mayWrite($0) }) else {
            // Who names a read-only store means to pull only.
            if room.isReadOnly && store.isNamed { return [] }
            return [
                DoctorFinding(
                    .storeReadOnly, "this user can't write to the store \(path.string)",
                    cost: "kcache push fails; pulls work",
                    mend:
                        "sudo chown -R \"$(id -un)\" \(DoctorText.shell(path.string)), or push to another store"
                )
            ]
        }
        let needed = needed()
        guard room.available < needed else { return [] }
        return [
            DoctorFinding(
                .storeSpace,
                "\(ByteCount(room.available)) are free for the store \(path.string), and a push may need "
                    + "\(ByteCount(needed))", cost: "kcache push may fail; what is listed stays whole",
                mend: "kcache gc --max-size SIZE, or another store")
        ]
    }

    /// Of what is compressed a third is left at most (KBUILD.md has 0.26 for a defconfig's outputs).
    private func needed() -> UInt64 {
        var bytes: UInt64 = 0
        if let tree {
            for (file, fileClass) in zip(tree.listing.files, tree.classification.classes) {
                if case .output = fileClass { bytes += file.status.size }
            }
        }
        return max(1 << 20, bytes / 3)
    }

    private func damage(_ catalog: Catalog) -> [DoctorFinding] {
        guard let first = catalog.unreadable.first else { return [] }
        let rest = catalog.unreadable.count > 1 ? " (and \(catalog.unreadable.count - 1) more)" : ""
        return [
            DoctorFinding(
                .storeDamaged, "\(first.problem)\(rest)",
                cost: "\(DoctorText.count(catalog.unreadable.count, "snapshot")) can't be pulled",
                mend: "kcache verify, then kcache forget \(first.name.prefix(12)) and a new push")
        ]
    }

    // MARK: What it has

    private func contents(_ catalog: Catalog) throws -> (fitting: [CatalogEntry], findings: [DoctorFinding]) {
        guard let tree, !tree.tree.architecture.isEmpty, !catalog.entries.isEmpty else { return ([], []) }
        let name = tree.tree.architecture
        let ours = catalog.entries.filter { $0.header.environment.architecture == name }
        guard !ours.isEmpty else {
            let others = Set(catalog.entries.map(\.header.environment.architecture)).sorted()
            return (
                [],
                [
                    DoctorFinding(
                        .storeArchitecture,
                        "the store \(store.place) has snapshots for \(DoctorText.names(others)), and none for \(name)",
                        cost: "nothing can be pulled here: make builds all it needs",
                        mend: "kcache push in a tree that is built for \(name)")
                ]
            )
        }
        let toolchain = LocalToolchain(host: host, isReadOnly: true)
        var fitting: [CatalogEntry] = []
        var differences: [ToolDifference] = []
        for entry in ours {
            let verdict = try toolchain.compare(entry.header.environment.toolchain)
            if verdict.impact != .everything { fitting.append(entry) }
            if differences.isEmpty { differences = verdict.differences }
        }
        guard fitting.isEmpty else { return (fitting, []) }
        let texts = differences.map { quoteForPeople(Array($0.description.utf8)) }
        return (
            [],
            [
                DoctorFinding(
                    .storeToolchain,
                    "no snapshot for \(name) in \(store.place) is of the toolchain here; the newest differs: "
                        + DoctorText.names(texts),
                    cost: "nothing can be pulled here: make rebuilds "
                        + (tree.isBuilt ? tree.allObjects : "every object"),
                    mend: "install that toolchain, or kcache push from a machine with this one")
            ]
        )
    }

    private func signatures(_ fitting: [CatalogEntry], _ opened: Store) throws -> [DoctorFinding] {
        guard store.trust.requiresSignature else { return [] }
        let check = SignatureCheck(store.trust, opened)
        do {
            try check.begin()
            for entry in fitting {
                if check.isExhausted { break }
                if try check.judge(entry.id).isGood { return [] }
            }
        } catch let error as KbuildError {
            return [
                DoctorFinding(
                    .signaturesUncheckable, error.message, cost: "kcache pull refuses every snapshot",
                    mend: "set signing.allowed-signers in config.toml to a file of those who may sign")
            ]
        }
        return [
            DoctorFinding(
                .storeUnsigned,
                "signatures are required, and none of the \(DoctorText.count(fitting.count, "snapshot")) that would "
                    + "do in \(store.place) has one that counts", cost: "kcache pull refuses every snapshot",
                mend:
                    "kcache push --sign \(DoctorText.shell(store.place)) by somebody in the allowed-signers file"
            )
        ]
    }
}
