import KCacheCore
import Testing

@Suite struct SshSignatureTests {
    /// As ssh-keygen (OpenSSH 9.2) wrote it, by a key made for this test.
    static let sample = """
        -----BEGIN SSH SIGNATURE-----
        U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgbZheA2AFeztAs9OWVGIuD/DLLa
        pGlOTkfqw5wmexD9kAAAAGa2NhY2hlAAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1
        NTE5AAAAQOpWAj5x5rZAk0Ko3DpEeLRnCPO65q2vnjrUB52O/8pEwJ+NHugV0t5MM53XFk
        PXp7/rNqh2ljqwesKvEKNtjwo=
        -----END SSH SIGNATURE-----
        """
    private var sample: [UInt8] { Array((Self.sample + "\n").utf8) }

    private func decode(_ text: String) -> [SshSignature]? {
        do { return try SnapshotSignatures.decode(Array(text.utf8)) } catch { return nil }
    }

    @Test func readsWhatSshKeygenWrites() throws {
        let signature = try #require(try SnapshotSignatures.decode(sample).first)
        #expect(signature.namespace == "kcache" && signature.keyType == "ssh-ed25519")
        #expect(signature.keyDescription == "ED25519 SHA256:mYRXBQjAcgZiviHPGu+Lejddplg3uDwjUsPhVWzqw1k")
        #expect(signature.armored == sample)
        #expect(SnapshotSignatures.encode([signature]) == sample)
    }

    @Test func statement() throws {
        let id = SnapshotID(Digest.of([]))
        #expect(
            String(decoding: SnapshotSignatures.statement(id), as: UTF8.self)
                == "kcache snapshot signature 1\nrecord sha256 "
                + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n")
    }

    @Test func refusesWhatHoldsOtherThings() {
        let text = Self.sample + "\n"
        #expect(decode(text) != nil)
        let lines = text.split(separator: "\n").map(String.init)
        let wrong = [
            "", "hello\n", "\n" + text, " " + text, text + "\n", text + "hello\n", Self.sample,
            text.split(separator: "\n").joined(separator: "\r\n") + "\r\n",
            lines.dropFirst().joined(separator: "\n") + "\n", lines.dropLast().joined(separator: "\n") + "\n",
            // The same bytes in lines of another length.
            lines[0] + "\n" + lines[1..<5].joined() + "\n" + lines[5] + "\n",
            lines[0] + "\nKey: value\n" + lines[1...].joined(separator: "\n") + "\n",
            text + text,
            lines[0] + "\n" + lines[5] + "\n",
        ]
        for text in wrong { #expect(decode(text) == nil, "\(text)") }
        #expect(decode(String(repeating: "A", count: 70_000)) == nil)
    }

    /// Each cut, and each byte another: refused, or something that says what it is.
    @Test func refusesBrokenBlobs() throws {
        let blob = try #require(try SnapshotSignatures.decode(sample).first).blob
        for count in blob.indices {
            #expect(throws: FormatError.self) { try SshSignature(blob: Array(blob[..<count])) }
        }
        #expect(throws: FormatError.self) { try SshSignature(blob: blob + [0]) }
        #expect(throws: FormatError.self) {
            try SshSignature(blob: blob + [UInt8](repeating: 0, count: SshSignature.longest))
        }
        var newer = blob
        newer[9] = 2
        #expect(throws: FormatError("signature", "version 2, and this kcache reads 1", at: 10)) {
            try SshSignature(blob: newer)
        }
        var odd = blob
        odd[try #require(blob.firstRange(of: Array("kcache".utf8))).lowerBound] = 0x1b
        #expect(throws: FormatError.self) { try SshSignature(blob: odd) }
    }

    @Test func atMostSixteenKeys() throws {
        let blob = try #require(try SnapshotSignatures.decode(sample).first).blob
        // The key's last byte: 6 of magic, 4 of version, a length, and 51 of key.
        let several = try (0..<17 as Range<UInt8>).map { number in
            var other = blob
            other[6 + 4 + 4 + 50] = number
            return try SshSignature(blob: other)
        }
        let most = Array(several.prefix(16))
        #expect(try SnapshotSignatures.decode(SnapshotSignatures.encode(most)) == most)
        #expect(throws: FormatError("signature", "more than 16")) {
            try SnapshotSignatures.decode(SnapshotSignatures.encode(several))
        }
    }

    /// The vectors of RFC 4648.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]) func base64(plain: String, coded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == Array(coded.utf8))
        #expect(Base64.decode(Array(coded.utf8)) == Array(plain.utf8))
    }

    @Test func base64TakesOneTextPerContent() {
        let all = (0...255).map { UInt8($0) }
        #expect(Base64.decode(Base64.encode(all)) == all)
        for text in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm 9", "Zm9v\n", "Zg==Zg==", "Zm-_"] {
            #expect(Base64.decode(Array(text.utf8)) == nil, "\(text)")
        }
    }
}
