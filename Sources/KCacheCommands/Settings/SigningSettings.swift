import KCacheCore
import KCacheKbuild
import KCacheSystem
import SystemPackage

/// What the configuration file says of signatures.
struct SigningSettings: Hashable {
    /// The user's key: a private key's file, or the public one's where the agent has it.
    var key: String?
    /// Keys that may sign, in git's format.
    var allowedSigners: String?
    var requireSignature = false

    enum Key: String, CaseIterable {
        case key
        case allowedSigners = "allowed-signers"
        case requireSignature = "require-signature"
    }

    /// How a value is shown; nil for none.
    func shown(_ key: Key) -> String? {
        switch key {
        case .key: self.key
        case .allowedSigners: allowedSigners
        case .requireSignature: "\(requireSignature)"
        }
    }

    /// Sets a key; false if it takes no such value.
    mutating func set(_ key: Key, _ value: TomlDocument.Value) -> Bool {
        switch (key, value) {
        case (.key, .string(let text)) where Self.isPlace(text): self.key = text
        case (.allowedSigners, .string(let text)) where Self.isPlace(text): allowedSigners = text
        case (.requireSignature, .boolean(let flag)): requireSignature = flag
        default: return false
        }
        return true
    }

    /// What a key takes, for error lines.
    static func kind(_ key: Key) -> String {
        key == .requireSignature
            ? "true or false, without quotes" : "a text in quotes: a file that begins with / or ~/"
    }

    /// A file that does not depend on where kcache is started.
    private static func isPlace(_ text: String) -> Bool {
        (text.hasPrefix("/") || text.hasPrefix("~/")) && text.utf8.count > 2
    }

    // MARK: For the engine

    /// Whether snapshots of this store must be signed.
    ///
    /// All stores alike so far: a store's own settings would be asked here.
    func requiresSignature(store: String, option: Bool?) -> Bool { option ?? requireSignature }

    /// Whose snapshots a pull from this store takes.
    func trust(store: String, option: Bool?, acceptsOlder: Bool, _ invocation: Invocation) -> SnapshotTrust {
        SnapshotTrust(
            allowedSigners: allowedSigners.map { invocation.home($0) },
            requiresSignature: requiresSignature(store: store, option: option), acceptsOlder: acceptsOlder,
            keygen: SshKeygen(environment: invocation.environment), memory: invocation.stateFolder())
    }

    /// Signs with the key that is set; nil where none is.
    func signer(_ invocation: Invocation) -> (@Sendable (SnapshotID) throws -> SshSignature)? {
        guard let key else { return nil }
        return { id in try Self.signer(invocation.home(key), invocation)(id) }
    }

    /// Signs snapshots with a key; the file is looked for here, so that a push need not come to its end first.
    static func signer(_ key: FilePath, _ invocation: Invocation) throws(SettingsError)
        -> @Sendable (SnapshotID) throws -> SshSignature
    {
        guard FileIdentity(key) != nil else {
            throw SettingsError(
                "there is no key \(key.string): give push --sign-key FILE, or set signing.key (kcache config)"
            )
        }
        let keygen = SshKeygen(environment: invocation.environment)
        return { try keygen.sign($0, key: key) }
    }
}
