import KCacheCore
import KCacheSystem
import KCacheTree

extension ClassifierPass {
    /// Names what stays out of snapshots. Goes last: it overrides evidence, but nothing that git tracks,
    /// except for the signing key.
    mutating func applyLeftOut() throws(SystemError) {
        let secrets = try SecretFiles.paths(in: directory)
        let packaging = try PackagingRules.generatedDirectories(in: directory)
        for path in packaging {
            for i in places(below: path) where !isTracked(files[i].path) { classes[i] = .leftOut(.packaging) }
        }
        for i in files.indices {
            let path = files[i].path
            if let reason = reason(path, nameStart: index.nameStart[i]), !isTracked(path) {
                classes[i] = .leftOut(reason)
            }
        }
        for path in secrets {
            if let i = listing.index(of: path), !isTracked(path) { classes[i] = .leftOut(.secret) }
        }
        if let path = TreePath(".config"), let i = listing.index(of: path) { classes[i] = .configuration }
        // certs/Makefile: "You can provide your own config file." The copy of the default one that it makes
        // otherwise leaves no trace, so that nothing proves which of the two stands here.
        if let path = TreePath("certs/x509.genkey"), let i = listing.index(of: path),
            classes[i] != .output(.savedCommand)
        {
            classes[i] = .source
        }
    }

    private func reason(_ path: TreePath, nameStart: Int) -> LeftOutReason? {
        path.bytes.withUnsafeBufferPointer { bytes -> LeftOutReason? in
            guard nameStart < bytes.count else { return nil }
            let (first, last) = (bytes[nameStart], bytes[bytes.count - 1])
            let isHidden = first == UInt8(ascii: ".")
            if isHidden, TemporaryName.isTemporary(bytes[nameStart...]) { return .temporary }
            if isHidden || nameStart > 0, VersionControlNames.occur(in: bytes) { return .versionControl }
            if nameStart == 0 {
                if IntermediateRules.isIntermediate(bytes[...]) { return .intermediate }
                if PackagingRules.isPackage(path.bytes) || PackagingRules.isSpec(path.bytes) {
                    return .packaging
                }
            }
            if EditorNames.mayBe(first, last) || EditorNames.isIndex(bytes[nameStart...]) {
                return isEditors(path, bytes[nameStart...]) ? .editor : nil
            }
            return nil
        }
    }

    private func isEditors(_ path: TreePath, _ name: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        if EditorNames.isSure(name) || EditorNames.isIndex(name) { return true }
        // Patch leftovers: only beside the file that was patched, for a source may really be called so.
        for suffix in [".orig", ".rej"] where name.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) {
            if let base = TreePath(path.bytes.dropLast(suffix.utf8.count)) {
                return listing.index(of: base) != nil
            }
        }
        return false
    }
}

/// Folders of version control systems; the scanner skips them already.
enum VersionControlNames {
    private static let names = [".git", ".hg", ".svn", ".bzr", ".jj", ".pc"].map { Array($0.utf8) }

    static func occur(in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = 0
        while start < bytes.count {
            let isDot = bytes[start] == UInt8(ascii: ".")
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: "/") { end += 1 }
            if isDot, names.contains(where: { bytes[start..<end].elementsEqual($0) }) { return true }
            start = end + 1
        }
        return false
    }
}

/// Outputs at the root that nothing reads again: scripts/link-vmlinux.sh makes its passes (`.tmp_vmlinux*`,
/// `.tmp_System.map`, `.btf.*`) anew for each link, `.missing-syscalls.d` is written by every make, and
/// `.config.old` is Kconfig's backup. Tried with 6.1: without them make builds nothing.
enum IntermediateRules {
    static func isIntermediate(_ name: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard name.first == UInt8(ascii: ".") else { return false }
        for prefix in [".tmp_vmlinux", ".tmp_kallsyms", ".tmp_System.map", ".btf."]
        where name.starts(with: prefix.utf8) {
            return true
        }
        return [".config.old", ".missing-syscalls.d"].contains { name.elementsEqual($0.utf8) }
    }
}

/// Names that editors, patch and indexers use, in any directory.
enum EditorNames {
    /// A quick look at the first and last byte.
    static func mayBe(_ first: UInt8, _ last: UInt8) -> Bool {
        last == UInt8(ascii: "~") || first == UInt8(ascii: "#") || first == UInt8(ascii: ".")
            || last == UInt8(ascii: "g") || last == UInt8(ascii: "j")
    }

    static func isSure(_ name: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard name.count > 1, let first = name.first, let last = name.last else { return false }
        if last == UInt8(ascii: "~") || first == UInt8(ascii: "#") && last == first { return true }
        guard first == UInt8(ascii: ".") else { return false }
        if name.starts(with: ".#".utf8) { return true }
        // Vim's swap files: `.NAME.swp`, counting down from p to a.
        let end = Array(name.suffix(4))
        return name.count > 5 && end.starts(with: ".sw".utf8)
            && (UInt8(ascii: "a")...UInt8(ascii: "p")).contains(last)
    }

    private static let indexes = [
        "tags", "TAGS", "GPATH", "GRTAGS", "GSYMS", "GTAGS", "cscope.out", "cscope.files",
    ]
    .map { Array($0.utf8) }

    /// What `make tags`, `TAGS`, `cscope` and `gtags` write, and `distclean` removes.
    static func isIndex(_ name: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard let first = name.first, "tTGc".utf8.contains(first), name.count <= 12 else { return false }
        return indexes.contains { name.elementsEqual($0) }
    }
}
