package import SystemPackage

/// Whose snapshots may be taken: passed in, for one store.
package struct SnapshotTrust: Sendable {
    /// Keys and who they belong to, in git's format (ssh-keygen(1), ALLOWED SIGNERS). Nil: signatures are not
    /// looked at.
    package var allowedSigners: FilePath?
    /// Takes nothing that none of them has signed.
    package var requiresSignature = false
    /// Takes the store as it is where it lists less than it did.
    package var acceptsOlder = false
    package var keygen: SshKeygen
    /// Where this machine keeps what it has seen of stores; nil: it keeps nothing.
    package var memory: FilePath?

    package init(
        allowedSigners: FilePath? = nil, requiresSignature: Bool = false, acceptsOlder: Bool = false,
        keygen: SshKeygen = SshKeygen(environment: [:]), memory: FilePath? = nil
    ) {
        (self.allowedSigners, self.requiresSignature) = (allowedSigners, requiresSignature)
        (self.acceptsOlder, self.keygen, self.memory) = (acceptsOlder, keygen, memory)
    }

    /// Looks at no signature and remembers nothing.
    package static let none = SnapshotTrust()
}
