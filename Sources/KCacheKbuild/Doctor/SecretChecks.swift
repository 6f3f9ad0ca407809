import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Checks the private keys and seeds that lie in a tree.
enum SecretChecks {
    static func findings(_ tree: TreeCondition) throws -> [DoctorFinding] {
        let secrets = try find(tree)
        var findings: [DoctorFinding] = []
        let open = HostAccess.isReachableByOthers(tree.path) ? secrets.filter { isOpen($0, tree) } : []
        if !open.isEmpty {
            findings.append(
                DoctorFinding(
                    .secretReadable, "other users can read what is secret: \(DoctorText.paths(open))",
                    cost:
                        "who has the signing key signs modules that this kernel takes; who has the seed knows "
                        + "its structures",
                    mend: "chmod 600 " + open.map { DoctorText.shell($0.description) }.joined(separator: " "),
                    paths: open))
        }
        if !secrets.isEmpty {
            findings.append(
                DoctorFinding(
                    .secretsStay, "secret, and never pushed: \(DoctorText.paths(secrets))",
                    cost: "each machine makes its own", mend: "nothing is wrong", paths: secrets))
        }
        return findings
    }

    /// By name, and by content where the name is one that keys have.
    private static func find(_ tree: TreeCondition) throws -> [TreePath] {
        var found = Set(
            try SecretFiles.paths(in: tree.root).filter { tree.listing[$0]?.status.kind == .file })
        for file in tree.listing.files where mayBeKey(file) && !SecretContent.isPublishedTestKey(file.path) {
            guard let bytes = try tree.root.readFile(file.path, limit: SecretContent.largest) else {
                continue
            }
            if SecretContent.isPrivateKey(bytes) { found.insert(file.path) }
        }
        return found.sorted()
    }

    private static func mayBeKey(_ file: ScannedFile) -> Bool {
        let path = file.path
        return file.status.kind == .file && file.status.size <= UInt64(SecretContent.largest)
            && (path.hasSuffix(".pem") || path.hasSuffix(".key") || path.hasSuffix(".priv")
                || path.name.starts(with: "id_".utf8))
    }

    private static func isOpen(_ path: TreePath, _ tree: TreeCondition) -> Bool {
        tree.listing[path].map { $0.status.permissions & 0o006 != 0 } ?? false
    }
}

/// Asks who else gets at a folder.
enum HostAccess {
    /// True if a user who is neither the owner nor in the group gets into the folder by its path.
    static func isReachableByOthers(_ folder: FilePath) -> Bool {
        var current = folder
        while true {
            do throws(SystemError) {
                let status = try HostStatus.of(current, followingLinks: true)
                guard let status, status.permissions & 0o001 != 0 else { return false }
            } catch { return false }
            guard current.removeLastComponent() else { return true }
        }
    }
}
