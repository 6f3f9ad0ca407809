package import SystemPackage

/// Whose snapshots may be taken: passed in, for one store.
package struct SnapshotTrust: Sendable {
    /// Keys and who they belong to, in git's format (ssh-keygen(1), ALLOWED SIGNERS). Nil: signatures are not
    /// looked at.
    package var allowedSigners: FilePath?
    /// Takes nothing that none of them has signed.
    package var requiresSignature = false
    package var keygen: SshKeygen

    package init(
        allowedSigners: FilePath? = nil, requiresSignature: Bool = false,
        keygen: SshKeygen = SshKeygen(environment: [:])
    ) {
        (self.allowedSigners, self.requiresSignature) = (allowedSigners, requiresSignature)
        self.keygen = keygen
    }

    /// Looks at no signature.
    package static let none = SnapshotTrust()
}
