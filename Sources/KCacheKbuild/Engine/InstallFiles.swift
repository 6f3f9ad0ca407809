import KCacheCore
import KCacheTree

/// What `make install modules_install` reads of the outputs of a build.
///
/// Neither goal has anything of the build as a prerequisite, so make looks at no time; and both are among the top
/// Makefile's `no-sync-config-targets` and `no-compiler-targets`, so nothing is configured or compiled. They read
/// - `include/config/auto.conf`, which the top Makefile includes, if `include/generated/autoconf.h` is there;
/// - `include/config/kernel.release`;
/// - `$(KBUILD_IMAGE)` and `System.map` (`scripts/install.sh`, or the architecture's own);
/// - `modules.order` and what it names, `modules.builtin` and its like (`__modinst_pre`, `Makefile.modinst`), up to
///   5.2 also `.tmp_versions/*.mod`.
struct InstallFiles {
    let outputs: Set<TreePath>
    /// Those of them that are the kernel's image, in one form or several.
    let images: [TreePath]

    /// - Parameters:
    ///   - makefile: that of the architecture.
    ///   - read: gives an entry's content.
    /// - Throws: `KbuildError` if something of it is not in the snapshot, or would not do.
    init(
        _ snapshot: Snapshot, makefile: [UInt8], read: (SnapshotEntry) throws -> [UInt8]
    ) throws {
        let entries = Dictionary(
            snapshot.entries.lazy.filter { $0.role == .output }.map { ($0.path, $0) },
            uniquingKeysWith: { a, _ in a })
        var outputs: Set<TreePath> = []
        func require(_ path: TreePath) throws -> SnapshotEntry {
            guard let entry = entries[path] else { throw Self.lacking("\(path)") }
            outputs.insert(path)
            return entry
        }
        for name in ["System.map", "include/config/kernel.release", "include/generated/autoconf.h"] {
            if let path = TreePath(name) { _ = try require(path) }
        }
        guard let configuration = TreePath("include/config/auto.conf"), let order = TreePath("modules.order")
        else { throw Self.lacking("a configuration") }
        let config = AutoConf(parsing: try read(try require(configuration)))
        if config["MODULE_SIG_ALL"] == "y", config["MODULES"] == "y" {
            throw KbuildError(
                .unfit,
                "nothing was pulled: this kernel's modules are signed when they are installed, with a key that no "
                    + "snapshot holds: pull all of it, and run make before make modules_install")
        }
        let images = Self.images(makefile, architecture: snapshot.header.environment.architecture)
        let found = images.filter { entries[$0] != nil }
        guard !found.isEmpty else {
            throw Self.lacking(images.isEmpty ? "the kernel's image" : "\(images[0])")
        }
        outputs.formUnion(found)
        if config["MODULES"] == "y" {
            for path in Self.modules(try read(try require(order))) {
                // Up to 5.2 the list says where they are installed.
                let inside = path.hasPrefix("kernel/") ? TreePath(path.bytes[7...]) : nil
                if let inside, entries[path] == nil { _ = try require(inside) } else { _ = try require(path) }
            }
        }
        for path in entries.keys
        where path.hasPrefix(".tmp_versions/") || path.parent == nil && path.hasPrefix("modules.") {
            outputs.insert(path)
        }
        (self.outputs, self.images) = (outputs, found)
    }

    private static func lacking(_ what: String) -> KbuildError {
        KbuildError(
            .unfit,
            "nothing was pulled: this snapshot has not all that make install reads (\(what)): pull all of it, and run "
                + "make")
    }

    /// What `KBUILD_IMAGE` is in any branch of the architecture's Makefile, or for one of its goals; `vmlinux` where it
    /// is not set, as the top Makefile has it.
    static func images(_ makefile: [UInt8], architecture: String) -> [TreePath] {
        var words: [String] = []
        var isSet = false
        for line in makefile.split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
            guard line.first != UInt8(ascii: "\t"), let equals = text.firstIndex(of: "=") else { continue }
            let name = text[..<equals].split { " \t:?+".contains($0) }.last
            guard name == "KBUILD_IMAGE" else { continue }
            let value = text[text.index(after: equals)...].split { " \t\r".contains($0) }
            // What has blanks in it is the call of a function.
            words += value.count == 1 ? [String(value[0])] : []
            isSet = true
        }
        if !isSet { words = ["vmlinux"] }
        let expansion = MakeExpansion(
            values: MakefileText(makefile).values,
            given: ["SRCARCH": [architecture], "srctree": ["."], "objtree": ["."]], unknown: nil)
        var seen = Set<TreePath>()
        return expansion.expand(words).compactMap { word in
            let plain = word.hasPrefix("./") ? String(word.dropFirst(2)) : word
            return TreePath(plain).flatMap { seen.insert($0).inserted ? $0 : nil }
        }
    }

    /// The modules that a `modules.order` names; from 6.3 on it has their objects.
    private static func modules(_ order: [UInt8]) -> [TreePath] {
        order.split(separator: UInt8(ascii: "\n")).compactMap { line in
            TreePath(
                line.suffix(2).elementsEqual(".o".utf8) ? line.dropLast(2) + Array(".ko".utf8) : Array(line))
        }
    }
}
