package import KCacheCore
import KCacheSystem

/// Secret files by name.
enum SecretFiles {
    /// Seeds of structure layout randomisation, and the module signing key where Kbuild makes it.
    private static let fixed = [
        "certs/signing_key.pem", "signing_key.priv", "scripts/basic/randstruct.seed",
        "scripts/gcc-plugins/randomize_layout_seed.h",
    ]

    static func isFixed(_ path: TreePath) -> Bool { fixed.contains { path.bytes.elementsEqual($0.utf8) } }

    /// The fixed names, and the keys that the configuration names (a PKCS#11 URI names no file).
    static func paths(in directory: Directory) throws(SystemError) -> [TreePath] {
        var found = fixed.compactMap { TreePath($0) }
        let text = try KbuildTree.read("include/config/auto.conf", directory) ?? []
        let config = try KbuildTree.read(".config", directory) ?? []
        for line in (text + [UInt8(ascii: "\n")] + config).split(separator: UInt8(ascii: "\n")) {
            let prefix = "CONFIG_MODULE_SIG_KEY=\""
            guard line.starts(with: prefix.utf8) else { continue }
            let value = line.dropFirst(prefix.utf8.count).prefix { $0 != UInt8(ascii: "\"") }
            if let path = TreePath(value) { found.append(path) }
        }
        return found
    }
}

/// Tells private keys by what they hold; called with the bytes that a push hashes anyway.
package enum SecretContent {
    /// Larger files are not looked through: the longest keys (RSA 16384 with its certificate chain) stay
    /// far below this.
    package static let largest = 64 * 1024

    /// True if the text holds a PEM private key block (RFC 7468, RFC 5958, OpenSSH's and PGP's own).
    package static func isPrivateKey(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= largest else { return false }
        var at = 0
        while let start = find(in: bytes, from: at) {
            // The label ends the line; PEM labels are short.
            var end = start + 11
            while end < bytes.count, end < start + 80, bytes[end] != UInt8(ascii: "\n") { end += 1 }
            let label = bytes[(start + 11)..<end]
            if label.firstRange(of: "PRIVATE KEY".utf8) != nil, isWhole(bytes, from: end) { return true }
            at = start + 11
        }
        return false
    }

    package static func isPrivateKey(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { isPrivateKey($0) }
    }

    /// A key has a line of base64 after its first line; documentation and scripts that merely name the
    /// marker have not.
    private static func isWhole(_ bytes: UnsafeRawBufferPointer, from end: Int) -> Bool {
        for line in bytes[min(end, bytes.count)...].split(separator: UInt8(ascii: "\n")).prefix(8) {
            let text = line.filter { $0 != UInt8(ascii: "\r") }
            let isBase64 = text.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                    || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "=")
            }
            if text.count >= 32, isBase64 { return true }
        }
        return false
    }

    private static let begin = Array("-----BEGIN ".utf8)

    private static func find(in bytes: UnsafeRawBufferPointer, from: Int) -> Int? {
        ByteSearch.first(begin, in: UnsafeRawBufferPointer(rebasing: bytes[from...])).map { from + $0 }
    }

    /// Keys that the kernel's own test suites publish: they are no secret, and a tree without them is not
    /// complete.
    package static func isPublishedTestKey(_ path: TreePath) -> Bool {
        path.bytes.elementsEqual("tools/testing/selftests/sgx/sign_key.pem".utf8)
    }
}
