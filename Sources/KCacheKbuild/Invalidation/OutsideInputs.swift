import KCacheCore
import KCacheSystem

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
        if leadsOut(config["INITRAMFS_SOURCE"]) {
            prefixes += ["usr/initramfs_data.cpio", "usr/initramfs_inc_data"]
        }
        let firmware = config["EXTRA_FIRMWARE"]
        if firmware != "n", !firmware.isEmpty, leadsOut(config["EXTRA_FIRMWARE_DIR"]) {
            prefixes += ["drivers/base/firmware_loader/builtin/", "firmware/"]
        }
        if leadsOut(config["SYSTEM_TRUSTED_KEYS"]) { prefixes.append("certs/x509_certificate_list") }
        if leadsOut(config["SYSTEM_REVOCATION_KEYS"]) { prefixes.append("certs/x509_revocation_list") }
        if leadsOut(config["MODULE_SIG_KEY"]) { prefixes.append("certs/signing_key.x509") }
        if prefixes.isEmpty { return [] }
        return outputs.filter { path in
            guard let prefix = prefixes.first(where: { path.bytes.starts(with: $0.utf8) }) else {
                return false
            }
            return !prefix.hasSuffix("/") || path.hasSuffix(".gen.o")
        }.sorted()
    }

    /// True if a word of the setting is a path out of the tree, or a key on a token.
    private static func leadsOut(_ value: String) -> Bool {
        value.split(separator: " ").contains { word in
            word.hasPrefix("/") || word.hasPrefix("pkcs11:") || word.split(separator: "/").contains("..")
        }
    }
}
