/// A signature as `ssh-keygen -Y sign` makes it (OpenSSH, PROTOCOL.sshsig), taken apart as far as it has to be
/// told whose it is and what for. Whether it is right, ssh-keygen says.
package struct SshSignature: Hashable, Sendable {
    /// What the kind of signature is for: one made for git or for files counts for nothing here.
    package static let namespace = "kcache"

    /// All of it, from its magic on.
    package let blob: [UInt8]
    /// The signer's key, as OpenSSH encodes it; whether it made this signature is to be checked.
    package let publicKey: [UInt8]
    /// The key's algorithm: `ssh-ed25519`.
    package let keyType: String
    package let namespace: String

    private static let magic = Array("SSHSIG".utf8)
    private static let what = "signature"
    /// A longer one is not believed; RSA with 16384 bits takes less than half.
    package static let longest = 16 << 10

    /// - Throws: `FormatError` for anything but a whole signature of version 1.
    package init(blob: [UInt8]) throws(FormatError) {
        guard blob.count <= Self.longest else { throw FormatError(Self.what, "too long") }
        var reader = SshReader(blob, what: Self.what)
        guard try reader.take(Self.magic.count) == Self.magic else {
            throw FormatError(Self.what, "not an SSH signature")
        }
        let version = try reader.number()
        guard version == 1 else { throw reader.error("version \(version), and this kcache reads 1") }
        let publicKey = try reader.string()
        let namespace = try reader.string()
        guard try reader.string().isEmpty else { throw reader.error("a reserved field is not empty") }
        guard ["sha256", "sha512"].contains(String(decoding: try reader.string(), as: UTF8.self)) else {
            throw reader.error("an unknown hash")
        }
        guard try !reader.string().isEmpty, reader.isAtEnd else {
            throw reader.error("no signature, or bytes after it")
        }
        var key = SshReader(publicKey, what: Self.what)
        let type = try key.string()
        guard Self.isName(type), Self.isName(namespace) else {
            throw reader.error("a key type or namespace with odd letters")
        }
        (self.blob, self.publicKey) = (blob, publicKey)
        keyType = String(decoding: type, as: UTF8.self)
        self.namespace = String(decoding: namespace, as: UTF8.self)
    }

    /// 1 to 64 letters that may stand anywhere in a line.
    private static func isName(_ bytes: [UInt8]) -> Bool {
        (1...64).contains(bytes.count) && bytes.allSatisfy { (0x21..<0x7f).contains($0) }
    }

    /// `ED25519 SHA256:mYRX…`, as ssh-keygen shows keys.
    package var keyDescription: String {
        let digest = Base64.encode(Digest.of(publicKey).bytes, padded: false)
        return "\(keyLabel) SHA256:\(String(decoding: digest, as: UTF8.self))"
    }

    private var keyLabel: String {
        switch keyType {
        case "ssh-ed25519": "ED25519"
        case "ssh-rsa": "RSA"
        case "sk-ssh-ed25519@openssh.com": "ED25519-SK"
        case "sk-ecdsa-sha2-nistp256@openssh.com": "ECDSA-SK"
        case _ where keyType.hasPrefix("ecdsa-sha2-"): "ECDSA"
        default: keyType
        }
    }

    // MARK: Armor

    private static let begin = Array("-----BEGIN SSH SIGNATURE-----\n".utf8)
    private static let end = Array("-----END SSH SIGNATURE-----\n".utf8)
    private static let column = 70

    /// The text that ssh-keygen writes.
    package var armored: [UInt8] {
        let text = Base64.encode(blob)
        var out = Self.begin
        for start in stride(from: 0, to: text.count, by: Self.column) {
            out += text[start..<min(start + Self.column, text.count)]
            out.append(UInt8(ascii: "\n"))
        }
        return out + Self.end
    }

    /// Reads one from the front, and moves on behind it.
    ///
    /// - Throws: for anything between the two lines but lines of Base64.
    package init(armored text: inout ArraySlice<UInt8>) throws(FormatError) {
        func refuse(_ problem: String) -> FormatError { FormatError(Self.what, problem) }
        guard text.starts(with: Self.begin) else { throw refuse("no `BEGIN SSH SIGNATURE` line") }
        text = text.dropFirst(Self.begin.count)
        var letters: [UInt8] = []
        while !text.starts(with: Self.end) {
            guard let stop = text.firstIndex(of: UInt8(ascii: "\n")) else {
                throw refuse("no `END SSH SIGNATURE` line")
            }
            letters += text[..<stop]
            guard letters.count <= Self.longest * 2 else { throw refuse("too long") }
            text = text[(stop + 1)...]
        }
        text = text.dropFirst(Self.end.count)
        guard let blob = Base64.decode(letters) else { throw refuse("not Base64") }
        try self.init(blob: blob)
    }
}

/// Reads what SSH's wire format writes: big-endian numbers of four bytes, and strings behind their length.
private struct SshReader {
    private var rest: ArraySlice<UInt8>
    private let what: String

    init(_ bytes: [UInt8], what: String) { (rest, self.what) = (bytes[...], what) }

    var isAtEnd: Bool { rest.isEmpty }

    func error(_ problem: String) -> FormatError { FormatError(what, problem, at: rest.startIndex) }

    mutating func take(_ count: Int) throws(FormatError) -> [UInt8] {
        guard rest.count >= count else { throw error("cut short") }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func number() throws(FormatError) -> UInt32 {
        try take(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func string() throws(FormatError) -> [UInt8] { try take(Int(try number())) }
}
