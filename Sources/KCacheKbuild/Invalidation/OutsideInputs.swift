import KCacheCore
import KCacheSystem
import SystemPackage

/// Outputs into which the configuration puts files from outside the tree: an initramfs, firmware, keys.
///
/// No snapshot says what those files held. Make only compares their times, and one that differs here may be older than
/// the output from elsewhere.
enum OutsideInputs {
    /// Those of the outputs that are made from such files, by the tree's configuration as syncconfig wrote it.
    static func dependents(of root: Directory, among outputs: Set<TreePath>) throws(SystemError) -> [TreePath]
    {
        guard let path = TreePath("include/config/auto.conf"), let text = try root.readFile(path) else {
            return []
        }
        let config = AutoConf(parsing: text)
        var prefixes: [String] = []
        // Paths are those of usr/Makefile, drivers/base/firmware_loader/builtin/Makefile and certs/Makefile.
        func leadsOut(_ name: String) throws(SystemError) -> Bool {
            try Self.leadsOut(config[name], root)
        }
        let isListed = try listsOutside(root)
        if try leadsOut("INITRAMFS_SOURCE") || isListed {
            prefixes += ["usr/initramfs_data.cpio", "usr/initramfs_inc_data"]
        }
        let firmware = config["EXTRA_FIRMWARE"]
        if firmware != "n", !firmware.isEmpty, try leadsOut("EXTRA_FIRMWARE_DIR") {
            prefixes += ["drivers/base/firmware_loader/builtin/", "firmware/"]
        }
        if try leadsOut("SYSTEM_TRUSTED_KEYS") { prefixes.append("certs/x509_certificate_list") }
        if try leadsOut("SYSTEM_REVOCATION_KEYS") { prefixes.append("certs/x509_revocation_list") }
        if try leadsOut("MODULE_SIG_KEY") { prefixes.append("certs/signing_key.x509") }
        if try leadsOut("SYSTEM_BLACKLIST_HASH_LIST") { prefixes.append("certs/blacklist_hash") }
        if try leadsOut("ACPI_CUSTOM_DSDT_FILE") { prefixes.append("drivers/acpi/tables.o") }
        if try leadsOut("CFG80211_EXTRA_REGDB_KEYDIR") { prefixes.append("net/wireless/extra-certs") }
        if prefixes.isEmpty { return [] }
        return outputs.filter { path in
            guard let prefix = prefixes.first(where: { path.bytes.starts(with: $0.utf8) }) else {
                return false
            }
            return !prefix.hasSuffix("/") || path.hasSuffix(".gen.o")
        }.sorted()
    }

    /// True if a word of the setting is a path out of the tree, a link, or a key on a token.
    private static func leadsOut(_ value: String, _ root: Directory) throws(SystemError) -> Bool {
        for word in value.split(separator: " ") {
            if word.hasPrefix("/") || word.hasPrefix("pkcs11:") || word.split(separator: "/").contains("..") {
                return true
            }
            // A link may lead anywhere, one in the middle too.
            var path = TreePath(String(word))
            while let part = path {
                if try kind(of: part, root) == .link { return true }
                path = part.parent
            }
        }
        return false
    }

    private static func kind(of path: TreePath, _ root: Directory) throws(SystemError) -> FileStatus.Kind? {
        do throws(SystemError) { return try root.status(path)?.kind } catch {
            // A link stands in the way.
            if error.errno == .tooManySymbolicLinkLevels || error.errno == .notDirectory { return nil }
            throw error
        }
    }

    /// True if the list of what went into the initramfs (usr/Makefile) names files outside of the tree.
    private static func listsOutside(_ root: Directory) throws(SystemError) -> Bool {
        guard let path = TreePath("usr/.initramfs_data.cpio.d"), let text = try root.readFile(path) else {
            return false
        }
        let places = [try root.realPath(), try root.base?.directory.realPath()].compactMap { $0 }
        for word in text.split(whereSeparator: { [0x20, 0x0a, 0x09, 0x5c].contains($0) })
        where word.first == UInt8(ascii: "/") {
            let file = FilePath(String(decoding: word, as: UTF8.self))
            if !places.contains(where: { file.starts(with: $0) }) { return true }
        }
        return false
    }
}
