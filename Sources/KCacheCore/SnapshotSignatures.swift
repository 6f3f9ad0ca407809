/// The signatures of one snapshot: a text of one armored signature after another, and what they are of.
package enum SnapshotSignatures {
    /// The most that one snapshot may have.
    package static let most = 16
    /// Longer texts are not read.
    package static let longest = 64 << 10

    /// The bytes that are signed for a snapshot, in the namespace `kcache`.
    ///
    /// The record's digest stands for all: the record has the header and the digests of the manifest's chunks,
    /// and the manifest those of every file.
    package static func statement(_ id: SnapshotID) -> [UInt8] {
        Array("kcache snapshot signature 1\nrecord sha256 \(id.digest.hex)\n".utf8)
    }

    package static func encode(_ signatures: [SshSignature]) -> [UInt8] { signatures.flatMap(\.armored) }

    /// - Throws: for anything but what `encode` makes of one to `most` signatures by different keys.
    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> [SshSignature] {
        guard bytes.count <= longest else { throw FormatError("signature", "too long") }
        var rest = bytes[...]
        var signatures: [SshSignature] = []
        repeat {
            guard signatures.count < most else { throw FormatError("signature", "more than \(most)") }
            signatures.append(try SshSignature(armored: &rest))
        } while !rest.isEmpty
        guard Set(signatures.map(\.publicKey)).count == signatures.count else {
            throw FormatError("signature", "one key twice")
        }
        guard encode(signatures) == bytes else {
            throw FormatError("signature", "not as ssh-keygen writes it")
        }
        return signatures
    }
}
