import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Settings that put files from outside the tree into outputs.
@Suite struct OutsideInputsTests {
    private static let outputs = [
        "usr/initramfs_data.cpio", "usr/initramfs_inc_data", "usr/initramfs_data.o",
        "certs/x509_certificate_list",
        "certs/x509_revocation_list", "certs/signing_key.x509", "certs/system_keyring.o",
        "drivers/base/firmware_loader/builtin/a.bin.gen.o", "drivers/base/firmware_loader/builtin/built-in.a",
    ]

    @Test(
        arguments: [
            (
                "CONFIG_INITRAMFS_SOURCE=\"/srv/root list\"",
                ["usr/initramfs_data.cpio", "usr/initramfs_inc_data"]
            ),
            (
                "CONFIG_INITRAMFS_SOURCE=\"usr/mine ../root\"",
                ["usr/initramfs_data.cpio", "usr/initramfs_inc_data"]
            ),
            ("CONFIG_INITRAMFS_SOURCE=\"usr/mine\"", []), ("CONFIG_INITRAMFS_SOURCE=\"\"", []), ("", []),
            (
                "CONFIG_EXTRA_FIRMWARE=\"a.bin\"\nCONFIG_EXTRA_FIRMWARE_DIR=\"/lib/firmware\"",
                ["drivers/base/firmware_loader/builtin/a.bin.gen.o"]
            ),
            ("CONFIG_EXTRA_FIRMWARE=\"\"\nCONFIG_EXTRA_FIRMWARE_DIR=\"/lib/firmware\"", []),
            ("CONFIG_SYSTEM_TRUSTED_KEYS=\"/etc/keys.pem\"", ["certs/x509_certificate_list"]),
            ("CONFIG_SYSTEM_REVOCATION_KEYS=\"/etc/keys.pem\"", ["certs/x509_revocation_list"]),
            ("CONFIG_MODULE_SIG_KEY=\"pkcs11:token=x\"", ["certs/signing_key.x509"]),
            ("CONFIG_MODULE_SIG_KEY=\"certs/signing_key.pem\"", []),
            ("CONFIG_SYSTEM_TRUSTED_KEYS=\"a/link/keys.pem\"", ["certs/x509_certificate_list"]),
            (
                "CONFIG_INITRAMFS_SOURCE=\"listed\"",
                ["usr/initramfs_data.cpio", "usr/initramfs_inc_data"]
            ),
        ] as [(String, [String])])
    func outputsWithFilesFromOutsideAreNamed(config: String, expected: [String]) throws {
        let place = FileManager.default.temporaryDirectory.appending(path: "outside-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        let folder = place.appending(path: "include/config")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try (config + "\n").write(to: folder.appending(path: "auto.conf"), atomically: false, encoding: .utf8)
        try FileManager.default.createDirectory(
            at: place.appending(path: "a"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: place.appending(path: "a/link").path, withDestinationPath: "/etc")
        if config.contains("listed") {
            try FileManager.default.createDirectory(
                at: place.appending(path: "usr"), withIntermediateDirectories: true)
            try "deps_initramfs := \\\n\(place.path)/init \\\n/home/me/init \\\n".write(
                to: place.appending(path: "usr/.initramfs_data.cpio.d"), atomically: false, encoding: .utf8)
        }
        let found = try OutsideInputs.dependents(
            of: try Directory.open(FilePath(place.path)), among: Set(Self.outputs.compactMap { TreePath($0) })
        )
        #expect(found.map(\.description) == expected)
    }
}
