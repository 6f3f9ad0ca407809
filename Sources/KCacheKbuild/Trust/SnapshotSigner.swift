/// Somebody whom the allowed-signers file knows, and the key that they signed with.
package struct SnapshotSigner: Hashable, Sendable, CustomStringConvertible {
    /// As the file has it: `alice@example.com`.
    package var principal: String
    /// `ED25519 SHA256:…`
    package var key: String

    package init(principal: String, key: String) { (self.principal, self.key) = (principal, key) }

    package var description: String { "\(principal) (\(key))" }
}

/// What became of a snapshot's signatures.
package enum SignatureJudgement: Hashable, Sendable {
    /// There is no allowed-signers file: nobody looked.
    case notAsked
    case unsigned
    case signed(SnapshotSigner)
    /// There are signatures, and none counts; why, in one line.
    case refused(String)

    package var isGood: Bool {
        if case .signed = self { return true }
        return false
    }

    package var signer: SnapshotSigner? {
        if case .signed(let signer) = self { return signer }
        return nil
    }

    /// What follows `snapshot 0123456789ab `, where it is not good.
    package var problem: String? {
        switch self {
        case .notAsked, .signed: nil
        case .unsigned: "is unsigned"
        case .refused(let reason): reason
        }
    }
}
